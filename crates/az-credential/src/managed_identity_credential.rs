//! `ManagedIdentityCredential`: a managed identity alone.

use crate::{
    error::CredentialError, managed_identity::ManagedIdentitySource,
    managed_identity_id::ManagedIdentityId, member_credential::MemberCredential,
    name::CredentialName, options::Options,
};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use std::{fmt, sync::Arc};

/// The managed identity of the machine or service that the program runs on, alone.
///
/// It asks App Service (with Functions and Container Apps), Azure Arc, Azure Machine Learning, Cloud Shell, Service Fabric
/// or a virtual machine's metadata service, whichever the variables of the host tell of. Alone it does not ask first
/// whether there is a metadata service, and `AZURE_CLIENT_ID` means nothing to it.
///
/// ```no_run
/// use az_credential::{ManagedIdentityCredential, ManagedIdentityId, Options};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let credential = ManagedIdentityCredential::new(Options {
///     managed_identity: Some(ManagedIdentityId::ClientId("00000000-0000-0000-0000-000000000000".to_owned())),
///     ..Options::from_process()?
/// })?;
/// # Ok(())
/// # }
/// ```
pub struct ManagedIdentityCredential {
    member: MemberCredential,
    id: ManagedIdentityId,
}

impl ManagedIdentityCredential {
    /// The identity of the options; without one, the system-assigned one.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(mut options: Options) -> Result<Arc<Self>, CredentialError> {
        let id = options
            .managed_identity
            .get_or_insert(ManagedIdentityId::SystemAssigned)
            .clone();
        let member = MemberCredential::alone(CredentialName::ManagedIdentity, options)?;
        Ok(Arc::new(ManagedIdentityCredential { member, id }))
    }

    /// Where the identity comes from here, as the variables tell.
    pub fn source(&self) -> ManagedIdentitySource {
        ManagedIdentitySource::of(&self.member.parts)
    }
}

#[async_trait::async_trait]
impl TokenCredential for ManagedIdentityCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.member.get_token(scopes, options).await
    }
}

impl fmt::Debug for ManagedIdentityCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManagedIdentityCredential")
            .field(&self.id)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chained::ChainedTokenCredential,
        env::Env,
        managed_identity::ManagedIdentityError,
        testing::{Reply, Script},
        unavailable::is_unavailable,
    };

    const TOKEN: &str = r#"{"access_token": "M", "expires_on": "2147483647"}"#;

    fn options(script: &Arc<Script>) -> Options {
        Options {
            env: Env::from_pairs([("AZURE_CLIENT_ID", "c")]),
            transport: Some(script.transport()),
            ..Options::default()
        }
    }

    #[tokio::test]
    async fn a_managed_identity_alone_is_the_one_of_the_options() {
        for (id, expected) in [
            (None, None),
            (Some(ManagedIdentityId::ClientId("i".to_owned())), Some("i")),
        ] {
            let script = Script::new([Reply::of(200, TOKEN)]);
            let credential = ManagedIdentityCredential::new(Options {
                managed_identity: id,
                ..options(&script)
            });
            let credential = credential.expect("a credential");
            credential.get_token(&["s"], None).await.expect("a token");
            let requests = script.requests();
            assert_eq!(requests.len(), 1, "no probe");
            assert_eq!(requests[0].query("client_id").as_deref(), expected);
        }
    }

    #[tokio::test]
    async fn its_error_says_whether_a_chain_goes_on() {
        for (id, goes_on) in [
            (None, true),
            (Some(ManagedIdentityId::ClientId("i".to_owned())), false),
        ] {
            let script = Script::new([Reply::of(400, "{}")]);
            let named = id.is_some();
            let credential = ManagedIdentityCredential::new(Options {
                managed_identity: id,
                ..options(&script)
            });
            let credential = credential.expect("a credential");
            let error = credential.get_token(&["s"], None).await.expect_err("none");
            assert_eq!(is_unavailable(&error), goes_on);
            assert_eq!(
                error.to_string().contains("client id 'i'"),
                named,
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn its_error_has_the_type_of_what_went_wrong() {
        let script = Script::new([]);
        let credential = ManagedIdentityCredential::new(Options {
            env: Env::from_pairs([("MSI_ENDPOINT", "http://localhost:50342/oauth2/token")]),
            managed_identity: Some(ManagedIdentityId::ClientId("i".to_owned())),
            ..options(&script)
        });
        let credential = credential.expect("a credential");
        assert_eq!(credential.source(), ManagedIdentitySource::CloudShell);
        let error = credential.get_token(&["s"], None).await.expect_err("none");
        let Some(CredentialError::Unavailable { attempts }) = CredentialError::find(&error) else {
            panic!("{error}");
        };
        let cause = attempts[0].cause().expect("a cause");
        assert!(matches!(
            ManagedIdentityError::find(cause),
            Some(ManagedIdentityError::UnsupportedId {
                host: ManagedIdentitySource::CloudShell,
                ..
            })
        ));
    }

    #[tokio::test]
    async fn members_make_a_chain_of_one_s_own() {
        let script = Script::new([Reply::of(200, TOKEN)]);
        let az = MemberCredential::new(CredentialName::AzureCli, options(&script));
        let machine = ManagedIdentityCredential::new(options(&script));
        let chain = ChainedTokenCredential::new(
            vec![az.expect("a credential"), machine.expect("a credential")],
            None,
        )
        .expect("a chain");
        let token = chain.get_token(&["s"], None).await.expect("a token");
        assert_eq!(token.token.secret(), "M");
        assert_eq!(chain.chosen(), Some(1));
    }
}
