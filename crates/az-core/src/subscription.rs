//! Which subscription is meant.

use az_credential::{AzConfig, Cloud, Env};
use serde::Deserialize;
use serde_json::Value;
use std::future::Future;

/// A subscription, as far as it is known without asking more than needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id, a GUID.
    pub id: String,
    /// The tenant that it trusts.
    pub tenant_id: Option<String>,
    /// Its display name.
    pub name: Option<String>,
}

impl Subscription {
    /// A subscription as Resource Manager lists it; `None` where it has no id.
    pub fn from_arm(value: &Value) -> Option<Self> {
        let text = |member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
        Some(Subscription {
            id: text("subscriptionId")?,
            tenant_id: text("tenantId"),
            name: text("displayName"),
        })
    }

    fn is(&self, id_or_name: &str) -> bool {
        self.id.eq_ignore_ascii_case(id_or_name)
            || self
                .name
                .as_deref()
                .is_some_and(|name| name.to_lowercase() == id_or_name.to_lowercase())
    }

    fn bare(id: &str) -> Self {
        Subscription {
            id: id.to_owned(),
            tenant_id: None,
            name: None,
        }
    }
}

/// No subscription, or not just one, is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// No subscription has the name or id.
    #[error(
        "there is no subscription '{asked}' (from {origin}) that you can see. Check the name; 'az account list' shows what you are signed in to"
    )]
    NotFound {
        /// The name or id as given.
        asked: String,
        /// The flag or variable that it came from.
        origin: &'static str,
    },
    /// Several subscriptions have the name.
    #[error("several subscriptions are named '{asked}': {ids}. Give the id")]
    Ambiguous {
        /// The name as given.
        asked: String,
        /// Their ids.
        ids: String,
    },
    /// The signed-in identity sees none.
    #[error(
        "you can see no subscription. Ask for a role on one, or sign in to the right tenant; then give --subscription or set AZURE_SUBSCRIPTION_ID"
    )]
    None,
    /// The signed-in identity sees several and chose none.
    #[error(
        "which subscription? You can see several: {names}. Give --subscription, set AZURE_SUBSCRIPTION_ID, or choose one with 'az account set'"
    )]
    Several {
        /// Their names and ids.
        names: String,
    },
}

/// The subscription that the user means: `flag` (`--subscription`, id or name), `AZURE_SUBSCRIPTION_ID`, the default
/// of `az`'s profile, else the only one that `list` gives.
///
/// A GUID is taken as it is: no file is read, nothing is asked. A name is looked up in `az`'s profile, then in
/// what `list` gives. `list` asks Resource Manager and is called at most once.
///
/// # Errors
/// What `list` failed with, or [`SubscriptionError`].
pub async fn resolve<F, Fut, E>(
    flag: Option<&str>,
    env: &Env,
    cloud: &Cloud,
    list: F,
) -> Result<Subscription, E>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<Vec<Subscription>, E>>,
    E: From<SubscriptionError>,
{
    if let Some((asked, origin)) = asked(flag, env) {
        if is_guid(asked) {
            return Ok(Subscription::bare(asked));
        }
        if let Some(found) = one_named(
            asked,
            profile(env, cloud)
                .into_iter()
                .map(|entry| entry.subscription),
        )? {
            return Ok(found);
        }
        let found = one_named(asked, list().await?)?;
        return found.ok_or_else(|| {
            SubscriptionError::NotFound {
                asked: asked.to_owned(),
                origin,
            }
            .into()
        });
    }
    if let Some(default) = default_of_profile(env, cloud) {
        return Ok(default);
    }
    let mut all = list().await?;
    match all.len() {
        0 => Err(SubscriptionError::None.into()),
        1 => Ok(all.remove(0)),
        _ => {
            let names: Vec<String> = all
                .iter()
                .map(|found| match &found.name {
                    Some(name) => format!("{name} ({})", found.id),
                    None => found.id.clone(),
                })
                .collect();
            Err(SubscriptionError::Several {
                names: names.join(", "),
            }
            .into())
        }
    }
}

