//! Hosts that give managed identities, other than virtual machines: each with its own rules, and tokens that Key Vault takes.

use az_local::{Client as Control, Command as Ask, Environment, HostKind, HostOptions};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, VAULT, http::Answer, http::Client, stderr};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

const VAULT_RESOURCE: &str = "resource=https://vault.azure.net";

/// A host that is there as long as this value.
struct Host<'a> {
    azure: &'a Azure,
    environment: Environment,
    connection: UnixStream,
}

impl<'a> Host<'a> {
    fn open(azure: &'a Azure, kind: HostKind, identities: &[&str]) -> Self {
        let (environment, connection) = control(azure)
            .hold(Ask::Host(options(kind, identities)))
            .expect("a host");
        Host {
            azure,
            environment,
            connection,
        }
    }

    fn var(&self, name: &str) -> &str {
        let value = self.environment.get(name);
        value.unwrap_or_else(|| panic!("the host sets no {name}"))
    }

    /// Asks an endpoint of the host's.
    fn get(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        Client::direct(self.azure).send("GET", url, headers, None)
    }

    /// Waits until nothing of it is left, as `az-local host exec` does.
    fn end(self) {
        let mut connection = self.connection;
        connection
            .shutdown(std::net::Shutdown::Write)
            .expect("it is open");
        connection.read_to_end(&mut Vec::new()).expect("its end");
    }
}

fn control(azure: &Azure) -> Control {
    Control::find(&azure.data_dir()).expect("an instance")
}

fn options(kind: HostKind, identities: &[&str]) -> HostOptions {
    HostOptions {
        kind,
        name: None,
        group: None,
        subscription: None,
        identities: identities.iter().map(|one| (*one).to_owned()).collect(),
        service_account: None,
    }
}

/// Who a host is.
fn show(azure: &Azure, kind: HostKind, identities: &[&str]) -> Value {
    let asked = Ask::HostIdentity(options(kind, identities));
    control(azure).ask(asked).expect("a host")
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

/// A token's claims.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("a JWT");
    let part = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&part).expect("JSON")
}

/// `az-local host exec …`
fn exec(azure: &Azure, line: &str, script: &str) -> assert_cmd::Command {
    let mut command = azure.local();
    command.args(["host", "exec"]).args(line.split_whitespace());
    command.args(["--", "bash", "-c", script]);
    command
}

/// A vault that a host's identity may write secrets to.
fn with_access(azure: Azure, kind: HostKind, identities: &[&str]) -> Azure {
    let azure = azure.with_secrets();
    let who = show(&azure, kind, identities);
    azure.grant(text(&who, "/identities/0/principalId"), OFFICER);
    azure
}

fn set_secret() -> String {
    format!("printf value | kv-set from-host --vault-name {VAULT} --wait-for-access 1m")
}

#[test]
fn an_app_gets_a_token_with_its_secret_and_none_without() {
    let azure = Azure::start();
    let who = show(&azure, HostKind::AppService, &[]);
    let host = Host::open(&azure, HostKind::AppService, &[]);
    let url = format!(
        "{}?api-version=2019-08-01&{VAULT_RESOURCE}",
        host.var("IDENTITY_ENDPOINT")
    );
    let secret = [("X-IDENTITY-HEADER", host.var("IDENTITY_HEADER"))];
    let answer = host.get(&url, &secret);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["resource"], "https://vault.azure.net");
    assert_eq!(body["client_id"], who["identities"][0]["clientId"]);
    let claims = claims(text(&body, "/access_token"));
    assert_eq!(text(&body, "/expires_on"), claims["exp"].to_string());
    assert_eq!(claims["oid"], who["identities"][0]["principalId"]);
    assert_eq!(claims["aud"], "https://vault.azure.net");
    for claim in ["xms_mirid", "xms_az_rid"] {
        let id = text(&who, "/id").replace("/resourceGroups/", "/resourcegroups/");
        assert_eq!(claims[claim], id.as_str());
    }
    // The platform keeps tokens: a second one is the same.
    assert_eq!(
        host.get(&url, &secret).json()["access_token"],
        body["access_token"]
    );
    // Near its end there is another one.
    let by = 24 * 60 * 60 * 1000 - 4 * 60 * 1000;
    let advanced = control(&azure).ask::<Value>(Ask::ClockAdvance { by });
    advanced.expect("a clock");
    assert_ne!(
        host.get(&url, &secret).json()["access_token"],
        body["access_token"]
    );
    for headers in [
        &[][..],
        &[("X-IDENTITY-HEADER", "wrong")],
        &[("secret", host.var("IDENTITY_HEADER"))],
    ] {
        let refused = host.get(&url, headers);
        assert_eq!(refused.status, 401, "{}", refused.text);
        assert_eq!(refused.json()["statusCode"], 401);
    }
    // The log tells the host and the identity, and neither the token nor the secret.
    let log = azure.log();
    let logged = log.iter().find(|one| {
        one["url"]
            .as_str()
            .is_some_and(|url| url.contains("/msi/token"))
    });
    let logged = logged.expect("it is logged");
    assert_eq!(logged["caller"]["host"], "app-service");
    assert_eq!(logged["caller"]["oid"], who["identities"][0]["principalId"]);
    let log = azure.log_text();
    assert!(!log.contains(host.var("IDENTITY_HEADER")));
    assert!(!log.contains(text(&body, "/access_token")));
}

