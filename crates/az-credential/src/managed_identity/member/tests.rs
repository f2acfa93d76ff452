use super::*;
use crate::managed_identity::imds;
use crate::{
    env::Env,
    testing::{self, Asking, Reply, Script},
};
use std::path::PathBuf;

const SCOPE: &str = "https://vault.azure.net/.default";
const RESOURCE: &str = "https://vault.azure.net";
const TOKEN: &str = r#"{"access_token": "M", "expires_on": "2147483647", "resource": "r"}"#;

const APP_SERVICE: &[(&str, &str)] = &[
    ("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi/token?x=y"),
    ("IDENTITY_HEADER", "hunter2"),
];
const ML: &[(&str, &str)] = &[
    ("MSI_ENDPOINT", "http://127.0.0.1:42/ml"),
    ("MSI_SECRET", "hunter2"),
];
const CLOUD_SHELL: &[(&str, &str)] = &[("MSI_ENDPOINT", "http://localhost:50342/oauth2/token")];
const ARC: &[(&str, &str)] = &[
    (
        "IDENTITY_ENDPOINT",
        "http://127.0.0.1:40342/metadata/identity/oauth2/token",
    ),
    ("IMDS_ENDPOINT", "http://127.0.0.1:40342"),
];
const SERVICE_FABRIC: &[(&str, &str)] = &[
    (
        "IDENTITY_ENDPOINT",
        "https://10.0.0.1:2377/metadata/identity/oauth2/token",
    ),
    ("IDENTITY_HEADER", "hunter2"),
    (
        "IDENTITY_SERVER_THUMBPRINT",
        "00112233445566778899AABBCCDDEEFF00112233",
    ),
];

fn ids() -> [ManagedIdentityId; 4] {
    [
        ManagedIdentityId::SystemAssigned,
        ManagedIdentityId::ClientId("c".to_owned()),
        ManagedIdentityId::ObjectId("o".to_owned()),
        ManagedIdentityId::ResourceId("/r".to_owned()),
    ]
}

/// A managed identity alone, so that no probe comes first.
fn parts(variables: &[(&str, &str)], id: ManagedIdentityId, script: &Arc<Script>) -> Parts {
    Parts {
        env: Env::from_pairs(variables.iter().copied()),
        transport: script.transport(),
        managed_identity: Some(id),
        in_chain: false,
        ..testing::parts(&[], &[])
    }
}

async fn token(parts: &Parts) -> Result<String, Outcome> {
    let credential = build(parts, parts.in_chain)
        .await
        .map_err(|failure| failure.outcome)?;
    match credential.get_token(&[SCOPE], None).await {
        Ok(token) => Ok(token.token.secret().to_owned()),
        Err(error) => Err(failed(parts, parts.in_chain, &error).caused_by(&error)),
    }
}

/// The one request of an identity that gets a token.
async fn request(variables: &[(&str, &str)], id: ManagedIdentityId) -> Result<Asking, Outcome> {
    let script = Script::new([Reply::of(200, TOKEN)]);
    assert_eq!(token(&parts(variables, id, &script)).await?, "M");
    let requests = script.requests();
    assert_eq!(requests.len(), 1);
    Ok(requests[0].clone())
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused { .. })
}

#[tokio::test]
async fn app_service_is_asked_with_its_header_and_its_own_name_for_the_resource_id() {
    let names = ["client_id", "object_id", "mi_res_id"];
    for (number, id) in ids().into_iter().enumerate() {
        let asked = request(APP_SERVICE, id.clone()).await.expect("a token");
        assert_eq!(asked.url.path(), "/msi/token");
        assert_eq!(
            asked.header("x-identity-header").as_deref(),
            Some("hunter2")
        );
        assert_eq!(asked.query("x").as_deref(), Some("y"));
        assert_eq!(asked.query("api-version").as_deref(), Some("2019-08-01"));
        assert_eq!(asked.query("resource").as_deref(), Some(RESOURCE));
        for (at, name) in names.iter().enumerate() {
            let expected = id.value().filter(|_| at + 1 == number);
            assert_eq!(asked.query(name).as_deref(), expected, "{id} {name}");
        }
    }
}

