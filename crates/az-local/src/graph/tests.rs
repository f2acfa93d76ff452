use super::handle;
use crate::entra::token::{Proof, issue};
use crate::request::Context;
use crate::request::testing::{read, request, with_context};
use crate::state::{ServicePrincipal, Tenant};
use http::Method;
use serde_json::{Value, json};

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const DESK: &str = "33333333-3333-4333-8333-333333333333";
const APP: &str = "22222222-2222-4222-8222-222222222222";
const IDENTITY: &str = "44444444-4444-4444-8444-444444444444";

fn principal(cx: &Context<'_>, tenant: &str, object_id: &str, managed: Option<&str>) {
    let known = Tenant {
        id: tenant.to_owned(),
        display_name: "Local".to_owned(),
        domains: Vec::new(),
    };
    cx.tx.put(&known).expect("a tenant");
    let principal = ServicePrincipal {
        object_id: object_id.to_owned(),
        app_id: if object_id == DESK {
            APP.to_owned()
        } else {
            format!("app-{object_id}")
        },
        tenant_id: tenant.to_owned(),
        display_name: format!("name of {object_id}"),
        managed_identity: managed.map(str::to_owned),
        created: cx.now,
    };
    cx.tx.put(&principal).expect("a principal");
}

fn ask(cx: &Context<'_>, audience: &str, method: Method, path: &str, body: &str) -> (u16, Value) {
    let desk: ServicePrincipal = cx.tx.get(DESK).expect("the state").expect("the desk");
    let token = issue(cx, &desk, audience, &Proof::ClientSecret).expect("a token");
    let header = format!("Bearer {}", token.jwt);
    let url = format!("https://graph.microsoft.com/v1.0/{path}");
    read(&handle(
        cx,
        &request(method, &url, &[("authorization", &header)], body),
    ))
}

fn get(cx: &Context<'_>, path: &str) -> (u16, Value) {
    ask(cx, "https://graph.microsoft.com", Method::GET, path, "")
}

fn seed(cx: &Context<'_>) {
    principal(cx, TENANT, DESK, None);
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i";
    principal(cx, TENANT, IDENTITY, Some(id));
    principal(
        cx,
        "other-tenant",
        "55555555-5555-4555-8555-555555555555",
        None,
    );
}

fn ids(body: &Value) -> Vec<&str> {
    let items = body["value"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect()
}

#[test]
fn principals_are_found_by_name_and_id_within_the_callers_tenant() {
    with_context(|cx| {
        seed(cx);
        let by_name =
            format!("servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{APP}')");
        assert_eq!(ids(&get(cx, &by_name).1), [DESK]);
        let by_app = format!("servicePrincipals?$filter=appId eq '{APP}'");
        assert_eq!(ids(&get(cx, &by_app).1), [DESK]);
        assert_eq!(ids(&get(cx, "servicePrincipals").1), [DESK, IDENTITY]);
        let (status, body) = get(cx, &format!("servicePrincipals/{IDENTITY}"));
        assert_eq!(
            (status, &body["servicePrincipalType"]),
            (200, &json!("ManagedIdentity"))
        );
        assert_eq!(
            get(cx, &format!("servicePrincipals(appId='{APP}')")).1["id"],
            DESK
        );
        let (status, body) = get(cx, "servicePrincipals/55555555-5555-4555-8555-555555555555");
        assert_eq!(
            (status, &body["error"]["code"]),
            (404, &json!("Request_ResourceNotFound"))
        );
    });
}

#[test]
fn objects_by_ids_have_their_types_and_unknown_ones_are_left_out() {
    with_context(|cx| {
        seed(cx);
        let post = |body: Value| {
            let path = "directoryObjects/getByIds";
            ask(
                cx,
                "https://graph.microsoft.com",
                Method::POST,
                path,
                &body.to_string(),
            )
        };
        let unknown = "99999999-9999-4999-8999-999999999999";
        let (_, body) =
            post(json!({"ids": [IDENTITY, unknown], "types": ["user", "servicePrincipal"]}));
        assert_eq!(ids(&body), [IDENTITY]);
        assert_eq!(
            body["value"][0]["@odata.type"],
            "#microsoft.graph.servicePrincipal"
        );
        assert!(ids(&post(json!({"ids": [IDENTITY], "types": ["user"]})).1).is_empty());
        assert_eq!(post(json!({"ids": ["no-guid"]})).0, 400);
    });
}

#[test]
fn what_cannot_be_answered_is_refused_as_graph_does() {
    with_context(|cx| {
        seed(cx);
        let code = |(status, body): (u16, Value)| {
            (
                status,
                body["error"]["code"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            )
        };
        let wanted = |status: u16, code: &str| (status, code.to_owned());
        let unsupported = get(cx, "servicePrincipals?$filter=color eq 'red'");
        assert_eq!(code(unsupported), wanted(400, "Request_UnsupportedQuery"));
        assert_eq!(
            code(get(cx, "servicePrincipals?$filter=nonsense")),
            wanted(400, "BadRequest")
        );
        assert_eq!(code(get(cx, "me")), wanted(400, "BadRequest"));
        assert!(ids(&get(cx, "users").1).is_empty());
        let write = ask(
            cx,
            "https://graph.microsoft.com",
            Method::POST,
            "applications",
            "{}",
        );
        assert_eq!(code(write), wanted(403, "Authorization_RequestDenied"));
        let elsewhere = ask(cx, "https://vault.azure.net", Method::GET, "users", "");
        assert_eq!(code(elsewhere), wanted(401, "InvalidAuthenticationToken"));
    });
}
