//! An application that asks Entra ID for tokens of its own (client credentials).
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>. `azure_identity` 1.0 has clients
//! for it, which know no claims, no second tenant, no region and no `refresh_in`.

use crate::{
    asked::Asked,
    clock::Clock,
    entra_answer::refusal,
    issued::{Issued, TokenSource},
    parts::Parts,
    region::{InvalidRegion, Region},
    tenants::{self, AllowedTenants, TenantError},
    token_answer::TokenAnswer,
};
use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        Context, Method, Pipeline, PipelineSendOptions, Request, Transport, Url,
        headers::{CONTENT_TYPE, content_type::APPLICATION_X_WWW_FORM_URLENCODED},
    },
};
use serde_json::{Map, Value, json};
use std::{fmt, sync::Arc};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// RFC 7523, section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Makes what stands in for a client's secret.
#[async_trait::async_trait]
pub(crate) trait Assertion: Send + Sync + fmt::Debug {
    /// An assertion for the token endpoint with this address, for a request with this context.
    async fn assertion(
        &self,
        audience: &str,
        context: &Context<'_>,
    ) -> azure_core::Result<Zeroizing<String>>;
}

/// By what Entra ID knows the application.
pub(crate) enum Proof {
    Secret(Zeroizing<String>),
    Assertion(Box<dyn Assertion>),
}

/// One application of one tenant.
pub(crate) struct EntraClient {
    tenant_id: String,
    client_id: String,
    proof: Proof,
    allowed: AllowedTenants,
    /// Tokens that can be taken back before they expire are welcome.
    continuous_access: bool,
    global: Url,
    region: Result<Region, InvalidRegion>,
    /// Found out once.
    authority: OnceCell<Url>,
    /// What a region is asked over.
    machine: Transport,
    pipeline: Pipeline,
    clock: Arc<dyn Clock>,
}

impl EntraClient {
    /// # Errors
    /// The tenant is none.
    pub(crate) fn new(
        parts: &Parts,
        tenant_id: &str,
        client_id: &str,
        proof: Proof,
        transport: Transport,
    ) -> Result<Self, TenantError> {
        tenants::check(tenant_id)?;
        let (name, version) = (
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
        );
        let options = parts.client_options(transport);
        Ok(EntraClient {
            tenant_id: tenant_id.to_owned(),
            client_id: client_id.to_owned(),
            proof,
            allowed: parts.allowed_tenants.clone(),
            continuous_access: parts.continuous_access_evaluation,
            global: parts.cloud.authority_host(),
            region: Region::of(&parts.env),
            authority: OnceCell::new(),
            machine: parts.transport.clone(),
            pipeline: Pipeline::new(name, version, options, Vec::new(), Vec::new(), None),
            clock: parts.clock.clone(),
        })
    }

    async fn endpoint(&self, tenant: &str) -> azure_core::Result<Url> {
        let region = self.region.as_ref().map_err(Clone::clone)?;
        let authority = self
            .authority
            .get_or_init(|| region.authority(self.global.clone(), &self.machine))
            .await;
        Ok(authority.join(&format!("{tenant}/oauth2/v2.0/token"))?)
    }

    /// The claims of a challenge, with what the client can do.
    fn claims(&self, asked: &Asked) -> azure_core::Result<Option<String>> {
        if !self.continuous_access {
            return Ok(asked.claims.clone());
        }
        let mut claims: Map<String, Value> = match &asked.claims {
            Some(claims) => serde_json::from_str(claims).map_err(|_| {
                // Serde's words may hold a part of the claims.
                Error::with_message(ErrorKind::Credential, "the claims are no JSON object")
            })?,
            None => Map::new(),
        };
        // https://learn.microsoft.com/entra/identity-platform/claims-challenge#client-capabilities
        if let Value::Object(wanted) = claims.entry("access_token").or_insert_with(|| json!({})) {
            wanted.insert("xms_cc".to_owned(), json!({"values": ["cp1"]}));
        }
        Ok(Some(Value::Object(claims).to_string()))
    }
}