/// The same without asking Azure: what `az` should be asked a token for. `None` where nothing local says which.
pub fn known_locally(flag: Option<&str>, env: &Env, cloud: &Cloud) -> Option<String> {
    match asked(flag, env) {
        Some((asked, _)) if is_guid(asked) => Some(asked.to_owned()),
        Some((asked, _)) => {
            let mut named = profile(env, cloud)
                .into_iter()
                .filter(|entry| entry.subscription.is(asked));
            named.next().map(|entry| entry.subscription.id)
        }
        None => default_of_profile(env, cloud).map(|default| default.id),
    }
}

fn asked<'a>(flag: Option<&'a str>, env: &'a Env) -> Option<(&'a str, &'static str)> {
    flag.map(|flag| (flag, "--subscription"))
        .or_else(|| {
            env.get("AZURE_SUBSCRIPTION_ID")
                .map(|id| (id, "AZURE_SUBSCRIPTION_ID"))
        })
        .map(|(text, origin)| (text.trim(), origin))
}

fn one_named(
    asked: &str,
    all: impl IntoIterator<Item = Subscription>,
) -> Result<Option<Subscription>, SubscriptionError> {
    let mut found: Vec<Subscription> = all
        .into_iter()
        .filter(|subscription| subscription.is(asked))
        .collect();
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => {
            let ids: Vec<String> = found
                .into_iter()
                .map(|subscription| subscription.id)
                .collect();
            Err(SubscriptionError::Ambiguous {
                asked: asked.to_owned(),
                ids: ids.join(", "),
            })
        }
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `azureProfile.json`, as far as it matters here.
#[derive(Deserialize)]
struct Profile {
    #[serde(default)]
    subscriptions: Vec<ProfileEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileEntry {
    #[serde(flatten)]
    subscription: ProfileSubscription,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    environment_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileSubscription {
    id: String,
    tenant_id: Option<String>,
    name: Option<String>,
}

struct Entry {
    subscription: Subscription,
    is_default: bool,
}

fn default_of_profile(env: &Env, cloud: &Cloud) -> Option<Subscription> {
    profile(env, cloud)
        .into_iter()
        .find(|entry| entry.is_default)
        .map(|entry| entry.subscription)
}

/// The subscriptions of this cloud that `az` is signed in to. A file that cannot be read counts as none: it is
/// `az`'s, and says nothing where `az` is not used.
fn profile(env: &Env, cloud: &Cloud) -> Vec<Entry> {
    let Some(text) = AzConfig::profile(env) else {
        return Vec::new();
    };
    parse_profile(&text, cloud).unwrap_or_else(|error| {
        tracing::debug!(%error, "az's profile is left out");
        Vec::new()
    })
}

fn parse_profile(text: &str, cloud: &Cloud) -> Result<Vec<Entry>, serde_json::Error> {
    // az writes the file with a byte order mark.
    let profile: Profile = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
    Ok(profile
        .subscriptions
        .into_iter()
        .filter(|entry| {
            entry
                .environment_name
                .as_deref()
                .is_none_or(|name| name.eq_ignore_ascii_case(cloud.name()))
        })
        .filter(|entry| {
            // A tenant without subscriptions stands in the profile under its own id ('az login --allow-no-subscriptions').
            entry.subscription.tenant_id.as_deref() != Some(entry.subscription.id.as_str())
        })
        .map(|entry| Entry {
            subscription: Subscription {
                id: entry.subscription.id,
                tenant_id: entry.subscription.tenant_id,
                name: entry.subscription.name,
            },
            is_default: entry.is_default,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "aaaaaaaa-0000-0000-0000-000000000001";
    const B: &str = "bbbbbbbb-0000-0000-0000-000000000002";

    fn profile_folder() -> (tempfile::TempDir, Env) {
        let folder = tempfile::tempdir().expect("folder");
        let text = format!(
            "\u{feff}{}",
            serde_json::json!({"subscriptions": [
                {"id": A, "name": "Dev", "tenantId": "t", "isDefault": false, "environmentName": "AzureCloud"},
                {"id": B, "name": "Prod", "tenantId": "t", "isDefault": true, "environmentName": "AzureCloud"},
                {"id": "c", "name": "Gov", "isDefault": true, "environmentName": "AzureUSGovernment"},
            ]})
        );
        std::fs::write(folder.path().join("azureProfile.json"), text).expect("written");
        let env = Env::from_pairs([("AZURE_CONFIG_DIR", folder.path())]);
        (folder, env)
    }

    async fn find(
        flag: Option<&str>,
        env: &Env,
        listed: Vec<Subscription>,
    ) -> Result<String, SubscriptionError> {
        resolve(flag, env, &Cloud::public(), || async { Ok(listed) })
            .await
            .map(|found| found.id)
    }

    fn named(id: &str, name: &str) -> Subscription {
        Subscription {
            id: id.into(),
            tenant_id: None,
            name: Some(name.into()),
        }
    }

    #[tokio::test]
    async fn an_id_needs_no_file_and_no_request() {
        let list = || async { Err::<Vec<Subscription>, _>(SubscriptionError::None) };
        let found = resolve(Some(A), &Env::default(), &Cloud::public(), list)
            .await
            .expect("found");
        assert_eq!(found, Subscription::bare(A));
    }

    #[tokio::test]
    async fn names_come_from_az_s_profile_whatever_their_case() {
        let (_folder, env) = profile_folder();
        assert_eq!(find(Some("dev"), &env, vec![]).await.as_deref(), Ok(A));
    }

    #[tokio::test]
    async fn the_variable_comes_before_az_s_default() {
        let (folder, env) = profile_folder();
        assert_eq!(
            find(None, &env, vec![]).await.as_deref(),
            Ok(B),
            "byte order mark, and the other cloud's default"
        );
        let config = folder.path().to_str().expect("path");
        let env = Env::from_pairs([("AZURE_CONFIG_DIR", config), ("AZURE_SUBSCRIPTION_ID", A)]);
        assert_eq!(find(None, &env, vec![]).await.as_deref(), Ok(A));
        assert_eq!(
            known_locally(None, &env, &Cloud::public()).as_deref(),
            Some(A)
        );
        assert_eq!(
            known_locally(Some("prod"), &env, &Cloud::public()).as_deref(),
            Some(B)
        );
    }

    #[tokio::test]
    async fn without_a_profile_the_list_decides() {
        let env = Env::default();
        assert_eq!(find(None, &env, vec![]).await, Err(SubscriptionError::None));
        assert_eq!(
            find(None, &env, vec![named(A, "x")]).await.as_deref(),
            Ok(A)
        );
        let two = vec![named(A, "x"), named(B, "x")];
        assert!(matches!(
            find(None, &env, two.clone()).await,
            Err(SubscriptionError::Several { .. })
        ));
        assert!(matches!(
            find(Some("X"), &env, two.clone()).await,
            Err(SubscriptionError::Ambiguous { .. })
        ));
        assert!(matches!(
            find(Some("y"), &env, two).await,
            Err(SubscriptionError::NotFound { .. })
        ));
    }

    #[tokio::test]
    async fn a_broken_profile_counts_as_none() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("azureProfile.json"), "{").expect("written");
        let env = Env::from_pairs([("AZURE_CONFIG_DIR", folder.path())]);
        assert_eq!(
            find(None, &env, vec![named(A, "x")]).await.as_deref(),
            Ok(A)
        );
    }

    proptest! {
        #[test]
        fn any_profile_is_survived(text in "\\PC*") {
            let _ = parse_profile(&text, &Cloud::public());
        }

        #[test]
        fn guids_are_told_from_names(text in "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}") {
            prop_assert!(is_guid(&text));
            prop_assert!(!is_guid(&text[1..]));
        }
    }
}
