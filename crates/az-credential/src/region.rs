//! The regional endpoints of Entra ID: `AZURE_REGIONAL_AUTHORITY_NAME`.
//!
//! As `AADInstanceDiscovery` and `detectRegion` have it in `apps/internal/oauth/ops/authority/authority.go` of
//! microsoft-authentication-library-for-go 1.10, which Azure's SDK for Go hands the variable to.

use crate::env::Env;
use azure_core::http::{Context, Method, Request, Transport, Url};
use serde::Deserialize;
use std::time::Duration;

/// The value that asks for the region of the machine.
const AUTO: &str = "TryAutoDetect";

const METADATA: &str = "http://169.254.169.254/metadata/instance/compute?api-version=2021-02-01";

/// The metadata service is on the machine's own host.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A region that is no name of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("AZURE_REGIONAL_AUTHORITY_NAME is '{0}', which is no name of a region, as westus2")]
pub struct InvalidRegion(String);

impl From<InvalidRegion> for azure_core::Error {
    fn from(error: InvalidRegion) -> Self {
        azure_core::Error::new(azure_core::error::ErrorKind::Credential, error)
    }
}

/// What the variable asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    Global,
    Named(String),
    /// That of the machine: `REGION_NAME`, else what its metadata service says.
    OfMachine(Option<String>),
}

impl Region {
    pub(crate) fn of(env: &Env) -> Result<Self, InvalidRegion> {
        match env.get("AZURE_REGIONAL_AUTHORITY_NAME") {
            None => Ok(Region::Global),
            Some(AUTO) => Ok(Region::OfMachine(env.get("REGION_NAME").map(str::to_owned))),
            Some(name) if is_valid(name) => Ok(Region::Named(name.to_owned())),
            Some(name) => Err(InvalidRegion(name.to_owned())),
        }
    }

    /// The authority to ask. A machine whose region cannot be told asks the global one.
    pub(crate) async fn authority(&self, global: Url, transport: &Transport) -> Url {
        let region = match self {
            Region::Global => None,
            Region::Named(name) => Some(name.clone()),
            Region::OfMachine(Some(name)) => Some(name.clone()).filter(|name| is_valid(name)),
            Region::OfMachine(None) => of_machine(transport).await,
        };
        match region {
            Some(region) => regional(global, &region),
            None => global,
        }
    }
}

/// `login.microsoft.com` is the public cloud's host that has regions; each of the others has them below its preferred name.
fn regional(mut global: Url, region: &str) -> Url {
    let host = match global.host_str().unwrap_or_default() {
        "login.microsoftonline.com" | "login.windows.net" | "sts.windows.net" => {
            "login.microsoft.com"
        }
        "login.chinacloudapi.cn" => "login.partner.microsoftonline.cn",
        "login.usgovcloudapi.net" => "login.microsoftonline.us",
        other => other,
    };
    let host = format!("{region}.{host}");
    // A label before a host makes a host.
    let _ = global.set_host(Some(&host));
    global
}

/// Asked twice at most, as MSAL does.
async fn of_machine(transport: &Transport) -> Option<String> {
    for _ in 0..2 {
        if let Ok(Some(region)) = tokio::time::timeout(TIMEOUT, ask(transport)).await {
            return Some(region).filter(|name| is_valid(name));
        }
    }
    None
}

async fn ask(transport: &Transport) -> Option<String> {
    #[derive(Deserialize)]
    struct Compute {
        location: String,
    }
    let mut request = Request::new(Url::parse(METADATA).ok()?, Method::Get);
    request.insert_header("metadata", "true");
    let answer = transport.send(&Context::new(), &mut request).await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let body = answer.into_body().collect().await.ok()?;
    let compute: Compute = serde_json::from_slice(&body).ok()?;
    Some(compute.location)
}

/// A label of a host name, in lower case: it goes before one.
fn is_valid(name: &str) -> bool {
    let inner = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
    name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cloud::Cloud,
        testing::{Reply, Script},
    };

    fn region(pairs: &[(&str, &str)]) -> Result<Region, InvalidRegion> {
        Region::of(&Env::from_pairs(pairs.iter().copied()))
    }

    async fn host(pairs: &[(&str, &str)], global: Url, replies: &[Reply]) -> (String, usize) {
        let script = Script::new(replies.iter().cloned());
        let region = region(pairs).expect("a region");
        let authority = region.authority(global, &script.transport()).await;
        (authority.to_string(), script.requests().len())
    }

    #[tokio::test]
    async fn a_named_region_has_its_own_host_in_each_cloud() {
        let env = |name: &str| Env::from_pairs([("AZURE_CLOUD", name)]);
        for (cloud, expected) in [
            ("AzureCloud", "https://westus2.login.microsoft.com/"),
            (
                "AzureUSGovernment",
                "https://westus2.login.microsoftonline.us/",
            ),
            (
                "AzureChinaCloud",
                "https://westus2.login.partner.microsoftonline.cn/",
            ),
        ] {
            let global = Cloud::resolve(None, &env(cloud))
                .expect("known")
                .authority_host();
            let pairs = [("AZURE_REGIONAL_AUTHORITY_NAME", "westus2")];
            assert_eq!(host(&pairs, global, &[]).await, (expected.to_owned(), 0));
        }
    }

    #[test]
    fn a_name_that_would_lead_elsewhere_is_refused() {
        for wrong in ["evil.com/", "WestUS2", "-a", "a-", "a.b", &"a".repeat(64)] {
            let found = region(&[("AZURE_REGIONAL_AUTHORITY_NAME", wrong)]);
            assert_eq!(found, Err(InvalidRegion(wrong.to_owned())));
        }
        assert_eq!(region(&[]), Ok(Region::Global));
    }

    #[tokio::test(start_paused = true)]
    async fn the_machine_s_region_is_its_variable_s_or_its_metadata_service_s() {
        let global = || Cloud::public().authority_host();
        let auto = ("AZURE_REGIONAL_AUTHORITY_NAME", AUTO);
        let there = Reply::of(200, r#"{"location": "eastus"}"#);
        let regional = |name: &str| format!("https://{name}.login.microsoft.com/");
        let named = [auto, ("REGION_NAME", "westeurope")];
        assert_eq!(
            host(&named, global(), &[]).await,
            (regional("westeurope"), 0)
        );
        let odd = [auto, ("REGION_NAME", "evil.com/")];
        assert_eq!(host(&odd, global(), &[]).await, (global().to_string(), 0));
        assert_eq!(
            host(&[auto], global(), std::slice::from_ref(&there)).await,
            (regional("eastus"), 1)
        );
        for trouble in [
            Reply::of(500, ""),
            Reply::Unreachable,
            there.clone().after(60),
        ] {
            assert_eq!(
                host(&[auto], global(), &[trouble.clone(), there.clone()]).await,
                (regional("eastus"), 2)
            );
            assert_eq!(
                host(&[auto], global(), &[trouble]).await,
                (global().to_string(), 2)
            );
        }
    }
}
