//! Links that a service's answer carries: to the next page, to an operation's status. They are followed to the
//! service itself only, so that its token goes nowhere else.

use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        Context, Request, Url,
        policies::{Policy, PolicyResult},
    },
};
use std::sync::Arc;

/// A link that leads away from the service that gave it. Nothing was sent there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link leads to '{to}', not to '{own}'; nothing was sent there")]
pub struct ForeignLink {
    /// Scheme, host and port that it leads to; without user name and password, which may be secrets.
    pub to: String,
    /// Scheme, host and port of the service.
    pub own: String,
}

/// Refuses every request to another origin than the service's. It stands before the policy that signs requests, so
/// that no token is even asked for, and before the one that tries again.
#[derive(Debug)]
pub(crate) struct OneOrigin(Url);

impl OneOrigin {
    /// The guard of the client whose service is at `endpoint`.
    pub(crate) fn of(endpoint: &Url) -> Arc<dyn Policy> {
        Arc::new(OneOrigin(endpoint.clone()))
    }

    fn check(&self, url: &Url) -> Result<(), ForeignLink> {
        // A user name would be sent as a header of its own, beside the token.
        let plain = url.username().is_empty() && url.password().is_none();
        // An origin that is none, as that of `data:`, is equal to nothing.
        if plain && url.origin() == self.0.origin() {
            return Ok(());
        }
        Err(ForeignLink {
            to: shown(url),
            own: shown(&self.0),
        })
    }
}

#[async_trait::async_trait]
impl Policy for OneOrigin {
    async fn send(
        &self,
        ctx: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        self.check(request.url())
            .map_err(|foreign| Error::new(ErrorKind::Other, foreign))?;
        next[0].send(ctx, request, &next[1..]).await
    }
}

/// Scheme, host and port of an address as proxy variables hold one, with or without a scheme; without user name and
/// password, which may be secrets. `None` where it is no address.
pub fn shown_without_user(address: &str) -> Option<String> {
    let address = address.trim();
    let url = if address.contains("://") {
        Url::parse(address)
    } else {
        Url::parse(&format!("http://{address}"))
    };
    let url = url.ok()?;
    url.has_host().then(|| shown(&url))
}

/// As much of an address as says where it leads. The host is in ASCII, so that one that only looks like ours shows.
fn shown(url: &Url) -> String {
    let scheme = url.scheme();
    let user = if url.username().is_empty() && url.password().is_none() {
        ""
    } else {
        "…@"
    };
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{scheme}://{user}{host}:{port}"),
        (Some(host), None) => format!("{scheme}://{user}{host}"),
        (None, _) => format!("{scheme}:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(endpoint: &str, link: &str) -> Result<(), ForeignLink> {
        OneOrigin(endpoint.parse().expect("an address")).check(&link.parse().expect("a link"))
    }

    #[test]
    fn the_default_port_and_another_case_are_the_same_service() {
        for link in [
            "https://management.azure.com/x?y=z",
            "https://MANAGEMENT.azure.com:443/",
        ] {
            assert_eq!(check("https://management.azure.com/", link), Ok(()));
        }
    }

    #[test]
    fn the_message_names_the_host_and_no_password() {
        let foreign = check(
            "https://kv.vault.azure.net/",
            "https://u:hunter2@kv.vault.azure.net/",
        )
        .expect_err("foreign");
        assert_eq!(
            foreign.to_string(),
            "a link leads to 'https://…@kv.vault.azure.net', not to 'https://kv.vault.azure.net'; nothing was sent there"
        );
        let foreign = check("https://kv.vault.azure.net/", "http://evil.example:81/a?b")
            .expect_err("foreign");
        assert_eq!(foreign.to, "http://evil.example:81");
    }

    proptest! {
        #[test]
        fn only_the_service_s_own_host_passes(
            scheme in "https?", user in "(([a-z.]{1,12}(:[a-z]{0,3})?)?@)?", host in "[a-z]{0,8}\\.?(vault\\.azure\\.net|example)\\.?",
            port in "(:[1-9][0-9]{0,3})?", path in "[/a-z@:?#]{0,12}",
        ) {
            let text = format!("{scheme}://{user}{host}{port}/{path}");
            if let Ok(url) = text.parse::<Url>() {
                let passes = OneOrigin("https://kv.vault.azure.net/".parse().expect("an address")).check(&url).is_ok();
                prop_assert_eq!(passes, scheme == "https" && matches!(user.as_str(), "" | "@")
                    && host == "kv.vault.azure.net" && matches!(port.as_str(), "" | ":443"), "{}", text);
            }
        }
    }
}