#[test]
fn an_apps_identities_are_named_by_any_id_and_never_guessed() {
    let azure = Azure::start().with_group();
    let user = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    let host = Host::open(&azure, HostKind::Functions, &[IDENTITY]);
    let ask = |more: &str| {
        let url = format!(
            "{}?api-version=2019-08-01&{VAULT_RESOURCE}{more}",
            host.var("IDENTITY_ENDPOINT")
        );
        host.get(&url, &[("X-IDENTITY-HEADER", host.var("IDENTITY_HEADER"))])
    };
    for (name, value) in [
        ("client_id", &user["clientId"]),
        ("principal_id", &user["principalId"]),
        ("object_id", &user["principalId"]),
        ("mi_res_id", &user["id"]),
    ] {
        let answer = ask(&format!("&{name}={}", value.as_str().expect("an id")));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        let claims = claims(text(&answer.json(), "/access_token"));
        assert_eq!(claims["oid"], user["principalId"]);
        assert_eq!(claims["xms_mirid"], user["id"]);
    }
    // There is only one, and it is not its own.
    let refused = ask("");
    assert_eq!(refused.status, 400);
    let message = refused.json()["message"].to_string();
    assert!(
        message.contains("No User Assigned or Delegated Managed Identity found"),
        "{message}"
    );
    assert_eq!(
        ask("&client_id=11111111-1111-4111-8111-111111111111").status,
        400
    );
    let twice = format!(
        "&client_id={}&object_id={}",
        text(&user, "/clientId"),
        text(&user, "/principalId")
    );
    assert_eq!(ask(&twice).status, 400);
    // The older version has other names, and another form for times.
    let old = format!(
        "{}?api-version=2017-09-01&{VAULT_RESOURCE}&clientid={}",
        host.var("MSI_ENDPOINT"),
        text(&user, "/clientId")
    );
    let answer = host.get(&old, &[("secret", host.var("MSI_SECRET"))]);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(text(&answer.json(), "/expires_on").ends_with(" +00:00"));
    // One that is deleted gives no token any more.
    azure
        .run(&format!("az-identity delete -g {GROUP} -n {IDENTITY}"))
        .assert()
        .success();
    assert_eq!(
        ask(&format!("&client_id={}", text(&user, "/clientId"))).status,
        400
    );
}

#[test]
fn an_app_writes_a_secret_by_our_chain() {
    let azure = with_access(Azure::start(), HostKind::AppService, &[]);
    exec(&azure, "--kind app-service", &set_secret())
        .assert()
        .success();
    let read = azure.json(&format!("kv-get from-host --vault-name {VAULT}"));
    assert_eq!(read["value"], "value");
    let log = azure.log();
    let put = log.iter().rfind(|one| {
        one["method"] == "PUT"
            && one["url"]
                .as_str()
                .is_some_and(|url| url.contains("/secrets/from-host"))
    });
    let caller = &put.expect("a write")["caller"];
    assert_eq!(caller["host"], "app-service");
    assert_eq!(caller["tokenSource"], "app-service");
}

