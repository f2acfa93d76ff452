//! Services whose answers carry links to strangers: the token goes nowhere but to the service itself.

use crate::stranger::{Answer, Azure, GRAPH, LOGIN, RESOURCE_MANAGER, Reply, VAULT};
use serde_json::json;

/// Makes the answer that holds a foreign link.
type Make = fn(&str) -> Answer;

/// A command, the service that it asks, and that service's answer with a link in it.
const COMMANDS: [(&str, &str, Make); 5] = [
    ("kv-get --list --vault-name kv-go", VAULT, |link| {
        page("nextLink", link)
    }),
    ("az-role definition list", RESOURCE_MANAGER, |link| {
        page("nextLink", link)
    }),
    (
        "az-role assignment list --assignee ada@example.org",
        GRAPH,
        |link| page("@odata.nextLink", link),
    ),
    (
        "az-cleanup group delete -n g --yes",
        RESOURCE_MANAGER,
        |link| (202, vec![format!("location: {link}")], String::new()),
    ),
    (
        "az-cleanup group delete -n g --yes",
        RESOURCE_MANAGER,
        |link| {
            (
                202,
                vec![format!("azure-asyncoperation: {link}")],
                String::new(),
            )
        },
    ),
];

fn page(member: &str, link: &str) -> Answer {
    (200, vec![], json!({"value": [], member: link}).to_string())
}

#[test]
fn a_link_to_a_stranger_is_refused_before_anything_is_sent() {
    for (line, host, answer) in COMMANDS {
        for (link, named) in [
            (
                "https://evil.example/x".to_owned(),
                "evil.example".to_owned(),
            ),
            (
                format!("https://{host}.evil.example/x"),
                format!("{host}.evil.example"),
            ),
            (
                format!("https://{host}@evil.example/x"),
                "evil.example".to_owned(),
            ),
            (format!("https://{host}:8443/x"), format!("{host}:8443")),
            (format!("http://{host}/x"), format!("http://{host}")),
        ] {
            let given = link.clone();
            let azure = Azure::answering(move |_| answer(&given));
            let failed = azure.run(line).assert().code(1);
            let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
            assert!(said.contains(&named), "{line}, {link}: {said}");
            assert_eq!(said.lines().count(), 1, "{line}, {link}: {said}");
            let asked = azure.asked.lock().expect("lock");
            let own = [format!("{host}:443"), format!("{LOGIN}:443")];
            assert!(
                asked.iter().all(|asked| own.contains(asked)),
                "{line}, {link}: {asked:?}"
            );
            assert!(asked.contains(&own[0]), "{line}, {link}: {asked:?}");
        }
    }
}

#[test]
fn a_redirection_is_not_followed() {
    for (line, host, _) in COMMANDS {
        let azure = Azure::answering(|request| {
            // Of any kind, those that keep the method among them.
            let status = if request.method == "GET" { 302 } else { 307 };
            (
                status,
                vec!["location: https://evil.example/x".to_owned()],
                String::new(),
            )
        });
        azure.run(line).assert().code(1);
        let asked = azure.asked.lock().expect("lock");
        let own = [format!("{host}:443"), format!("{LOGIN}:443")];
        assert!(
            asked.iter().all(|asked| own.contains(asked)),
            "{line}: {asked:?}"
        );
    }
}

#[test]
fn a_challenge_that_names_a_stranger_gets_no_token() {
    for challenge in [
        r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://evil.example""#,
        r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net.evil.example""#,
        r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://net""#,
        r#"Bearer authorization="https://login.microsoftonline.com/t", scope="https://evil.example/.default""#,
        r#"Bearer authorization="https://evil.example/t", resource="https://vault.azure.net""#,
        r#"Bearer authorization="https://evil.example/t""#,
        "Bearer",
        "",
    ] {
        for line in [
            "kv-get s --vault-name kv-go",
            "kv-get --list --vault-name kv-go",
            "kv-set s --vault-name kv-go --value x --timeout 5s",
        ] {
            let answer = (
                401,
                vec![format!("www-authenticate: {challenge}")],
                String::new(),
            );
            let azure = Azure::replying(move |request| {
                let asked = request.host == VAULT;
                asked.then(|| Reply::Whole(answer.clone()))
            });
            azure.run(line).assert().failure();
            let asked = azure.asked.lock().expect("lock");
            let own = [format!("{VAULT}:443"), format!("{LOGIN}:443")];
            assert!(
                asked.iter().all(|asked| own.contains(asked)),
                "{line}, {challenge}: {asked:?}"
            );
        }
    }
}
