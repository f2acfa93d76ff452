//! How many requests a machine's metadata service takes: five a second, and for identities twenty, five of them at a time
//! (<https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#rate-limiting>).

use crate::ground::wire::Response;
use crate::request::Context;
use crate::state::throttles::{Inside, Limit};
use http::StatusCode;
use serde_json::json;

const OTHERS: Limit = Limit::new(5, 5);
const IDENTITY: Limit = Limit::new(20, 20);
const IDENTITY_AT_A_TIME: u32 = 5;

/// Lets a request of a machine's in for as long as what this gives is held, or gives the answer that refuses it.
pub(super) fn admit<'a>(
    cx: &Context<'a>,
    machine: &str,
    asks_identity: bool,
) -> Result<Option<Inside<'a>>, Box<Response>> {
    let throttles = cx.throttles;
    if !throttles.are_on() {
        return Ok(None);
    }
    let of = |what: &str| throttles.key(&["imds", what, machine]);
    if !asks_identity {
        let taken = throttles.take(cx.now, [(OTHERS, of("other"))]);
        return taken
            .map(|_| None)
            .map_err(|_| refuse(&json!({"error": "Too many requests"})));
    }
    let inside = throttles.enter(of("inside"), IDENTITY_AT_A_TIME);
    let taken = throttles.take(cx.now, [(IDENTITY, of("identity"))]);
    match (inside, taken) {
        (Some(inside), Ok(_)) => Ok(Some(inside)),
        // hashicorp/terraform-provider-azurerm issue 20901
        _ => Err(refuse(&json!({
            "error": "invalid_request",
            "error_description": "Temporarily throttled, too many requests",
        }))),
    }
}

/// It does not say how long to wait: clients wait longer each time
/// (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance>).
fn refuse(body: &serde_json::Value) -> Box<Response> {
    Box::new(Response::json(StatusCode::TOO_MANY_REQUESTS, body))
}