#[test]
fn a_host_has_nothing_of_the_desks_and_no_metadata_service() {
    let azure = Azure::start();
    let mut command = exec(
        &azure,
        "--kind app-service --env MINE=yes",
        "env; test ! -e $HOME/.azure; pwd >&2; exit 7",
    );
    for (name, value) in azure.variables() {
        command.env(name, value);
    }
    let ran = command.assert().code(7);
    let output = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
    let secret = azure.var("AZURE_CLIENT_SECRET");
    assert!(!output.contains(secret));
    for line in output.lines() {
        let name = line.split('=').next().unwrap_or_default();
        assert!(!name.starts_with("AZURE_CLIENT"), "{line}");
        assert!(!name.starts_with("AZURE_TENANT"), "{line}");
    }
    assert!(output.contains("MINE=yes"));
    let home = output.lines().find_map(|line| line.strip_prefix("HOME="));
    assert!(
        !Path::new(home.expect("a home")).exists(),
        "it goes with the host"
    );
    let host = Host::open(&azure, HostKind::AppService, &[]);
    let proxy = host.var("HTTP_PROXY").to_owned();
    let behind = Client::through(&azure, &proxy);
    let url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
    assert!(
        behind
            .try_send("GET", url, &[("metadata", "true")], None)
            .is_err()
    );
    let endpoint = host.var("IDENTITY_ENDPOINT").to_owned();
    host.end();
    // With the host go its endpoint and its way through the proxy.
    assert!(
        Client::direct(&azure)
            .try_send("GET", &endpoint, &[], None)
            .is_err()
    );
    let refused = Client::through(&azure, &proxy).send("GET", url, &[("metadata", "true")], None);
    assert_eq!(refused.status, 407);
}

#[test]
fn what_a_host_cannot_be_is_said() {
    let azure = Azure::start().with_group();
    for (line, said, code) in [
        (
            "--kind app-service --identity nobody",
            "no user-assigned identity 'nobody'",
            3,
        ),
        ("--kind kubernetes", "--identity", 2),
        (
            "--kind kubernetes --identity system",
            "no identity of its own",
            2,
        ),
        (
            "--kind service-fabric --identity system --identity other",
            "one identity",
            2,
        ),
        (
            "--kind cloud-shell --identity nobody",
            "no user 'nobody'",
            3,
        ),
        (
            "--kind app-service --service-account a/b",
            "only a kubernetes host",
            2,
        ),
        (
            "--kind kubernetes --identity one --service-account Shop",
            "'Shop' is no service account",
            2,
        ),
        ("--kind app-service -n ../..", "no name of a host", 2),
        (
            "--kind app-service --subscription none",
            "no subscription 'none'",
            3,
        ),
    ] {
        let failed = exec(&azure, line, "true").assert().code(code);
        assert!(
            stderr(&failed).contains(said),
            "{line}: {}",
            stderr(&failed)
        );
    }
}