#[async_trait::async_trait]
impl TokenSource for EntraClient {
    async fn issue(&self, asked: &Asked, context: &Context<'_>) -> azure_core::Result<Issued> {
        if asked.scopes.is_empty() {
            let message = "a token is for one scope at least";
            return Err(Error::with_message(ErrorKind::Credential, message));
        }
        let tenant = self
            .allowed
            .resolve(Some(&self.tenant_id), asked.tenant.as_deref())?;
        let endpoint = self.endpoint(tenant.unwrap_or(&self.tenant_id)).await?;
        let proof = match &self.proof {
            Proof::Secret(secret) => secret.clone(),
            Proof::Assertion(maker) => maker.assertion(endpoint.as_str(), context).await?,
        };
        // An address's query is written as a form is.
        let mut form = endpoint.clone();
        {
            let mut fields = form.query_pairs_mut();
            fields
                .clear()
                .append_pair("client_id", &self.client_id)
                .append_pair("grant_type", "client_credentials")
                .append_pair("scope", &asked.scopes.join(" "));
            match &self.proof {
                Proof::Secret(_) => fields.append_pair("client_secret", &proof),
                Proof::Assertion(_) => fields
                    .append_pair("client_assertion", &proof)
                    .append_pair("client_assertion_type", JWT_BEARER),
            };
            if let Some(claims) = self.claims(asked)? {
                fields.append_pair("claims", &claims);
            }
        }
        let mut request = Request::new(endpoint, Method::Post);
        request.insert_header(CONTENT_TYPE, APPLICATION_X_WWW_FORM_URLENCODED);
        request.set_body(form.query().unwrap_or_default().to_owned());
        let options = PipelineSendOptions {
            skip_checks: true,
            ..PipelineSendOptions::default()
        };
        let response = self
            .pipeline
            .send(context, &mut request, Some(options))
            .await?;
        if !response.status().is_success() {
            return Err(refusal(response, &[&proof]));
        }
        TokenAnswer::read(response.into_body().into())?.issued(self.clock.as_ref())
    }
}

