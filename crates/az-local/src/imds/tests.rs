use super::handle;
use crate::ground::wire::Origin;
use crate::request::Context;
use crate::request::testing::{read, request, with_context};
use crate::state::{Resource, ServicePrincipal, Subscription, Tenant};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
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

fn post(cx: &Context<'_>, path: &str, body: &str) -> (u16, Value) {
    let url = format!("http://169.254.169.254/metadata/{path}");
    let mut request = request(Method::POST, &url, &[("metadata", "true")], body);
    request.origin = Origin::Machine(Resource::key_of(VM));
    read(&handle(cx, &request))
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
fn user_data_is_shown_by_the_versions_that_know_it_and_custom_data_by_none() {
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
            ("2019-02-01", None, Some("")),
            ("2020-12-01", None, Some("")),
            ("2021-01-01", Some("dXNlcg=="), Some("")),
            ("2025-04-07", Some("dXNlcg=="), Some("")),
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

/// <https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events>
#[test]
fn no_maintenance_is_to_come() {
    with_context(|cx| {
        machine(cx, false, &[]);
        for version in ["2017-08-01", "2019-08-01", "2020-07-01"] {
            let (status, body) = get(cx, &format!("scheduledevents?api-version={version}"));
            assert_eq!(status, 200);
            assert_eq!(body, json!({"DocumentIncarnation": 1, "Events": []}));
        }
        let (status, body) = get(cx, "scheduledevents?api-version=2021-02-01");
        assert_eq!(status, 400);
        assert_eq!(
            body["newest-versions"],
            json!(["2020-07-01", "2019-08-01", "2019-04-01"])
        );
        let path = "scheduledevents?api-version=2020-07-01";
        for (body, status) in [
            (r#"{"StartRequests": []}"#, 200),
            (
                r#"{"StartRequests": [{"EventId": "f020ba2e-3bc0-4c40-a10b-86575a9eabd5"}]}"#,
                400,
            ),
            (r#"{"StartRequests": [{}]}"#, 400),
            ("{}", 400),
            ("", 400),
        ] {
            assert_eq!(post(cx, path, body).0, status, "{body}");
        }
    });
}

/// MicrosoftDocs/entra-docs, docs/identity/devices/howto-vm-sign-in-azure-ad-windows.md
#[test]
fn the_tenant_of_the_subscription_is_told_with_an_identity_or_without() {
    with_context(|cx| {
        machine(cx, false, &[]);
        let subscription = Subscription {
            id: "s".to_owned(),
            tenant_id: TENANT.to_owned(),
            display_name: "Local".to_owned(),
            tags: serde_json::Map::new(),
            providers: Vec::new(),
        };
        cx.tx.put(&subscription).expect("a subscription");
        let (status, body) = get(cx, "identity/info?api-version=2018-02-01");
        assert_eq!((status, body), (200, json!({"tenantId": TENANT})));
        assert_eq!(get(cx, "identity/info").0, 400);
        assert_eq!(post(cx, "identity/info?api-version=2018-02-01", "").0, 405);
    });
}

/// <https://learn.microsoft.com/azure/load-balancer/howto-load-balancer-imds>
#[test]
fn addresses_of_the_standard_sku_are_told_as_a_load_balancers() {
    with_context(|cx| {
        machine(cx, false, &[]);
        let path = "loadbalancer?api-version=2020-10-01";
        assert_eq!(get(cx, path).0, 404);
        assert_eq!(get(cx, "loadbalancer?api-version=2020-09-01").0, 400);
        let network = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";
        let put = |id: String, kind: &str, properties: Value, sku: Value| {
            let mut resource = Resource::new(id, kind);
            resource.body.insert("properties".to_owned(), properties);
            resource.body.insert("sku".to_owned(), sku);
            cx.tx.put(&resource).expect("a resource");
        };
        let (nic, ip) = (
            format!("{network}/networkInterfaces/nic"),
            format!("{network}/publicIPAddresses/ip"),
        );
        let configuration =
            json!({"properties": {"privateIPAddress": "10.0.0.4", "publicIPAddress": {"id": ip}}});
        put(
            nic.clone(),
            "Microsoft.Network/networkInterfaces",
            json!({"ipConfigurations": [configuration]}),
            json!({}),
        );
        let mut vm: Resource = cx
            .tx
            .get(&Resource::key_of(VM))
            .expect("a state")
            .expect("a machine");
        vm.body["properties"]["networkProfile"] = json!({"networkInterfaces": [{"id": nic}]});
        cx.tx.put(&vm).expect("a machine");
        for (sku, status) in [("Basic", 404), ("Standard", 200)] {
            let sku = json!({"name": sku});
            put(
                ip.clone(),
                "Microsoft.Network/publicIPAddresses",
                json!({"ipAddress": "198.18.0.4"}),
                sku,
            );
            let (found, body) = get(cx, path);
            assert_eq!(found, status);
            if found == 200 {
                let expected =
                    json!([{"frontendIpAddress": "198.18.0.4", "privateIpAddress": "10.0.0.4"}]);
                assert_eq!(body["loadbalancer"]["publicIpAddresses"], expected);
                assert_eq!(body["loadbalancer"]["inboundRules"], json!([]));
            }
        }
    });
}

/// The parts of a signed document: its content, the signer's certificate, the signature.
fn parts(der: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    yasna::parse_der(der, |reader| {
        reader.read_sequence(|reader| {
            reader.next().read_oid()?;
            reader.next().read_tagged(yasna::Tag::context(0), |reader| {
                reader.read_sequence(|reader| {
                    reader.next().read_u8()?;
                    reader.next().read_der()?;
                    let content = reader.next().read_sequence(|reader| {
                        reader.next().read_oid()?;
                        reader
                            .next()
                            .read_tagged(yasna::Tag::context(0), |reader| reader.read_bytes())
                    })?;
                    let certificate =
                        reader
                            .next()
                            .read_tagged_implicit(yasna::Tag::context(0), |reader| {
                                let mut all = Vec::new();
                                reader.read_set_of(|reader| {
                                    all.push(reader.read_der()?);
                                    Ok(())
                                })?;
                                Ok(all.remove(0))
                            })?;
                    let mut signature = Vec::new();
                    reader.next().read_set_of(|reader| {
                        signature = reader.read_sequence(|reader| {
                            for _ in 0..4 {
                                reader.next().read_der()?;
                            }
                            reader.next().read_bytes()
                        })?;
                        Ok(())
                    })?;
                    Ok((content, certificate, signature))
                })
            })
        })
    })
    .expect("PKCS#7")
}

/// <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#attested-data>
#[test]
fn the_attested_document_is_signed_in_the_name_of_the_metadata_service() {
    with_context(|cx| {
        machine(cx, false, &[]);
        let signed = |query: &str| {
            let (status, body) = get(cx, &format!("attested/document?{query}"));
            assert_eq!(
                (status, &body["encoding"]),
                (200, &json!("pkcs7")),
                "{body}"
            );
            STANDARD
                .decode(body["signature"].as_str().expect("a text"))
                .expect("base64")
        };
        let (content, certificate, signature) =
            parts(&signed("api-version=2025-04-07&nonce=1234567890"));
        let document: Value = serde_json::from_slice(&content).expect("JSON");
        assert_eq!(
            (&document["nonce"], &document["vmId"]),
            (&json!("1234567890"), &json!("id-1"))
        );
        assert_eq!(
            (&document["subscriptionId"], &document["sku"]),
            (&json!("s"), &json!(""))
        );
        assert!(document.get("licenseType").is_none());
        let times = &document["timeStamp"];
        let valid = |text: &Value| text.as_str().is_some_and(|text| text.ends_with(" -0000"));
        assert!(
            valid(&times["createdOn"]) && valid(&times["expiresOn"]),
            "{times}"
        );
        // The certificate is the authority's, in the service's names, and the signature is its key's.
        let certificate = CertificateDer::from(certificate);
        let leaf = webpki::EndEntityCert::try_from(&certificate).expect("a certificate");
        for name in ["metadata.azure.com", "westeurope.metadata.azure.com"] {
            let name = ServerName::try_from(name).expect("a name");
            leaf.verify_is_valid_for_subject_name(&name)
                .expect("its name");
        }
        let verify = |content: &[u8]| {
            leaf.verify_signature(webpki::ring::ECDSA_P256_SHA256, content, &signature)
        };
        verify(&content).expect("a good signature");
        let mut forged = content.clone();
        forged[10] ^= 1;
        assert!(verify(&forged).is_err());
        let authority =
            CertificateDer::from_pem_slice(cx.authority.pem().as_bytes()).expect("a certificate");
        let anchor = webpki::anchor_from_trusted_cert(&authority).expect("an anchor");
        leaf.verify_for_usage(
            &[webpki::ring::ECDSA_P256_SHA256],
            &[anchor],
            &[],
            UnixTime::now(),
            webpki::KeyUsage::client_auth(),
            None,
            None,
        )
        .expect("the authority's certificate");
        // Members come with their versions; without a nonce the time is one.
        let (content, ..) = parts(&signed("api-version=2018-10-01"));
        let document: Value = serde_json::from_slice(&content).expect("JSON");
        assert!(document.get("subscriptionId").is_none() && document.get("sku").is_none());
        assert_eq!(
            document["nonce"].as_str().map(str::len),
            Some("20181128-001617".len())
        );
        for (query, status) in [("api-version=2018-02-01", 400), ("", 400)] {
            assert_eq!(get(cx, &format!("attested/document?{query}")).0, status);
        }
        let long = format!(
            "attested/document?api-version=2025-04-07&nonce={}",
            "1".repeat(33)
        );
        assert_eq!(get(cx, &long).0, 400);
    });
}
