//! Wrong answers on purpose, to see that a check of the answers notices. Test builds only: the feature `mutations`.

use crate::ground::wire::{Request, Response};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::{PoisonError, RwLock};

/// One way of answering wrongly.
pub(crate) struct Mutation {
    name: &'static str,
    method: &'static str,
    /// What the URL, without its scheme, has in it, in lower case.
    url: &'static str,
    change: Change,
}

enum Change {
    /// The request is another one than was sent.
    Request(fn(&mut Request)),
    /// The answer is not what the service answered.
    Response(fn(&mut Response)),
    /// A JSON answer is not what the service answered.
    Body(fn(&mut Value)),
    /// The service is not asked at all.
    Swallow(u16),
}
use Change::{Body, Request as Asked, Response as Answered, Swallow};

const MUTATIONS: &[Mutation] = &[
    m(
        "subscriptions-empty",
        "GET",
        "management.azure.com/subscriptions?",
        Body(|b| b["value"] = json!([])),
    ),
    m(
        "subscription-name-missing",
        "GET",
        "management.azure.com/subscriptions?",
        Body(|b| drop_at(b, "/value/0/displayName")),
    ),
    m(
        "token-signature-broken",
        "POST",
        "/oauth2/v2.0/token",
        Body(|b| {
            b["access_token"] = json!(format!(
                "{}AAAA",
                b["access_token"].as_str().unwrap_or_default()
            ))
        }),
    ),
    m(
        "token-error-as-500",
        "POST",
        "/oauth2/v2.0/token",
        Answered(|r| {
            if r.status.is_client_error() {
                r.status = StatusCode::BAD_GATEWAY
            }
        }),
    ),
    m(
        "group-delete-without-location",
        "DELETE",
        "/resourcegroups/",
        Answered(|r| {
            r.headers.remove("location");
        }),
    ),
    m(
        "group-head-always-there",
        "HEAD",
        "/resourcegroups/",
        Answered(|r| r.status = StatusCode::NO_CONTENT),
    ),
    m(
        "group-tags-dropped",
        "GET",
        "/resourcegroups/",
        Body(|b| drop_at(b, "/tags")),
    ),
    m(
        "subnet-property-dropped",
        "GET",
        "/subnets/",
        Body(|b| drop_at(b, "/properties/privateEndpointNetworkPolicies")),
    ),
    m(
        "group-membership-ignored",
        "POST",
        "/members/$ref",
        Swallow(204),
    ),
    m(
        "tags-replaced-not-merged",
        "PATCH",
        "microsoft.resources/tags/",
        Asked(|r| {
            let body = String::from_utf8_lossy(&r.body).replace("merge", "Replace");
            r.body = body.replace("Merge", "Replace").into();
        }),
    ),
    m(
        "operation-never-ends",
        "GET",
        "/operationstatuses/",
        Body(|b| b["status"] = json!("Running")),
    ),
    m(
        "purge-never-ends",
        "GET",
        "/operationresults/",
        Answered(|r| {
            r.status = StatusCode::ACCEPTED;
            retry(r)
        }),
    ),
    m(
        "instance-view-without-power",
        "GET",
        "/virtualmachines/",
        Body(|b| {
            if let Some(all) = b
                .pointer_mut("/properties/instanceView/statuses")
                .and_then(Value::as_array_mut)
            {
                all.truncate(1)
            }
        }),
    ),
    m(
        "public-ip-without-address",
        "GET",
        "/publicipaddresses/",
        Body(|b| drop_at(b, "/properties/ipAddress")),
    ),
    m(
        "deallocate-does-nothing",
        "POST",
        "/deallocate?",
        Swallow(200),
    ),
    m(
        "vm-identity-type-without-space",
        "GET",
        "/virtualmachines/",
        Body(|b| {
            if let Some(kind) = b["identity"]["type"].as_str() {
                b["identity"]["type"] = json!(kind.replace(' ', ""))
            }
        }),
    ),
    m(
        "vm-identity-remove-does-nothing",
        "PATCH",
        "/virtualmachines/",
        Asked(|r| r.body = Bytes::from("{}")),
    ),
    m(
        "deployment-without-outputs",
        "GET",
        "/microsoft.resources/deployments/",
        Body(|b| drop_at(b, "/properties/outputs")),
    ),
    m(
        "deployment-refusal-accepted",
        "",
        "/microsoft.resources/deployments/",
        Answered(|r| {
            if r.status == StatusCode::BAD_REQUEST {
                let accepted = json!({"properties": {"provisioningState": "Succeeded"}});
                *r = Response::json(StatusCode::OK, &accepted);
            }
        }),
    ),
    m(
        "what-if-says-no-change",
        "POST",
        "/whatif?",
        Body(|b| b["properties"]["changes"][0]["changeType"] = json!("NoChange")),
    ),
    m(
        "identity-without-principal",
        "GET",
        "/userassignedidentities/",
        Body(|b| drop_at(b, "/properties/principalId")),
    ),
    m(
        "identity-delete-does-nothing",
        "DELETE",
        "/userassignedidentities/",
        Swallow(200),
    ),
    m(
        "role-filter-ignored",
        "GET",
        "/roledefinitions?",
        Asked(|r| r.query.retain(|(name, _)| name != "$filter")),
    ),
    m(
        "role-assignment-delete-does-nothing",
        "DELETE",
        "/roleassignments/",
        Swallow(204),
    ),
    m(
        "graph-type-missing",
        "POST",
        "/directoryobjects/getbyids",
        Body(|b| drop_at(b, "/value/0/@odata.type")),
    ),
    m(
        "graph-finds-nobody",
        "GET",
        "graph.microsoft.com/v1.0/serviceprincipals?",
        Body(|b| b["value"] = json!([])),
    ),
    m(
        "resource-filter-ignored",
        "GET",
        "/resources?",
        Asked(|r| r.query.retain(|(name, _)| name != "$filter")),
    ),
    m(
        "vault-rbac-as-text",
        "GET",
        "/vaults/",
        Body(|b| b["properties"]["enableRbacAuthorization"] = json!("true")),
    ),
    m(
        "vault-tags-dropped",
        "GET",
        "/vaults/",
        Body(|b| b["tags"] = json!({})),
    ),
    m(
        "deleted-vaults-empty",
        "GET",
        "/deletedvaults?",
        Body(|b| b["value"] = json!([])),
    ),
    m(
        "vault-recover-does-nothing",
        "PUT",
        "/vaults/",
        Asked(|r| {
            r.body = Bytes::from(String::from_utf8_lossy(&r.body).replace("recover", "default"))
        }),
    ),
    m(
        "challenge-missing",
        "",
        ".vault.azure.net/",
        Answered(|r| {
            r.headers.remove("www-authenticate");
        }),
    ),
    m(
        "challenge-for-another-service",
        "",
        ".vault.azure.net/",
        Answered(|r| {
            if r.headers.contains_key("www-authenticate") {
                *r = r.clone().with_header("www-authenticate", "Bearer authorization=\"https://login.microsoftonline.com/common\", resource=\"https://example.org\"");
            }
        }),
    ),
    m(
        "forbidden-without-reason",
        "",
        ".vault.azure.net/",
        Body(|b| drop_at(b, "/error/innererror")),
    ),
    m(
        "secret-id-without-version",
        "PUT",
        ".vault.azure.net/secrets/",
        Body(|b| {
            let id = b["id"]
                .as_str()
                .and_then(|id| id.rsplit_once('/'))
                .map(|(id, _)| id.to_owned());
            b["id"] = json!(id)
        }),
    ),
    m(
        "secret-value-missing",
        "GET",
        ".vault.azure.net/secrets/",
        Body(|b| drop_at(b, "/value")),
    ),
    m(
        "secret-expiry-in-milliseconds",
        "PUT",
        ".vault.azure.net/secrets/",
        Body(|b| {
            if let Some(at) = b["attributes"]["exp"].as_i64() {
                b["attributes"]["exp"] = json!(at * 1000)
            }
        }),
    ),
    m(
        "secret-version-ignored",
        "GET",
        ".vault.azure.net/secrets/",
        Asked(|r| {
            let mut parts: Vec<&str> = r.path.split('/').collect();
            if parts.get(3).is_some_and(|version| version.len() == 32) {
                parts.truncate(3);
                r.path = parts.join("/")
            }
        }),
    ),
    m(
        "secret-list-never-ends",
        "GET",
        ".vault.azure.net/secrets?",
        Body(|b| {
            b["nextLink"] = json!("https://kv-end-to-end.vault.azure.net/secrets?api-version=7.4")
        }),
    ),
    m(
        "secret-purge-does-nothing",
        "DELETE",
        ".vault.azure.net/deletedsecrets/",
        Swallow(204),
    ),
    m(
        "imds-without-expiry",
        "GET",
        "/metadata/identity/oauth2/token",
        Body(|b| {
            drop_at(b, "/expires_on");
            drop_at(b, "/expires_in")
        }),
    ),
    m(
        "imds-other-audience",
        "GET",
        "/metadata/identity/oauth2/token",
        Asked(|r| {
            r.query
                .iter_mut()
                .filter(|(name, _)| name == "resource")
                .for_each(|(_, value)| *value = "https://graph.microsoft.com".to_owned())
        }),
    ),
    m(
        "not-found-as-bad-request",
        "GET",
        "management.azure.com/",
        Answered(|r| {
            if r.status == StatusCode::NOT_FOUND {
                r.status = StatusCode::BAD_REQUEST
            }
        }),
    ),
];

