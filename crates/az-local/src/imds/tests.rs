use super::handle;
use crate::ground::wire::Origin;
use crate::request::Context;
use crate::request::testing::{read, request, with_context};
use crate::state::{Resource, ServicePrincipal, Tenant};
use http::Method;
use serde_json::{Value, json};

const VM: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/myVM";
const TENANT: &str = "11111111-1111-4111-8111-111111111111";

fn user_assigned(name: &str) -> String {
    format!(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    )
}

fn principal(cx: &Context<'_>, object_id: &str, resource: &str) {
    let principal = ServicePrincipal {
        object_id: object_id.to_owned(),
        app_id: format!("app-{object_id}"),
        tenant_id: TENANT.to_owned(),
        display_name: object_id.to_owned(),
        managed_identity: Some(resource.to_owned()),
        created: cx.now,
    };
    cx.tx.put(&principal).expect("a principal");
}

/// A machine with its own identity or without, and with these user-assigned ones.
fn machine(cx: &Context<'_>, system: bool, user: &[&str]) {
    let tenant = Tenant {
        id: TENANT.to_owned(),
        display_name: "Local".to_owned(),
        domains: Vec::new(),
    };
    cx.tx.put(&tenant).expect("a tenant");
    let kind = match (system, user.is_empty()) {
        (true, true) => "SystemAssigned",
        (true, false) => "SystemAssigned, UserAssigned",
        (false, false) => "UserAssigned",
        (false, true) => "None",
    };
    let mut identity = json!({"type": kind, "userAssignedIdentities": {}});
    if system {
        identity["principalId"] = json!("system");
        principal(cx, "system", VM);
    }
    for name in user {
        // Azure keeps the case that the id was given in, which need not be the resource's own.
        identity["userAssignedIdentities"][user_assigned(name).to_lowercase()] = json!({});
        principal(cx, name, &user_assigned(name));
    }
    let body = json!({"location": "westeurope", "tags": {"a": "b"}, "identity": identity,
        "properties": {"vmId": "id-1", "hardwareProfile": {"vmSize": "Standard_DS1_v2"}}});
    let Value::Object(body) = body else {
        unreachable!()
    };
    let resource = Resource {
        id: VM.to_owned(),
        kind: "Microsoft.Compute/virtualMachines".to_owned(),
        body,
        hidden: serde_json::Map::new(),
        incarnation: String::new(),
    };
    cx.tx.put(&resource).expect("a machine");
}

fn get(cx: &Context<'_>, path: &str) -> (u16, Value) {
    let url = format!("http://169.254.169.254/metadata/{path}");
    let mut request = request(Method::GET, &url, &[("metadata", "true")], "");
    request.origin = Origin::Machine(Resource::key_of(VM));
    read(&handle(cx, &request))
}

const TOKEN: &str =
    "identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net";

fn client_of(cx: &Context<'_>, selector: &str) -> Result<String, String> {
    let (status, body) = get(cx, &format!("{TOKEN}{selector}"));
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    if status == 200 {
        Ok(text("client_id"))
    } else {
        Err(text("error_description"))
    }
}

#[test]
fn the_desk_gets_no_answer() {
    with_context(|cx| {
        let url = format!("http://169.254.169.254/metadata/{TOKEN}");
        assert!(handle(cx, &request(Method::GET, &url, &[("metadata", "true")], "")).hang_up);
    });
}

#[test]
fn without_a_selector_the_systems_identity_comes_first_then_the_only_users() {
    let not_found = Err("Identity not found".to_owned());
    with_context(|cx| {
        machine(cx, false, &[]);
        assert_eq!(client_of(cx, ""), not_found);
    });
    with_context(|cx| {
        machine(cx, false, &["one"]);
        assert_eq!(client_of(cx, ""), Ok("app-one".to_owned()));
    });
    with_context(|cx| {
        machine(cx, true, &["one", "two"]);
        assert_eq!(client_of(cx, ""), Ok("app-system".to_owned()));
    });
    with_context(|cx| {
        machine(cx, false, &["one", "two"]);
        let error = client_of(cx, "").expect_err("two identities");
        assert!(
            error.starts_with("Multiple user assigned identities exist"),
            "{error}"
        );
    });
}