#[test]
fn a_pod_has_a_token_that_entra_takes_and_that_is_replaced() {
    let azure = Azure::start().with_group();
    let user = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    let who = show(&azure, HostKind::Kubernetes, &[IDENTITY]);
    let host = Host::open(&azure, HostKind::Kubernetes, &[IDENTITY]);
    assert_eq!(host.var("AZURE_CLIENT_ID"), text(&user, "/clientId"));
    assert_eq!(host.var("AZURE_TENANT_ID"), text(&user, "/tenantId"));
    assert_eq!(
        host.var("AZURE_AUTHORITY_HOST"),
        "https://login.microsoftonline.com/"
    );
    let file = Path::new(host.var("AZURE_FEDERATED_TOKEN_FILE")).to_owned();
    let first = std::fs::read_to_string(&file).expect("a token");
    let claims = claims(&first);
    assert_eq!(claims["iss"], who["issuer"]);
    let subject = "system:serviceaccount:default:workload-identity-sa";
    assert_eq!(claims["sub"], subject);
    assert_eq!(claims["aud"][0], "api://AzureADTokenExchange");
    assert_eq!(claims["kubernetes.io"]["namespace"], "default");
    // Who looks the issuer up finds the key that signed.
    let client = Client::new(&azure);
    let issuer = text(&who, "/issuer");
    let found = client.send(
        "GET",
        &format!("{issuer}.well-known/openid-configuration"),
        &[],
        None,
    );
    assert_eq!(found.json()["issuer"], issuer);
    let keys = client.send("GET", text(&found.json(), "/jwks_uri"), &[], None);
    let header = URL_SAFE_NO_PAD.decode(first.split('.').next().expect("a JWT"));
    let header: Value = serde_json::from_slice(&header.expect("base64url")).expect("JSON");
    assert_eq!(keys.json()["keys"][0]["kid"], header["kid"]);
    let exchange = |assertion: &str| {
        client.token_answer(&[
            ("client_id", text(&user, "/clientId")),
            ("grant_type", "client_credentials"),
            ("scope", "https://vault.azure.net/.default"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion),
        ])
    };
    assert_eq!(exchange(&first).status, 200);
    // The credential that trusts it is one as any other, made once.
    let url = format!(
        "https://management.azure.com{}/federatedIdentityCredentials?api-version=2023-01-31",
        text(&user, "/id")
    );
    let management = client.token("https://management.azure.com/.default");
    let all = client.get(&url, &management).json();
    let all = all["value"].as_array().expect("credentials").clone();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["properties"]["subject"], subject);
    // Before an hour is over there is another token.
    let advance = Ask::ClockAdvance { by: 49 * 60 * 1000 };
    control(&azure).ask::<Value>(advance).expect("a clock");
    let deadline = Instant::now() + Duration::from_secs(20);
    let second = loop {
        let second = std::fs::read_to_string(&file).expect("a token, old or new");
        if second != first {
            break second;
        }
        assert!(Instant::now() < deadline, "it is not replaced");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(exchange(&second).status, 200);
    host.end();
    assert!(!file.exists());
}

#[test]
fn a_pods_application_may_be_the_desks_and_its_service_account_any() {
    let azure = Azure::start();
    let line = format!(
        "--kind kubernetes --identity {} --service-account shop/cart --name aks-1 --env SUBSCRIPTION={}",
        azure.var("AZURE_CLIENT_ID"),
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    exec(
        &azure,
        &line,
        "az-role assignment list --scope \"/subscriptions/$SUBSCRIPTION\"",
    )
    .assert()
    .success();
    let log = azure.log();
    let last = log.last().expect("a log");
    assert_eq!(last["caller"]["host"], "kubernetes");
    assert_eq!(last["caller"]["tokenSource"], "federated");
}

#[test]
fn a_pod_writes_a_secret_by_our_chain() {
    let azure = Azure::start().with_secrets();
    let user = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    azure.grant(text(&user, "/principalId"), OFFICER);
    exec(
        &azure,
        &format!("--kind kubernetes --identity {IDENTITY}"),
        &set_secret(),
    )
    .assert()
    .success();
}

/// Whether this process may do what Azure Arc needs; the reason must be said where it may not.
fn arc<'a>(azure: &'a Azure, identities: &[&str]) -> Option<Host<'a>> {
    let asked = Ask::Host(options(HostKind::Arc, identities));
    match control(azure).hold::<Environment>(asked) {
        Ok((environment, connection)) => Some(Host {
            azure,
            environment,
            connection,
        }),
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains("/var/opt/azcmagent/tokens"), "{said}");
            None
        }
    }
}

