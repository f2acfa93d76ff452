//! What the services say how many requests they take, and which of these limits a request counts for.

use azure_core::http::{Method, Url, headers::Headers};
use std::time::Duration;

/// Whose limits a client's requests count for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Resource Manager.
    ResourceManager,
    /// A vault.
    KeyVault,
    /// A service whose limits are not known: it is asked until it refuses.
    Other,
}

/// A limit as it is documented.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Limit {
    /// So many at once, and so many more each second.
    Bucket { capacity: f64, per_second: f64 },
    /// So many within any such time. A service may count from one moment on, or lets requests come back one by one: who
    /// keeps to the number in every such time is within both.
    Window { most: usize, time: Duration },
}

/// <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>, for a principal in a
/// subscription, or in its tenant where a request names no subscription.
const READS: Limit = Limit::Bucket {
    capacity: 250.0,
    per_second: 25.0,
};
const WRITES: Limit = Limit::Bucket {
    capacity: 200.0,
    per_second: 10.0,
};
const DELETES: Limit = WRITES;

/// <https://learn.microsoft.com/azure/key-vault/general/service-limits>, for a vault: secrets that are made.
const NEW_SECRETS: Limit = Limit::Window {
    most: 300,
    time: TEN_SECONDS,
};
/// All other transactions of secrets and of the vault; the same source.
const TRANSACTIONS: Limit = Limit::Window {
    most: 4000,
    time: TEN_SECONDS,
};
/// Ten seconds on the way: two requests that leave ten seconds apart may arrive a little closer together.
const TEN_SECONDS: Duration = Duration::from_millis(10_150);

/// What is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Reads,
    Writes,
    Deletes,
    NewSecrets,
    Transactions,
    Unknown,
}

/// Which limit a request counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    host: String,
    /// Resource Manager counts for each subscription by itself.
    subscription: Option<String>,
    kind: Kind,
}

impl Key {
    pub(super) fn of(service: Service, method: Method, url: &Url) -> Self {
        let mut words = url.path().split('/').filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default();
        let kind = match (service, method) {
            (Service::Other, _) => Kind::Unknown,
            (Service::KeyVault, Method::Put) if first.eq_ignore_ascii_case("secrets") => {
                Kind::NewSecrets
            }
            (Service::KeyVault, _) => Kind::Transactions,
            (Service::ResourceManager, Method::Get | Method::Head) => Kind::Reads,
            (Service::ResourceManager, Method::Delete) => Kind::Deletes,
            (Service::ResourceManager, _) => Kind::Writes,
        };
        let subscription = match service {
            Service::ResourceManager if first.eq_ignore_ascii_case("subscriptions") => {
                words.next().map(str::to_lowercase)
            }
            _ => None,
        };
        Key {
            host: url.host_str().unwrap_or_default().to_owned(),
            subscription,
            kind,
        }
    }

    /// Whether the first answer tells how to sign in: a vault's client asks once without a token, and each of many that began
    /// at once would ask so (<https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>).
    pub(super) fn learns_to_sign_in(&self) -> bool {
        matches!(self.kind, Kind::NewSecrets | Kind::Transactions)
    }

    /// What is documented of it.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self.kind {
            Kind::Reads => Some(READS),
            Kind::Writes => Some(WRITES),
            Kind::Deletes => Some(DELETES),
            Kind::NewSecrets => Some(NEW_SECRETS),
            Kind::Transactions => Some(TRANSACTIONS),
            Kind::Unknown => None,
        }
    }
}

/// How many requests are left, as Resource Manager says it on each answer to a request that it counted: the fewest of what it
/// counts for the principal, the subscription and the tenant. What a resource provider counts by itself
/// (`…-remaining-resource`) is a list of other counts, and not looked at.
pub(super) fn remaining(headers: &Headers) -> Option<f64> {
    headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ms-ratelimit-remaining-"))
        .filter_map(|(_, value)| value.as_str().trim().parse::<u32>().ok())
        .min()
        .map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::http::headers::HeaderName;

    fn key(service: Service, method: Method, url: &str) -> Key {
        Key::of(service, method, &url.parse().expect("a URL"))
    }

    #[test]
    fn what_is_counted_together_has_one_key() {
        use Service::{KeyVault, Other, ResourceManager};
        let arm = "https://management.azure.com";
        let made = |rest: &str| key(ResourceManager, Method::Put, &format!("{arm}{rest}"));
        assert_eq!(
            made("/subscriptions/A/x"),
            made("/SUBSCRIPTIONS/a/y?api-version=1")
        );
        assert_ne!(made("/subscriptions/a"), made("/subscriptions/b"));
        assert_ne!(made("/subscriptions/a"), made("/providers/x"));
        let of = |method| key(ResourceManager, method, &format!("{arm}/subscriptions/a")).limit();
        assert_eq!(of(Method::Get), Some(READS));
        assert_eq!(of(Method::Patch), Some(WRITES));
        assert_eq!(of(Method::Post), Some(WRITES));
        assert_eq!(of(Method::Delete), Some(DELETES));
        let vault = |method, path| key(KeyVault, method, &format!("https://kv.vault/{path}"));
        assert_eq!(vault(Method::Put, "secrets/a").limit(), Some(NEW_SECRETS));
        for other in [
            vault(Method::Get, "secrets/a"),
            vault(Method::Patch, "secrets/a"),
            vault(Method::Delete, "deletedsecrets/a"),
        ] {
            assert_eq!(other, vault(Method::Get, "secrets"));
            assert_eq!(other.limit(), Some(TRANSACTIONS));
        }
        assert_eq!(key(Other, Method::Get, "https://graph/").limit(), None);
    }

    #[test]
    fn the_fewest_that_are_left_count() {
        let mut headers = Headers::new();
        assert_eq!(remaining(&headers), None);
        for (name, value) in [
            ("x-ms-ratelimit-remaining-subscription-writes", "17"),
            (
                "x-ms-ratelimit-remaining-subscription-global-writes",
                "2999",
            ),
            (
                "x-ms-ratelimit-remaining-resource",
                "Microsoft.Compute/PutVM3Min;3",
            ),
            ("retry-after", "1"),
        ] {
            headers.insert(HeaderName::from_static(name), value);
        }
        assert_eq!(remaining(&headers), Some(17.0));
    }
}