#[test]
fn a_selector_finds_only_what_the_machine_has() {
    with_context(|cx| {
        machine(cx, true, &["one", "two"]);
        principal(cx, "stranger", &user_assigned("stranger"));
        assert_eq!(
            client_of(cx, "&client_id=app-two"),
            Ok("app-two".to_owned())
        );
        assert_eq!(client_of(cx, "&object_id=one"), Ok("app-one".to_owned()));
        let id = user_assigned("two");
        assert_eq!(
            client_of(cx, &format!("&msi_res_id={id}")),
            Ok("app-two".to_owned())
        );
        assert_eq!(
            client_of(cx, &format!("&mi_res_id={id}")),
            Ok("app-two".to_owned())
        );
        let not_found = Err("Identity not found".to_owned());
        assert_eq!(client_of(cx, "&client_id=app-stranger"), not_found);
        assert!(client_of(cx, "&client_id=app-two&object_id=one").is_err());
    });
}

#[test]
fn numbers_are_strings_and_the_token_names_the_machine() {
    with_context(|cx| {
        machine(cx, true, &[]);
        let (status, body) = get(cx, TOKEN);
        assert_eq!(status, 200);
        for name in ["expires_in", "expires_on", "not_before"] {
            assert!(
                body[name]
                    .as_str()
                    .is_some_and(|text| text.parse::<i64>().is_ok()),
                "{name}"
            );
        }
        assert_eq!(body["resource"], "https://vault.azure.net");
        let header = format!("Bearer {}", body["access_token"].as_str().expect("a token"));
        let used = request(
            Method::GET,
            "https://v.vault.azure.net/",
            &[("authorization", &header)],
            "",
        );
        let audiences = ["https://vault.azure.net"];
        crate::entra::token::authenticate(cx, &used, &audiences).expect("a good token");
        let caller = cx.caller.borrow();
        assert_eq!(caller.token_source.as_deref(), Some("imds"));
        // Claims spell it in lower case.
        let claimed = VM.replace("/resourceGroups/", "/resourcegroups/");
        assert_eq!(caller.token_machine.as_deref(), Some(claimed.as_str()));
    });
}

#[test]
fn requests_that_could_come_from_a_forwarding_server_are_refused() {
    with_context(|cx| {
        machine(cx, true, &[]);
        let url = format!("http://169.254.169.254/metadata/{TOKEN}");
        let mut bare = request(Method::GET, &url, &[], "");
        bare.origin = Origin::Machine(Resource::key_of(VM));
        let (status, body) = read(&handle(cx, &bare));
        assert_eq!(status, 400);
        assert_eq!(body["error"], "invalid_request");
        assert_eq!(
            body["error_description"],
            "Required metadata header not specified"
        );
        let headers = [("metadata", "true"), ("x-forwarded-for", "10.0.0.1")];
        let mut forwarded = request(Method::GET, &url, &headers, "");
        forwarded.origin = Origin::Machine(Resource::key_of(VM));
        assert_eq!(read(&handle(cx, &forwarded)).0, 400);
    });
}

#[test]
fn the_instance_document_is_read_whole_and_by_leaf() {
    with_context(|cx| {
        machine(cx, false, &[]);
        let (status, body) = get(cx, "instance?api-version=2021-02-01");
        assert_eq!((status, &body["compute"]["vmId"]), (200, &json!("id-1")));
        assert_eq!(
            body["compute"]["tagsList"],
            json!([{"name": "a", "value": "b"}])
        );
        let url = "http://169.254.169.254/metadata/instance/compute/vmSize?api-version=2021-02-01&format=text";
        let mut leaf = request(Method::GET, url, &[("metadata", "true")], "");
        leaf.origin = Origin::Machine(Resource::key_of(VM));
        assert_eq!(handle(cx, &leaf).body, "Standard_DS1_v2");
        let (status, body) = get(cx, "instance");
        assert_eq!(status, 400);
        assert_eq!(body["newest-versions"].as_array().map(Vec::len), Some(3));
        assert_eq!(get(cx, "instance/nothing?api-version=2021-02-01").0, 404);
    });
}

