//! `MemberCredential`: one member of the chain alone.

use crate::{
    error::{Attempt, CredentialError, Outcome},
    member::Member,
    name::CredentialName,
    options::Options,
    parts::Parts,
};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use std::{fmt, sync::Arc};

/// One credential of the default chain, alone: what is right for it in production, where it is known who is there.
///
/// Its errors are a [`CredentialError`] within an [`azure_core::Error`]: `Unavailable` where it is not set up, `Refused`
/// where it is. A developer's tool (`az`, `azd`, Azure PowerShell) counts as not set up whatever goes wrong with it.
///
/// ```no_run
/// use az_credential::{CredentialName, MemberCredential, Options};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let options = Options::from_process()?;
/// let credential = MemberCredential::new(CredentialName::WorkloadIdentity, options)?;
/// # Ok(())
/// # }
/// ```
pub struct MemberCredential {
    pub(crate) parts: Parts,
    member: Member,
}

impl MemberCredential {
    /// The credential with this name. Nothing is read or asked before a token is wanted.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(name: CredentialName, options: Options) -> Result<Arc<Self>, CredentialError> {
        Ok(Arc::new(MemberCredential::alone(name, options)?))
    }

    pub(crate) fn alone(name: CredentialName, options: Options) -> Result<Self, CredentialError> {
        Ok(MemberCredential {
            parts: options.into_parts(false)?,
            member: Member::new(name),
        })
    }
}

#[async_trait::async_trait]
impl TokenCredential for MemberCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let asking = self.member.token(&self.parts, scopes, options);
        asking.await.map_err(|failure| {
            let unavailable = matches!(failure.outcome, Outcome::Unavailable { .. });
            let attempts = vec![Attempt::new(self.member.name, failure)];
            if unavailable {
                CredentialError::Unavailable { attempts }.into()
            } else {
                CredentialError::Refused { attempts }.into()
            }
        })
    }
}

impl fmt::Debug for MemberCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemberCredential")
            .field(&self.member.name)
            .finish()
    }
}
