//! Key Vault's data plane: `https://{vault}.vault.azure.net/secrets/…`
//! (<https://learn.microsoft.com/rest/api/keyvault/secrets>).

mod access;
mod backup;
mod error;
mod secrets;
mod throttled;

use crate::entra::token::authenticate;
use crate::ground::wire::{Request, Response};
use crate::request::Context;
use crate::state::Resource;
use crate::state::vaults::{self, Vault};
use access::Access;
use error::Error;
use http::Method;
use uuid::Uuid;

const AUDIENCES: [&str; 1] = ["https://vault.azure.net"];

/// The published versions (<https://learn.microsoft.com/rest/api/keyvault/>).
const VERSIONS: [&str; 13] = [
    "2015-06-01",
    "2016-10-01",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6",
    "2025-06-01-preview",
    "2025-07-01",
    "2026-04-01",
    "7.6-preview.2",
];

/// Answers one request.
pub(crate) fn handle(cx: &Context<'_>, request: &Request) -> Response {
    let vault = vaults::find_by_host(cx.tx, &request.host);
    let answer = match vault {
        Ok(Some(vault)) => match Vault::of(&vault).tenant() {
            Ok(tenant) => serve(cx, request, &vault, tenant)
                .unwrap_or_else(|error| error.answer(tenant))
                .with_header("x-ms-keyvault-region", vault.location()),
            Err(error) => Error::from(error).answer(""),
        },
        Ok(None) => Response::hang_up(),
        Err(error) => Error::from(error).answer(""),
    };
    let answer = match request.header("x-ms-client-request-id") {
        Some(id) => answer.with_header("x-ms-client-request-id", id),
        None => answer,
    };
    answer
        .with_header("cache-control", "no-cache")
        .with_header("pragma", "no-cache")
        .with_header("x-ms-request-id", Uuid::new_v4().to_string())
        .with_header("x-ms-keyvault-service-version", "1.9.2517.1")
        .with_header(
            "x-ms-keyvault-network-info",
            "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;",
        )
        .with_header("x-content-type-options", "nosniff")
        .with_header(
            "strict-transport-security",
            "max-age=31536000;includeSubDomains",
        )
}

fn serve(
    cx: &Context<'_>,
    request: &Request,
    vault: &Resource,
    tenant: &str,
) -> Result<Response, Error> {
    // The token is looked at first: clients learn the tenant from the challenge, with a request that has no body.
    let principal = authenticate(cx, request, &AUDIENCES).map_err(Error::Token)?;
    if principal.tenant_id != tenant {
        return Err(Error::Tenant {
            expected: tenant.to_owned(),
            found: principal.tenant_id,
        });
    }
    throttled::admit(cx, request, vault)?;
    match request.query("api-version") {
        None => return Err(Error::bad("BadParameter", "api-version must be specified")),
        Some(version) if !VERSIONS.contains(&version) => {
            return Err(Error::bad(
                "BadParameter",
                format!(
                    "The specified version ({version}) is not recognized. Consider using the latest supported version (2026-04-01)."
                ),
            ));
        }
        Some(_) => {}
    }
    let access = Access {
        cx,
        principal: &principal,
        vault,
    };
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let words: Vec<String> = segments
        .iter()
        .map(|segment| segment.to_ascii_lowercase())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let call = secrets::Call {
        access: &access,
        request,
    };
    match (&request.method, words.as_slice()) {
        (&Method::GET, ["secrets"]) => call.list(),
        (&Method::POST, ["secrets", "restore"]) => call.restore(),
        (&Method::PUT, ["secrets", _]) => call.set(segments[1]),
        (&Method::DELETE, ["secrets", _]) => call.delete(segments[1]),
        (&Method::GET, ["secrets", _, "versions"]) => call.list_versions(segments[1]),
        (&Method::POST, ["secrets", _, "backup"]) => call.backup(segments[1]),
        (&Method::GET, ["secrets", _]) => call.get(segments[1], None),
        (&Method::GET, ["secrets", _, _]) => call.get(segments[1], Some(segments[2])),
        (&Method::PATCH, ["secrets", _]) => call.update(segments[1], None),
        (&Method::PATCH, ["secrets", _, _]) => call.update(segments[1], Some(segments[2])),
        (&Method::GET, ["deletedsecrets"]) => call.list_deleted(),
        (&Method::GET, ["deletedsecrets", _]) => call.get_deleted(segments[1]),
        (&Method::DELETE, ["deletedsecrets", _]) => call.purge(segments[1]),
        (&Method::POST, ["deletedsecrets", _, "recover"]) => call.recover(segments[1]),
        (_, ["secrets" | "deletedsecrets", ..]) => Err(Error::Other {
            status: 405,
            code: "MethodNotAllowed",
            message: format!("The method {} is not allowed here.", request.method),
        }),
        _ => Err(Error::Other {
            status: 404,
            code: "NotFound",
            message: format!(
                "The local Key Vault has no '{}': only secrets are emulated.",
                request.path
            ),
        }),
    }
}