#[test]
fn user_data_and_custom_data_are_shown_by_the_versions_that_know_them() {
    with_context(|cx| {
        machine(cx, false, &[]);
        let shown = |version: &str| get(cx, &format!("instance/compute?api-version={version}")).1;
        assert_eq!(shown("2021-02-01")["userData"], "");
        let mut resource: Resource = cx
            .tx
            .get(&Resource::key_of(VM))
            .expect("a state")
            .expect("a machine");
        for (name, value) in [("userData", "dXNlcg=="), ("customData", "Y3VzdG9t")] {
            resource.hidden.insert(name.to_owned(), json!(value));
        }
        cx.tx.put(&resource).expect("a machine");
        for (version, user, custom) in [
            ("2018-10-01", None, None),
            ("2019-02-01", None, Some("Y3VzdG9t")),
            ("2020-12-01", None, Some("Y3VzdG9t")),
            ("2021-01-01", Some("dXNlcg=="), Some("Y3VzdG9t")),
            ("2025-04-07", Some("dXNlcg=="), Some("Y3VzdG9t")),
        ] {
            let compute = shown(version);
            let text = |name: &str| compute.get(name).and_then(Value::as_str);
            assert_eq!(
                (text("userData"), text("customData")),
                (user, custom),
                "{version}"
            );
        }
    });
}

/// The versions at <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#supported-api-versions>.
#[test]
fn every_published_version_is_served_and_the_newest_are_told() {
    with_context(|cx| {
        machine(cx, false, &[]);
        let (_, all) = get(cx, "versions");
        let all = all["apiVersions"].as_array().cloned().expect("versions");
        assert_eq!(all.len(), 35);
        for version in all {
            let version = version.as_str().expect("a version");
            let (status, body) = get(cx, &format!("instance?api-version={version}"));
            assert_eq!((status, &body["compute"]["name"]), (200, &json!("myVM")));
        }
        for path in ["instance", "instance?api-version=2022-01-01"] {
            let (status, body) = get(cx, path);
            assert_eq!(status, 400);
            let newest = json!(["2025-04-07", "2024-07-17", "2024-03-15"]);
            assert_eq!(body["newest-versions"], newest);
        }
    });
}

#[test]
fn members_come_with_their_versions_and_all_leaves_are_texts() {
    fn leaves(value: &Value, at: &str) {
        match value {
            Value::Object(members) => members
                .iter()
                .for_each(|(name, inner)| leaves(inner, &format!("{at}/{name}"))),
            Value::Array(items) => items.iter().for_each(|inner| leaves(inner, at)),
            leaf => assert!(leaf.is_string(), "{at}: {leaf}"),
        }
    }
    with_context(|cx| {
        machine(cx, false, &[]);
        let compute = |version: &str| get(cx, &format!("instance/compute?api-version={version}")).1;
        leaves(&compute("2025-04-07"), "");
        for (pointer, since, before) in [
            ("/physicalZone", "2023-11-15", "2023-07-01"),
            ("/storageProfile", "2019-06-01", "2019-04-30"),
            (
                "/storageProfile/resourceDisk/size",
                "2021-02-01",
                "2021-01-01",
            ),
            (
                "/storageProfile/osDisk/diskSizeGB",
                "2019-06-01",
                "2019-04-30",
            ),
            (
                "/osProfile/disablePasswordAuthentication",
                "2020-10-01",
                "2020-09-01",
            ),
            ("/securityProfile/securityType", "2021-12-13", "2021-11-15"),
            (
                "/additionalCapabilities/hibernationEnabled",
                "2021-11-01",
                "2021-10-01",
            ),
        ] {
            assert!(
                compute(since).pointer(pointer).is_some(),
                "{pointer} {since}"
            );
            assert!(
                compute(before).pointer(pointer).is_none(),
                "{pointer} {before}"
            );
        }
    });
}

#[test]
fn a_variable_comes_once_and_what_can_only_be_read_is_only_read() {
    with_context(|cx| {
        machine(cx, false, &[]);
        let twice = "instance?api-version=2021-02-01&api-version=2025-04-07";
        assert_eq!(get(cx, twice).0, 400);
        let url = "http://169.254.169.254/metadata/instance?api-version=2021-02-01";
        let mut post = request(Method::POST, url, &[("metadata", "true")], "");
        post.origin = Origin::Machine(Resource::key_of(VM));
        assert_eq!(handle(cx, &post).status, 405);
    });
}
