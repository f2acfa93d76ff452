//! Tokens that a resource takes no more before they expire.

use crate::asked::Claims;
use azure_core::http::{
    Context, Request, StatusCode,
    headers::WWW_AUTHENTICATE,
    policies::{Policy, PolicyResult},
};
use std::sync::Arc;

/// A policy that sends a request once more with another token, where the resource answers 401 and says which claims the
/// token must have: the former one was taken back, or conditional access wants more.
///
/// It goes before the policy that adds the token, so into [`ClientOptions::per_call_policies`] of any client of Azure's
/// SDK, whose own policies know nothing of it. Say [`Options::continuous_access_evaluation`] as well: Entra ID gives tokens
/// that can be taken back only to those who deal with it. An answer 401 without such claims is left as it is, and so is
/// the second one.
///
/// <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
///
/// ```
/// use az_credential::ClaimsChallenge;
/// use azure_core::http::ClientOptions;
///
/// let options = ClientOptions { per_call_policies: vec![ClaimsChallenge::policy()], ..Default::default() };
/// ```
///
/// [`ClientOptions::per_call_policies`]: azure_core::http::ClientOptions::per_call_policies
/// [`Options::continuous_access_evaluation`]: crate::Options::continuous_access_evaluation
#[derive(Clone, Copy, Debug, Default)]
pub struct ClaimsChallenge;

impl ClaimsChallenge {
    /// The policy.
    pub fn policy() -> Arc<dyn Policy> {
        Arc::new(ClaimsChallenge)
    }
}

#[async_trait::async_trait]
impl Policy for ClaimsChallenge {
    async fn send(
        &self,
        ctx: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let answer = next[0].send(ctx, request, &next[1..]).await?;
        let once_more = ctx.value::<Claims>().is_none();
        if !once_more || answer.status() != StatusCode::Unauthorized {
            return Ok(answer);
        }
        let challenge = answer.headers().get_optional_str(&WWW_AUTHENTICATE);
        let Some(claims) = challenge.and_then(Claims::from_challenge) else {
            return Ok(answer);
        };
        tracing::debug!("the resource wants a token with other claims");
        request.body_mut().reset().await?;
        let ctx = ctx.to_borrowed().with_value(claims);
        next[0].send(&ctx, request, &next[1..]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Reply, Script};
    use azure_core::{
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
        http::{
            ClientOptions, Method, Pipeline, PipelineSendOptions, Transport, Url,
            policies::auth::BearerTokenAuthorizationPolicy,
        },
        time::{Duration, OffsetDateTime},
    };
    use proptest::prelude::*;

    /// Gives a token by what is asked for.
    #[derive(Debug)]
    struct ByClaims;

    #[async_trait::async_trait]
    impl TokenCredential for ByClaims {
        async fn get_token(
            &self,
            _: &[&str],
            options: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            let options = options.unwrap_or_default();
            let claims = options.method_options.context.value::<Claims>();
            let token = match claims {
                Some(claims) if *claims == Claims::new(r#"{"access_token":{}}"#) => "new",
                Some(_) => "other",
                None => "old",
            };
            Ok(AccessToken::new(
                token,
                OffsetDateTime::now_utc() + Duration::hours(1),
            ))
        }
    }

    /// The tokens that a request was sent with, and the last status.
    async fn tokens(replies: Vec<Reply>) -> (Vec<String>, u16) {
        let script = Script::new(replies);
        let options = ClientOptions {
            per_call_policies: vec![ClaimsChallenge::policy()],
            transport: Some(Transport::new(script.clone())),
            ..Default::default()
        };
        let bearer = BearerTokenAuthorizationPolicy::new(Arc::new(ByClaims), ["scope"]);
        let pipeline = Pipeline::new(None, None, options, vec![], vec![Arc::new(bearer)], None);
        let url = Url::parse("https://example.org").expect("a URL");
        let mut request = Request::new(url, Method::Put);
        request.set_body("body");
        let answer = pipeline
            .send(
                &Context::new(),
                &mut request,
                Some(PipelineSendOptions {
                    skip_checks: true,
                    ..Default::default()
                }),
            )
            .await
            .expect("an answer");
        let requests = script.requests();
        assert!(requests.iter().all(|one| one.body == "body"));
        let sent = requests.iter().map(|one| {
            let header = one.header("authorization").expect("a token");
            header.trim_start_matches("Bearer ").to_owned()
        });
        (sent.collect(), answer.status().into())
    }

    fn refused(challenge: &str) -> Reply {
        Reply::of(401, "{}").with_header("www-authenticate", challenge)
    }

    const CHALLENGE: &str = r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#;

    #[tokio::test]
    async fn the_claims_that_a_resource_wants_are_asked_for_once() {
        let good = Reply::of(200, "{}");
        assert_eq!(
            tokens(vec![refused(CHALLENGE), good]).await,
            (vec!["old".to_owned(), "new".to_owned()], 200)
        );
        assert_eq!(
            tokens(vec![refused(CHALLENGE)]).await,
            (vec!["old".to_owned(), "new".to_owned()], 401),
            "a second challenge is the caller's"
        );
    }

    #[tokio::test]
    async fn another_refusal_is_left_as_it_is() {
        for challenge in [
            r#"Bearer error="invalid_token", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#,
            r#"Bearer error="insufficient_claims""#,
            r#"Bearer error="insufficient_claims", claims="no base64!""#,
            r#"Bearer error="insufficient_claims", xclaims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#,
            "Basic",
        ] {
            let (sent, status) = tokens(vec![refused(challenge)]).await;
            assert_eq!((sent, status), (vec!["old".to_owned()], 401), "{challenge}");
        }
    }

    proptest! {
        #[test]
        fn no_challenge_is_too_strange(text in "\\PC{0,80}") {
            let _ = Claims::from_challenge(&text);
        }

        #[test]
        fn claims_are_found_whatever_stands_before_them(
            others in proptest::collection::vec("[a-z_]{1,12}=\"[a-z:/.]{0,20}\"", 0..4),
            claims in "\\PC{0,40}",
        ) {
            let encoded = azure_core::base64::encode(&claims);
            let others: String = others.iter().map(|other| format!("{other}, ")).collect();
            prop_assume!(!others.contains("claims=") && !others.contains("error="));
            let text = format!("Bearer {others}error=\"insufficient_claims\", claims=\"{encoded}\"");
            prop_assert_eq!(Claims::from_challenge(&text), Some(Claims::new(claims)));
        }
    }
}