const fn m(
    name: &'static str,
    method: &'static str,
    url: &'static str,
    change: Change,
) -> Mutation {
    Mutation {
        name,
        method,
        url,
        change,
    }
}

/// A member less. What has none stays as it is.
fn drop_at(body: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    if let Some(members) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
        members.remove(name);
    }
}

fn retry(response: &mut Response) {
    *response = response.clone().with_header("x-ms-retry-after-ms", "100");
}

/// The mutation that an instance is under.
#[derive(Default)]
pub(crate) struct Current(RwLock<Option<&'static Mutation>>);

impl Current {
    /// Puts the instance under the mutation with this name. Says whether there is one.
    pub(crate) fn set(&self, name: &str) -> bool {
        let found = MUTATIONS.iter().find(|mutation| mutation.name == name);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
        found.is_some()
    }

    /// Answers a request, wrongly if the instance is under a mutation that is about it.
    pub(crate) fn answer(
        &self,
        request: &Request,
        serve: impl FnOnce(&Request) -> Response,
    ) -> Response {
        let mutation = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(mutation) = mutation.filter(|mutation| mutation.is_about(request)) else {
            return serve(request);
        };
        match mutation.change {
            Change::Request(change) => {
                let mut request = request.clone();
                change(&mut request);
                serve(&request)
            }
            Change::Response(change) => {
                let mut response = serve(request);
                change(&mut response);
                response
            }
            Body(change) => {
                let mut response = serve(request);
                if let Ok(mut body) = serde_json::from_slice(&response.body) {
                    change(&mut body);
                    response.body = Bytes::from(body.to_string());
                }
                response
            }
            Swallow(status) => {
                Response::empty(StatusCode::from_u16(status).unwrap_or(StatusCode::OK))
            }
        }
    }
}

impl Mutation {
    fn is_about(&self, request: &Request) -> bool {
        let query = if request.query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{query}", request.host, request.path).to_lowercase();
        let method = self.method.is_empty()
            || request.method == Method::from_bytes(self.method.as_bytes()).unwrap_or_default();
        method && url.contains(self.url)
    }
}