#[tokio::test]
async fn the_metadata_service_is_asked_with_its_header_and_its_own_name_for_the_resource_id() {
    let names = ["client_id", "object_id", "msi_res_id"];
    for (number, id) in ids().into_iter().enumerate() {
        let asked = request(&[], id.clone()).await.expect("a token");
        assert!(asked.url.as_str().starts_with(imds::ENDPOINT));
        assert_eq!(asked.header("metadata").as_deref(), Some("true"));
        assert_eq!(asked.query("api-version").as_deref(), Some("2018-02-01"));
        assert_eq!(asked.query("resource").as_deref(), Some(RESOURCE));
        for (at, name) in names.iter().enumerate() {
            let expected = id.value().filter(|_| at + 1 == number);
            assert_eq!(asked.query(name).as_deref(), expected, "{id} {name}");
        }
    }
}

#[tokio::test]
async fn azure_ml_takes_a_client_id_only_and_knows_the_compute_s_own() {
    let own: Vec<_> = ML
        .iter()
        .copied()
        .chain([("DEFAULT_IDENTITY_CLIENT_ID", "d")])
        .collect();
    let cases = [
        (ML, ManagedIdentityId::SystemAssigned, None),
        (&own[..], ManagedIdentityId::SystemAssigned, Some("d")),
        (
            &own[..],
            ManagedIdentityId::ClientId("c".to_owned()),
            Some("c"),
        ),
    ];
    for (variables, id, expected) in cases {
        let asked = request(variables, id).await.expect("a token");
        assert_eq!(asked.url.path(), "/ml");
        assert_eq!(asked.header("secret").as_deref(), Some("hunter2"));
        assert_eq!(asked.query("api-version").as_deref(), Some("2017-09-01"));
        assert_eq!(asked.query("resource").as_deref(), Some(RESOURCE));
        assert_eq!(asked.query("clientid").as_deref(), expected);
    }
    for id in &ids()[2..] {
        let outcome = request(ML, id.clone()).await.expect_err("not taken");
        assert!(outcome.reason().contains("client id only"), "{outcome:?}");
        assert!(!is_refused(&outcome));
    }
}

