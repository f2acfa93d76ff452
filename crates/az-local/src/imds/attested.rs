//! A document that says on which machine it was made, signed by the instance
//! (<https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#attested-data>).

use super::instance::{refuse, text_of, wrong_version};
use super::versions::{VERSIONS, is_version};
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::machine::VirtualMachine;
use crate::state::{Resource, StateError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

/// The first version with the document; the members that came later are below.
const FIRST_VERSION: &str = "2018-10-01";
const WITH_SUBSCRIPTION: &str = "2019-04-30";
const WITH_SKU: &str = "2019-11-01";
const WITH_LICENSE: &str = "2020-09-01";

/// How long the document is good.
const VALID: Duration = Duration::hours(6);

/// Longest nonce (Azure/azure-rest-api-specs, specification/imds/data-plane, `Attested_GetDocument`).
const LONGEST_NONCE: usize = 32;

/// `GET /metadata/attested/document`
pub(super) fn answer(
    cx: &Context<'_>,
    request: &Request,
    machine: &Resource,
) -> Result<Response, StateError> {
    let version = match request.query("api-version") {
        Some(version) if is_version(version) && version >= FIRST_VERSION => version,
        _ => return Ok(wrong_version(VERSIONS)),
    };
    let nonce = request.query("nonce").filter(|nonce| !nonce.is_empty());
    if nonce.is_some_and(|nonce| nonce.len() > LONGEST_NONCE) {
        return Ok(refuse("The nonce is longer than 32 characters"));
    }
    let document = document(cx.wall_now, nonce, machine, version)?;
    let content = document.to_string();
    let signed = cx.authority.attest(content.as_bytes(), machine.location());
    Ok(match signed {
        Ok(signed) => Response::json(
            StatusCode::OK,
            &json!({"encoding": "pkcs7", "signature": STANDARD.encode(signed)}),
        ),
        Err(error) => Response::json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"error": format!("Server error. {error}")}),
        ),
    })
}

fn document(
    now: OffsetDateTime,
    nonce: Option<&str>,
    machine: &Resource,
    version: &str,
) -> Result<Value, StateError> {
    let date = |time: OffsetDateTime| {
        let format = format_description!(
            "[month]/[day]/[year repr:last_two] [hour]:[minute]:[second] -0000"
        );
        time.format(format).unwrap_or_default()
    };
    let stamp = now
        .format(format_description!(
            "[year][month][day]-[hour][minute][second]"
        ))
        .unwrap_or_default();
    let vm = VirtualMachine::of(machine);
    let plan = |name: &str| text_of(machine.body.get("plan").and_then(|plan| plan.get(name)));
    let mut document = json!({
        "nonce": nonce.unwrap_or(&stamp),
        "plan": {"name": plan("name"), "product": plan("product"), "publisher": plan("publisher")},
        "timeStamp": {"createdOn": date(now), "expiresOn": date(now + VALID)},
        "vmId": vm.vm_id()?,
    });
    if version >= WITH_SUBSCRIPTION {
        document["subscriptionId"] = json!(machine.subscription());
    }
    if version >= WITH_SKU {
        document["sku"] = text_of(vm.at("storageProfile", "/imageReference/sku"));
    }
    if version >= WITH_LICENSE
        && let Some(license) = vm.at("licenseType", "")
    {
        document["licenseType"] = license.clone();
    }
    Ok(document)
}