impl fmt::Debug for EntraClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraClient")
            .field("tenant_id", &self.tenant_id)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        asked::{Claims, TenantId},
        cached::Cached,
        env::Env,
        testing::{self, Reply, Script, TestClock},
    };
    use azure_core::{
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
        http::ClientMethodOptions,
        time::Duration,
    };

    const SCOPE: &str = "https://vault.azure.net/.default";
    const TOKEN: &str = r#"{"access_token": "T", "expires_in": 3600, "token_type": "Bearer"}"#;

    /// An application that asks a script.
    struct Application {
        script: Arc<Script>,
        parts: Parts,
        clock: Arc<TestClock>,
    }

    impl Application {
        fn new(variables: &[(&str, &str)], replies: impl IntoIterator<Item = Reply>) -> Self {
            let script = Script::new(replies);
            let clock = Arc::new(TestClock::default());
            let env = Env::from_pairs(variables.iter().copied());
            Application {
                parts: Parts {
                    allowed_tenants: AllowedTenants::of(Vec::new(), &env),
                    env,
                    transport: script.transport(),
                    clock: clock.clone(),
                    ..testing::parts(&[], &[])
                },
                script,
                clock,
            }
        }

        fn client(&self) -> Cached<EntraClient> {
            let proof = Proof::Secret(Zeroizing::new("hunter2".to_owned()));
            let transport = self.parts.transport.clone();
            let client = EntraClient::new(&self.parts, "t", "c", proof, transport);
            Cached::new(client.expect("a client"), self.clock.clone())
        }
    }

    async fn ask(
        client: &Cached<EntraClient>,
        context: Context<'_>,
    ) -> azure_core::Result<AccessToken> {
        let options = TokenRequestOptions {
            method_options: ClientMethodOptions { context },
        };
        client.get_token(&[SCOPE], Some(options)).await
    }

    #[tokio::test]
    async fn a_secret_is_sent_in_a_form_to_the_tenant_s_endpoint() {
        let application = Application::new(&[], [Reply::of(200, TOKEN)]);
        let token = ask(&application.client(), Context::new())
            .await
            .expect("a token");
        assert_eq!(token.token.secret(), "T");
        let asked = &application.script.requests()[0];
        assert_eq!(
            asked.url.as_str(),
            "https://login.microsoftonline.com/t/oauth2/v2.0/token"
        );
        for (field, value) in [
            ("client_id", Some("c")),
            ("client_secret", Some("hunter2")),
            ("grant_type", Some("client_credentials")),
            ("scope", Some(SCOPE)),
            ("claims", None),
            ("client_assertion", None),
        ] {
            assert_eq!(asked.form(field).as_deref(), value, "{field}");
        }
    }

    #[tokio::test]
    async fn claims_are_passed_on_and_a_token_that_is_kept_does_not_answer_them() {
        let application = Application::new(&[], [Reply::of(200, TOKEN)]);
        let client = application.client();
        ask(&client, Context::new()).await.expect("a token");
        let claims = r#"{"access_token":{"nbf":{"value":"1"}}}"#;
        let context = Context::new().with_value(Claims::new(claims));
        ask(&client, context).await.expect("a token");
        let requests = application.script.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[1].form("claims").as_deref(), Some(claims));
    }

    #[tokio::test]
    async fn continuous_access_evaluation_is_said_with_each_request() {
        let mut application = Application::new(&[], [Reply::of(200, TOKEN)]);
        application.parts.continuous_access_evaluation = true;
        let client = application.client();
        ask(&client, Context::new()).await.expect("a token");
        let claims = Claims::new(r#"{"access_token":{"nbf":{"value":"1"}}}"#);
        ask(&client, Context::new().with_value(claims))
            .await
            .expect("a token");
        let sent: Vec<Value> = application
            .script
            .requests()
            .iter()
            .map(|asked| {
                serde_json::from_str(&asked.form("claims").expect("claims")).expect("JSON")
            })
            .collect();
        let capable = json!({"values": ["cp1"]});
        assert_eq!(sent[0], json!({"access_token": {"xms_cc": capable}}));
        assert_eq!(
            sent[1],
            json!({"access_token": {"xms_cc": capable, "nbf": {"value": "1"}}})
        );
        let claims = Claims::new("ada@example.org");
        let error = ask(&client, Context::new().with_value(claims))
            .await
            .expect_err("no JSON");
        assert!(!format!("{error} {error:?}").contains("ada"), "{error:?}");
    }

    #[tokio::test]
    async fn another_tenant_is_asked_where_it_is_allowed() {
        let variables = [("AZURE_ADDITIONALLY_ALLOWED_TENANTS", "u")];
        let application = Application::new(&variables, [Reply::of(200, TOKEN)]);
        let client = application.client();
        let of = |tenant: &str| Context::new().with_value(TenantId::new(tenant));
        ask(&client, of("u")).await.expect("a token");
        let error = ask(&client, of("v")).await.expect_err("not allowed");
        assert!(error.to_string().contains("'v'"), "{error}");
        let requests = application.script.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].url.path(), "/u/oauth2/v2.0/token");
    }

    #[tokio::test]
    async fn a_region_is_asked_instead_of_the_world() {
        let variables = [("AZURE_REGIONAL_AUTHORITY_NAME", "westus2")];
        let application = Application::new(&variables, [Reply::of(200, TOKEN)]);
        ask(&application.client(), Context::new())
            .await
            .expect("a token");
        assert_eq!(
            application.script.requests()[0].url.as_str(),
            "https://westus2.login.microsoft.com/t/oauth2/v2.0/token"
        );
        let variables = [("AZURE_REGIONAL_AUTHORITY_NAME", "evil.com/")];
        let application = Application::new(&variables, [Reply::of(200, TOKEN)]);
        let error = ask(&application.client(), Context::new())
            .await
            .expect_err("no region");
        assert!(error.to_string().contains("evil.com/"), "{error}");
        assert!(application.script.requests().is_empty());
    }

    #[tokio::test]
    async fn a_token_is_renewed_when_the_answer_says() {
        let token = r#"{"access_token": "T", "expires_in": 86400, "refresh_in": 3600}"#;
        let application = Application::new(&[], [Reply::of(200, token)]);
        let client = application.client();
        for (minutes, requests) in [(0, 1), (59, 1), (2, 2), (30, 2)] {
            application.clock.pass(Duration::minutes(minutes));
            ask(&client, Context::new()).await.expect("a token");
            assert_eq!(application.script.requests().len(), requests);
        }
    }

    #[tokio::test]
    async fn what_is_not_entra_id_is_said_without_its_words() {
        for (status, body) in [(200, "<html>hunter2"), (407, "<html>hunter2")] {
            let application = Application::new(&[], [Reply::of(status, body)]);
            let error = ask(&application.client(), Context::new())
                .await
                .expect_err("no token");
            assert!(
                !format!("{error} {error:?}").contains("hunter2"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_tenant_that_would_lead_elsewhere_is_refused() {
        let application = Application::new(&[], []);
        let proof = Proof::Secret(Zeroizing::default());
        let transport = application.parts.transport.clone();
        let made = EntraClient::new(&application.parts, "../x", "c", proof, transport);
        assert_eq!(
            made.expect_err("invalid"),
            TenantError::Invalid("../x".to_owned())
        );
    }

    #[test]
    fn nothing_secret_is_in_the_debug_output() {
        let client = Application::new(&[], []).client();
        assert!(!format!("{client:?}").contains("hunter2"));
    }
}