#[test]
fn a_server_of_azure_arc_asks_for_a_secret_that_is_in_a_file_once() {
    let azure = Azure::start();
    let Some(host) = arc(&azure, &[]) else {
        return;
    };
    let url = format!(
        "{}?api-version=2019-11-01&{VAULT_RESOURCE}",
        host.var("IDENTITY_ENDPOINT")
    );
    assert!(url.starts_with(host.var("IMDS_ENDPOINT")));
    assert_eq!(
        host.get(&url, &[]).status,
        400,
        "the header Metadata is missing"
    );
    let challenge = |headers: &[(&str, &str)]| {
        let answer = host.get(&url, headers);
        assert_eq!(answer.status, 401);
        let header = answer.header("www-authenticate").to_owned();
        let path = header.strip_prefix("Basic realm=").expect("a realm");
        Path::new(path).to_owned()
    };
    let path = challenge(&[("Metadata", "true")]);
    assert_eq!(path.parent(), Some(Path::new("/var/opt/azcmagent/tokens")));
    assert_eq!(path.extension().and_then(|name| name.to_str()), Some("key"));
    let secret = std::fs::read_to_string(&path).expect("a secret");
    let with = |secret: &str| format!("Basic {secret}");
    let good = with(&secret);
    let headers = [("Metadata", "true"), ("Authorization", good.as_str())];
    let answer = host.get(&url, &headers);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let claims = claims(text(&answer.json(), "/access_token"));
    assert_eq!(claims["az_local_source"], "arc");
    assert!(!path.exists(), "it is good once");
    let second = challenge(&headers);
    let wrong = with("wrong");
    let third = challenge(&[("Metadata", "true"), ("Authorization", &wrong)]);
    assert!(second.exists() && third.exists());
    // Its agent knows no other identity, and passes over what asks for one.
    let secret = with(&std::fs::read_to_string(&second).expect("a secret"));
    let other = format!("{url}&client_id=11111111-1111-4111-8111-111111111111");
    let answer = host.get(&other, &[("Metadata", "true"), ("Authorization", &secret)]);
    assert_eq!(answer.status, 200);
    host.end();
    assert!(!second.exists() && !third.exists());
}

#[test]
fn a_server_of_azure_arc_says_which_identity_it_took() {
    let azure = Azure::start().with_group();
    let user = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    let Some(host) = arc(&azure, &["system", IDENTITY]) else {
        return;
    };
    for (name, value) in [
        ("client_id", &user["clientId"]),
        ("object_id", &user["principalId"]),
        ("msi_res_id", &user["id"]),
    ] {
        let url = format!(
            "{}?api-version=2020-06-01&{VAULT_RESOURCE}&{name}={}",
            host.var("IDENTITY_ENDPOINT"),
            value.as_str().expect("an id")
        );
        let challenge = host.get(&url, &[("Metadata", "true")]);
        let path = challenge.header("www-authenticate").to_owned();
        let path = path.strip_prefix("Basic realm=").expect("a realm");
        let secret = format!("Basic {}", std::fs::read_to_string(path).expect("a secret"));
        let answer = host.get(&url, &[("Metadata", "true"), ("Authorization", &secret)]);
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()[name], *value);
        assert_eq!(
            claims(text(&answer.json(), "/access_token"))["oid"],
            user["principalId"]
        );
    }
    host.end();
}

#[test]
fn a_compute_of_azure_ml_has_the_older_protocol_of_app_service() {
    let azure = Azure::start().with_group();
    let user = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    let host = Host::open(&azure, HostKind::AzureMl, &["system", IDENTITY]);
    assert_eq!(
        host.var("DEFAULT_IDENTITY_CLIENT_ID"),
        text(&user, "/clientId")
    );
    assert_eq!(host.environment.get("IDENTITY_ENDPOINT"), None);
    let base = format!(
        "{}?api-version=2017-09-01&{VAULT_RESOURCE}",
        host.var("MSI_ENDPOINT")
    );
    let secret = [("secret", host.var("MSI_SECRET"))];
    // The SDK for Go sends an empty one where there is none.
    for (more, is_user) in [
        (String::new(), false),
        ("&clientid=".to_owned(), false),
        (format!("&clientid={}", text(&user, "/clientId")), true),
    ] {
        let answer = host.get(&format!("{base}{more}"), &secret);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        let claims = claims(text(&body, "/access_token"));
        assert_eq!(body["expires_on"], claims["exp"]);
        assert_eq!(claims["oid"] == user["principalId"], is_user);
    }
    assert_eq!(host.get(&base, &[]).status, 401);
    assert_eq!(host.get(&base, &[("secret", "wrong")]).status, 401);
    let unknown = format!("{base}&clientid=11111111-1111-4111-8111-111111111111");
    assert_eq!(host.get(&unknown, &secret).status, 400);
}