#[tokio::test]
async fn cloud_shell_is_asked_with_a_form_and_takes_no_id() {
    let asked = request(CLOUD_SHELL, ManagedIdentityId::SystemAssigned)
        .await
        .expect("a token");
    assert_eq!((asked.method.as_str(), asked.url.query()), ("POST", None));
    assert_eq!(asked.header("metadata").as_deref(), Some("true"));
    assert_eq!(
        asked.header("content-type").as_deref(),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(asked.body, "resource=https%3A%2F%2Fvault.azure.net");
    for variables in [CLOUD_SHELL, SERVICE_FABRIC] {
        for id in &ids()[1..] {
            let outcome = request(variables, id.clone()).await.expect_err("not taken");
            assert!(outcome.reason().contains("does not take"), "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn service_fabric_is_asked_with_its_secret() {
    let script = Script::new([Reply::of(200, TOKEN)]);
    let parts = parts(SERVICE_FABRIC, ManagedIdentityId::SystemAssigned, &script);
    let endpoint = Endpoint::of(&parts, &ManagedIdentityId::SystemAssigned).expect("an endpoint");
    endpoint.transport(&parts).expect("a pinned transport");
    // The one that is pinned reaches nobody here.
    let tokens = ManagedIdentityTokens::new(
        &parts,
        endpoint,
        ManagedIdentityId::SystemAssigned,
        script.transport(),
    );
    let credential = Cached::new(tokens, parts.clock.clone());
    credential.get_token(&[SCOPE], None).await.expect("a token");
    let asked = &script.requests()[0];
    assert_eq!(asked.header("secret").as_deref(), Some("hunter2"));
    assert_eq!(
        asked.query("api-version").as_deref(),
        Some("2019-07-01-preview")
    );
    assert_eq!(asked.query("resource").as_deref(), Some(RESOURCE));
}

#[tokio::test]
async fn service_fabric_needs_a_thumbprint_and_tls() {
    for (at, value, expected) in [
        (0, "http://10.0.0.1:2377/metadata", "https://"),
        (2, "not a thumbprint", "SHA-1"),
    ] {
        let mut variables = SERVICE_FABRIC.to_vec();
        variables[at].1 = value;
        let outcome = request(&variables, ManagedIdentityId::SystemAssigned)
            .await
            .expect_err("invalid");
        assert!(outcome.reason().contains(expected), "{outcome:?}");
    }
}

/// A machine of Azure Arc with a key in its folder.
struct ArcMachine {
    folder: tempfile::TempDir,
}

impl ArcMachine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("tokens")).expect("made");
        let machine = ArcMachine { folder };
        machine.write("tokens/a.key", "hunter2\n");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    fn parts(&self, id: ManagedIdentityId, script: &Arc<Script>) -> Parts {
        let mut parts = parts(ARC, id, script);
        parts.arc_agent.tokens = Some(self.path("tokens"));
        parts
    }

    fn challenge(&self, name: &str) -> Reply {
        let realm = format!("Basic realm={}", self.path(name).display());
        Reply::of(401, "").with_header("www-authenticate", realm)
    }

    /// What comes of a challenge that names this file.
    async fn token(&self, name: &str) -> Result<String, Outcome> {
        let script = Script::new([self.challenge(name), Reply::of(200, TOKEN)]);
        let found = token(&self.parts(ManagedIdentityId::SystemAssigned, &script)).await;
        if found.is_err() {
            assert_eq!(script.requests().len(), 1, "nothing is sent after it");
        }
        found
    }
}

#[tokio::test]
async fn azure_arc_s_challenge_is_answered_with_the_key_in_its_file() {
    let machine = ArcMachine::new();
    let script = Script::new([machine.challenge("tokens/a.key"), Reply::of(200, TOKEN)]);
    let parts = machine.parts(ManagedIdentityId::SystemAssigned, &script);
    assert_eq!(token(&parts).await.as_deref(), Ok("M"));
    let requests = script.requests();
    let sent: Vec<_> = requests
        .iter()
        .map(|asked| asked.header("authorization"))
        .collect();
    assert_eq!(sent, [None, Some("Basic hunter2".to_owned())]);
    for asked in &requests {
        assert_eq!(asked.header("metadata").as_deref(), Some("true"));
        assert_eq!(asked.query("api-version").as_deref(), Some("2020-06-01"));
        assert_eq!(asked.query("resource").as_deref(), Some(RESOURCE));
    }
}

#[tokio::test]
async fn a_key_of_azure_arc_that_is_renewed_is_read_again() {
    let machine = ArcMachine::new();
    let script = Script::new([
        machine.challenge("tokens/a.key"),
        Reply::of(200, TOKEN),
        machine.challenge("tokens/b.key"),
        Reply::of(200, TOKEN),
    ]);
    let parts = machine.parts(ManagedIdentityId::SystemAssigned, &script);
    let credential = build(&parts, parts.in_chain).await.expect("a credential");
    for scope in [SCOPE, "https://management.azure.com/.default"] {
        credential.get_token(&[scope], None).await.expect("a token");
        machine.write("tokens/b.key", "hunter3");
    }
    assert_eq!(
        script.requests()[3].header("authorization").as_deref(),
        Some("Basic hunter3")
    );
}

#[tokio::test]
async fn a_file_that_is_no_key_of_azure_arc_is_not_read() {
    let machine = ArcMachine::new();
    machine.write("outside.key", "hunter2");
    machine.write("tokens/a.txt", "hunter2");
    machine.write("tokens/large.key", &"h".repeat(4097));
    machine.write("tokens/largest.key", &"h".repeat(4096));
    std::fs::create_dir(machine.path("tokens/inner")).expect("made");
    machine.write("tokens/inner/a.key", "hunter2");
    for (file, expected) in [
        ("outside.key", "it is not in "),
        ("tokens/../outside.key", "it is not in "),
        ("tokens/inner/a.key", "it is not in "),
        ("tokens/inner/../a.key", "it is not in "),
        ("tokens/a.txt", "does not end in .key"),
        ("tokens/large.key", "larger than 4096 bytes"),
        ("tokens/missing.key", "cannot be read"),
    ] {
        let outcome = machine.token(file).await.expect_err(file);
        assert!(is_refused(&outcome), "{outcome:?}");
        assert!(outcome.reason().contains(expected), "{file}: {outcome:?}");
        assert!(!outcome.reason().contains("hunter2"));
    }
    assert!(machine.token("tokens/largest.key").await.is_ok());
}

#[tokio::test]
async fn an_answer_of_azure_arc_that_is_no_challenge_is_said() {
    let machine = ArcMachine::new();
    for (reply, expected) in [
        (Reply::of(200, TOKEN), "but with 200"),
        (Reply::of(401, ""), "names no file"),
        (
            Reply::of(401, "").with_header("www-authenticate", "Bearer x"),
            "names no file",
        ),
    ] {
        let script = Script::new([reply]);
        let parts = machine.parts(ManagedIdentityId::SystemAssigned, &script);
        let outcome = token(&parts).await.expect_err("no challenge");
        assert!(outcome.reason().contains(expected), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_system_without_an_agent_of_azure_arc_reads_no_file() {
    let machine = ArcMachine::new();
    let script = Script::new([machine.challenge("tokens/a.key"), Reply::of(200, TOKEN)]);
    let mut parts = machine.parts(ManagedIdentityId::SystemAssigned, &script);
    parts.arc_agent.tokens = None;
    let outcome = token(&parts).await.expect_err("no agent");
    assert!(outcome.reason().contains("for this system"), "{outcome:?}");
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn azure_arc_must_confirm_the_identity_that_was_asked_for() {
    let machine = ArcMachine::new();
    let confirmed = |name: &str, value: &str| {
        format!(r#"{{"access_token": "M", "expires_on": "2147483647", "{name}": "{value}"}}"#)
    };
    let [_, client, object, resource] = ids();
    for (id, answer, taken) in [
        (&client, confirmed("client_id", "C"), true),
        (&client, confirmed("client_id", "other"), false),
        (&client, TOKEN.to_owned(), false),
        (&object, confirmed("object_id", "o"), true),
        (&object, confirmed("client_id", "o"), false),
        (&resource, confirmed("msi_res_id", "/R"), true),
        (&resource, confirmed("mi_res_id", "/r"), true),
    ] {
        let script = Script::new([machine.challenge("tokens/a.key"), Reply::of(200, &answer)]);
        let found = token(&machine.parts(id.clone(), &script)).await;
        assert_eq!(found.is_ok(), taken, "{id}: {answer}");
        if let Err(outcome) = found {
            assert!(is_refused(&outcome), "{outcome:?}");
            assert!(outcome.reason().contains("did not confirm"), "{outcome:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_metadata_service_s_passing_troubles_are_waited_for() {
    let exponential = vec![1, 2, 4, 8, 16];
    for (status, waits) in [
        (404, exponential.clone()),
        (408, exponential.clone()),
        (410, vec![10; 7]),
        (429, exponential.clone()),
        (500, exponential.clone()),
        (501, exponential.clone()),
        (502, exponential.clone()),
        (503, exponential.clone()),
        (504, exponential.clone()),
        (511, exponential),
        (400, vec![]),
        (401, vec![]),
        (403, vec![]),
        (405, vec![]),
    ] {
        let script = Script::new([Reply::of(status, "{}")]);
        let parts = parts(&[], ManagedIdentityId::SystemAssigned, &script);
        token(&parts).await.expect_err("no token");
        assert!(script.waited(&waits), "{status}: {:?}", script.requests());
    }
}

#[tokio::test(start_paused = true)]
async fn a_trouble_that_passes_is_not_seen() {
    for reply in [Reply::of(410, ""), Reply::of(429, ""), Reply::Unreachable] {
        let script = Script::new([reply.clone(), reply, Reply::of(200, TOKEN)]);
        let parts = parts(&[], ManagedIdentityId::SystemAssigned, &script);
        assert_eq!(token(&parts).await.as_deref(), Ok("M"));
        assert_eq!(script.requests().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_unless_it_is_too_far() {
    let after = |value: &str| Reply::of(429, "{}").with_header("retry-after", value);
    let script = Script::new([after("7"), after("0"), Reply::of(200, TOKEN)]);
    let parts_of = |script: &Arc<Script>| parts(&[], ManagedIdentityId::SystemAssigned, script);
    assert_eq!(token(&parts_of(&script)).await.as_deref(), Ok("M"));
    assert!(script.waited(&[7, 2]), "{:?}", script.requests());
    for value in [
        "3600",
        "18446744073709551615",
        "Wed, 01 Jan 2098 00:00:00 GMT",
    ] {
        let script = Script::new([after(value)]);
        let outcome = token(&parts_of(&script)).await.expect_err("too far");
        assert_eq!(script.requests().len(), 1, "{value}");
        assert!(outcome.reason().contains("429"), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_metadata_service_has_an_end() {
    let script = Script::new([Reply::of(200, TOKEN).after(3600)]);
    let start = tokio::time::Instant::now();
    let parts = parts(&[], ManagedIdentityId::SystemAssigned, &script);
    let outcome = token(&parts).await.expect_err("too slow");
    assert!(start.elapsed() <= imds::TOTAL, "{:?}", start.elapsed());
    assert!(matches!(
        outcome,
        Outcome::Refused {
            unreachable: true,
            ..
        }
    ));
}

#[tokio::test(start_paused = true)]
async fn nobody_there_ends_within_seconds() {
    let script = Script::new([Reply::Unreachable]);
    let start = tokio::time::Instant::now();
    let parts = parts(&[], ManagedIdentityId::SystemAssigned, &script);
    token(&parts).await.expect_err("nobody");
    assert!(script.waited(&[1, 2, 4]), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_probe_waits_a_second_and_asks_once() {
    let script = Script::new([Reply::of(200, TOKEN).after(3600)]);
    let start = tokio::time::Instant::now();
    let mut parts = parts(&[], ManagedIdentityId::SystemAssigned, &script);
    parts.in_chain = true;
    let outcome = token(&parts).await.expect_err("too slow");
    assert!(!is_refused(&outcome));
    assert_eq!((start.elapsed().as_secs(), script.requests().len()), (1, 1));
    assert_eq!(script.requests()[0].header("metadata"), None);
}

#[tokio::test]
async fn what_is_no_token_is_no_metadata_service_in_a_chain_and_an_error_alone() {
    for in_chain in [true, false] {
        let script = Script::new([Reply::of(200, "<html>welcome")]);
        let mut parts = parts(&[], ManagedIdentityId::SystemAssigned, &script);
        parts.in_chain = in_chain;
        let outcome = token(&parts).await.expect_err("no token");
        assert_eq!(is_refused(&outcome), !in_chain, "{outcome:?}");
        assert!(!outcome.reason().contains("welcome"), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_hosts_say_what_their_service_said() {
    let body = r#"{"error": {"code": "x", "message": "no identity"}}"#;
    for variables in [APP_SERVICE, ML, CLOUD_SHELL] {
        let script = Script::new([Reply::of(400, body)]);
        let parts = parts(variables, ManagedIdentityId::SystemAssigned, &script);
        let outcome = token(&parts).await.expect_err("refused");
        assert!(is_refused(&outcome), "{outcome:?}");
        assert!(outcome.reason().contains("no identity"), "{outcome:?}");
        assert!(!format!("{outcome:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_host_s_variable_that_is_no_address_is_named() {
    for variables in [APP_SERVICE, ML, CLOUD_SHELL, ARC, SERVICE_FABRIC] {
        for wrong in ["nonsense", "file:///etc/passwd"] {
            let mut variables = variables.to_vec();
            variables[0].1 = wrong;
            let outcome = request(&variables, ManagedIdentityId::SystemAssigned)
                .await
                .expect_err("no address");
            assert!(outcome.reason().contains(variables[0].0), "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn several_scopes_are_not_asked_for_at_once() {
    let script = Script::new([Reply::of(200, TOKEN)]);
    let parts = parts(&[], ManagedIdentityId::SystemAssigned, &script);
    let credential = build(&parts, parts.in_chain).await.expect("a credential");
    let error = credential
        .get_token(&["a", "b"], None)
        .await
        .expect_err("two");
    assert!(matches!(
        ManagedIdentityError::find(&error),
        Some(ManagedIdentityError::Scopes(2))
    ));
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn an_expired_token_is_asked_for_again_and_a_good_one_is_not() {
    let expired = r#"{"access_token": "old", "expires_on": "1"}"#;
    let script = Script::new([Reply::of(200, expired), Reply::of(200, TOKEN)]);
    let parts = parts(&[], ManagedIdentityId::SystemAssigned, &script);
    let credential = build(&parts, parts.in_chain).await.expect("a credential");
    for expected in ["old", "M", "M"] {
        let token = credential.get_token(&[SCOPE], None).await.expect("a token");
        assert_eq!(token.token.secret(), expected);
    }
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn several_identities_of_which_none_is_named_say_what_to_set() {
    let parts = testing::parts(
        &[],
        &[(
            "/metadata/identity/oauth2/token",
            400,
            r#"{"error":"invalid_request","error_description":"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"}"#,
        )],
    );
    match token(&parts).await.expect_err("no token") {
        Outcome::Unavailable { reason, advice } => {
            assert!(
                reason.contains("several user-assigned identities"),
                "{reason}"
            );
            assert!(advice.contains("AZURE_CLIENT_ID"), "{advice}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_secret_is_in_the_debug_output() {
    let script = Script::new([Reply::of(200, TOKEN)]);
    for variables in [APP_SERVICE, ML, SERVICE_FABRIC] {
        let parts = parts(variables, ManagedIdentityId::SystemAssigned, &script);
        let credential = build(&parts, parts.in_chain).await.expect("a credential");
        assert!(!format!("{credential:?}").contains("hunter2"));
    }
}
