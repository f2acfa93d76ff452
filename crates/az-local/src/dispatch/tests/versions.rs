use super::azure::Azure;
use crate::arm::version::published;
use http::Method;
use serde_json::{Value, json};

const VAULT: &str = "/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-versions";

#[test]
fn a_version_that_was_never_published_is_refused_with_those_that_were() {
    let azure = Azure::start();
    let group = json!({"location": "eastus"});
    azure.done(Method::PUT, "/resourceGroups/g", &group);
    let vault = json!({"location": "westus", "properties": {
        "tenantId": azure.tenant, "sku": {"family": "A", "name": "standard"}, "accessPolicies": [],
    }});
    let before = azure.state();
    let vaults = VAULT.trim_end_matches("/kv-versions");
    for (path, version, body, status, code) in [
        (
            VAULT,
            "2030-12-31",
            &vault,
            400,
            "NoRegisteredProviderFound",
        ),
        (
            VAULT,
            "2023-01-01",
            &vault,
            400,
            "NoRegisteredProviderFound",
        ),
        (
            VAULT,
            "2023-01-01",
            &Value::Null,
            400,
            "NoRegisteredProviderFound",
        ),
        (
            vaults,
            "2023-01-01",
            &Value::Null,
            404,
            "InvalidResourceType",
        ),
        (VAULT, "latest", &vault, 400, "InvalidApiVersionParameter"),
        (
            VAULT,
            "2024-11-01-nonsense",
            &vault,
            400,
            "InvalidApiVersionParameter",
        ),
        (
            "/resourceGroups/g",
            "2023-01-01",
            &group,
            400,
            "InvalidApiVersionParameter",
        ),
        (
            "/resourceGroups/g",
            "",
            &group,
            400,
            "MissingApiVersionParameter",
        ),
    ] {
        let (is, answer) = azure.at_version(path, version, body);
        assert_eq!(
            (is, &answer["error"]["code"]),
            (status, &json!(code)),
            "{path} {version}"
        );
        assert_eq!(azure.state(), before, "{path} {version}");
    }
    let (_, answer) = azure.at_version(VAULT, "2030-12-31", &vault);
    let message = answer["error"]["message"].as_str().expect("a message");
    let says = "No registered resource provider found for location 'westus' and API version '2030-12-31' for type 'vaults'. \
                The supported api-versions are '2026-03-01-preview, 2026-02-01, ";
    assert!(message.starts_with(says), "{message}");
}

#[test]
fn a_location_that_there_is_none_of_is_refused_with_those_that_there_are() {
    let azure = Azure::start();
    let compute = "/providers/Microsoft.Compute/locations";
    for (path, types) in [
        ("vmSizes", "vmSizes"),
        ("usages", "usages"),
        ("publishers", "publishers"),
    ] {
        let (status, answer) = azure.arm(
            Method::GET,
            &format!("{compute}/estus/{path}"),
            &Value::Null,
        );
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!("NoRegisteredProviderFound")),
            "{path}"
        );
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(
            message.contains("for location 'estus' and API version")
                && message.contains(&format!("for type 'locations/{types}'"))
                && message.contains("The supported locations are 'australiaeast, "),
            "{message}"
        );
        let (status, _) = azure.arm(
            Method::GET,
            &format!("{compute}/West US/{path}"),
            &Value::Null,
        );
        assert_eq!(status, 200, "{path}");
    }
}

#[test]
fn each_published_version_is_taken() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    for (path, _) in azure.bodies("g", "1") {
        let kind = path.split("/providers/").nth(1).expect("a type");
        let kind: Vec<&str> = kind.split('/').take(2).collect();
        for version in published(&kind.join("/")).expect("versions").split(',') {
            let (status, answer) = azure.at_version(&path, version, &Value::Null);
            assert_eq!(status, 200, "{path} {version}: {answer}");
        }
    }
}