#[test]
fn cloud_shell_gives_tokens_of_its_user() {
    let azure = Azure::start();
    azure
        .local()
        .args(["principal", "add", "user", "ada"])
        .assert()
        .success();
    let who = show(&azure, HostKind::CloudShell, &["ada"]);
    let host = Host::open(&azure, HostKind::CloudShell, &["ada"]);
    let client = Client::direct(&azure);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = Some("resource=https%3A%2F%2Fvault.azure.net".to_owned());
    let url = host.var("MSI_ENDPOINT");
    let answer = client.send("POST", url, &[("Metadata", "true"), form], body.clone());
    assert_eq!(answer.status, 200, "{}", answer.text);
    let token = claims(text(&answer.json(), "/access_token"));
    assert_eq!(token["oid"], who["user"]["id"]);
    assert_eq!(token["upn"], who["user"]["userPrincipalName"]);
    assert_eq!(token["idtyp"], "user");
    assert_eq!(client.send("POST", url, &[form], body.clone()).status, 400);
    let by_get = format!("{url}?{VAULT_RESOURCE}");
    let answer = client.send("GET", &by_get, &[("Metadata", "true")], None);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let nothing = format!("{url}?resource=https://example.org");
    let answer = client.send("GET", &nothing, &[("Metadata", "true")], None);
    assert_eq!(answer.code(), "AudienceNotSupported");
    let own = url.split('/').nth(3).expect("a part of its own");
    assert!(!azure.log_text().contains(own));
    // Without that part of the URL nobody on the computer gets one.
    let guessed = url.replace(&format!("/{own}"), "");
    let answer = client.send("POST", &guessed, &[("Metadata", "true"), form], body);
    assert_eq!(answer.status, 404);
}

#[test]
fn service_fabric_answers_over_tls_and_refuses_in_its_own_words() {
    let azure = Azure::start();
    let host = Host::open(&azure, HostKind::ServiceFabric, &[]);
    let endpoint = host.var("IDENTITY_ENDPOINT");
    assert!(endpoint.starts_with("https://127.0.0.1:"));
    let thumbprint = host.var("IDENTITY_SERVER_THUMBPRINT");
    assert_eq!(thumbprint.len(), 40);
    assert!(thumbprint.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let version = "api-version=2019-07-01-preview";
    let url = format!("{endpoint}?{version}&{VAULT_RESOURCE}");
    let secret = [("Secret", host.var("IDENTITY_HEADER"))];
    let answer = host.get(&url, &secret);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!(
        body["expires_on"],
        claims(text(&body, "/access_token"))["exp"]
    );
    let wrong = [("Secret", "wrong")];
    let no_resource = format!("{endpoint}?{version}");
    let no_version = format!("{endpoint}?{VAULT_RESOURCE}");
    let refusals = [
        (&url, &[][..], 400, "SecretHeaderNotFound"),
        (&url, &wrong, 404, "ManagedIdentityNotFound"),
        (&no_resource, &secret, 400, "ArgumentNullOrEmpty"),
        (&no_version, &secret, 400, "InvalidApiVersion"),
    ];
    for (url, headers, status, code) in refusals {
        let refused = host.get(url, headers);
        assert_eq!((refused.status, refused.code().as_str()), (status, code));
        assert!(refused.json()["error"]["correlationId"].is_string());
    }
}

#[test]
fn a_command_ends_with_the_instance_and_with_who_runs_it() {
    let azure = Azure::with(&[]);
    // Says that it runs, and then does so until it is ended.
    let start = || {
        let mut command = std::process::Command::new(end_to_end::binary("az-local"));
        command.args(["host", "exec", "--kind", "functions", "--"]);
        command.args(["bash", "-c", "echo $HOME; exec sleep 600"]);
        command.env("AZ_LOCAL_DIR", azure.data_dir());
        let mut running = command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("az-local runs");
        let mut output = BufReader::new(running.stdout.take().expect("a pipe"));
        let mut home = String::new();
        output.read_line(&mut home).expect("a line");
        (running, output, home.trim_end().to_owned())
    };
    // The pipe is open as long as one of them is there.
    let (mut killed, mut output, home) = start();
    assert!(Path::new(&home).exists());
    killed.kill().expect("it runs");
    killed.wait().expect("its end");
    output.read_to_end(&mut Vec::new()).expect("its end");
    let (mut running, mut output, _) = start();
    azure.local().arg("stop").assert().success();
    output.read_to_end(&mut Vec::new()).expect("its end");
    assert!(!running.wait().expect("its end").success());
}
