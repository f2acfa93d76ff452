//! The request log shows no secret: a canary in every place that can hold one is never seen in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::http::{Answer, Client};
use end_to_end::{Azure, GROUP, SIZE, VAULT, VM};
use serde_json::{Value, json};
use std::cell::Cell;

/// Makes canaries: each is its own, and good wherever a password is asked for.
#[derive(Default)]
struct Canaries(Cell<usize>);

impl Canaries {
    fn next(&self) -> String {
        self.0.set(self.0.get() + 1);
        format!("Canary-{}-Aa1", self.0.get())
    }
}

struct Desk<'a> {
    client: Client<'a>,
    azure: &'a Azure,
    management: String,
    vault: String,
}

impl Desk<'_> {
    fn send(&self, method: &str, url: &str, body: &Value) -> Answer {
        let token = if url.contains(".vault.") {
            &self.vault
        } else {
            &self.management
        };
        let headers = [("authorization", format!("Bearer {token}"))];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(a, b)| (*a, b.as_str())).collect();
        let text = (!body.is_null()).then(|| body.to_string());
        self.client.send(method, url, &headers, text)
    }

    fn url(&self, rest: &str) -> String {
        let subscription = self.azure.var("AZURE_SUBSCRIPTION_ID");
        format!("https://management.azure.com/subscriptions/{subscription}{rest}")
    }

    fn in_group(&self, rest: &str) -> String {
        self.url(&format!("/resourceGroups/{GROUP}/providers/{rest}"))
    }

    /// Asks until an operation has ended; gives what it says then.
    fn ends(&self, answer: &Answer) -> Answer {
        let url = ["azure-asyncoperation", "location"].map(|name| answer.header(name));
        let url = url
            .into_iter()
            .find(|url| !url.is_empty())
            .expect("an operation")
            .to_owned();
        for _ in 0..2000 {
            let asked = self.client.get(&url, &self.management);
            let under_way = asked.status == 202
                || asked.text.contains("\"InProgress\"")
                || asked.text.contains("\"Creating\"")
                || asked.text.contains("\"Updating\"");
            if !under_way {
                return asked;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("it does not end: {url}");
    }
}

/// A machine's body with secrets in every place that has one.
fn machine(next: &dyn Fn() -> String) -> Value {
    let data = |text: String| STANDARD.encode(text);
    json!({"location": "eastus", "properties": {
        "hardwareProfile": {"vmSize": SIZE},
        "userData": data(next()),
        "osProfile": {
            "computerName": "vm", "adminUsername": "azureuser", "adminPassword": next(), "customData": data(next()),
            "windowsConfiguration": {"additionalUnattendContent": [{"passName": "OobeSystem", "content": next()}]},
        },
    }})
}

fn script(next: &dyn Fn() -> String) -> Value {
    json!({"commandId": "RunShellScript",
        "script": [format!("echo {}; echo $1 $pin; echo {} >&2", next(), next())],
        "parameters": [{"name": "pin", "value": next()}]})
}

fn custom_script(next: &dyn Fn() -> String, protected: bool, end: &str) -> Value {
    let place = if protected {
        "protectedSettings"
    } else {
        "settings"
    };
    json!({"location": "eastus", "properties": {
        "publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1",
        place: {"commandToExecute": format!("echo {}; echo {} >&2; {end}", next(), next())},
    }})
}

fn access(next: &dyn Fn() -> String) -> Value {
    json!({"location": "eastus", "properties": {
        "publisher": "Microsoft.OSTCExtensions", "type": "VMAccessForLinux", "typeHandlerVersion": "1.5",
        "protectedSettings": {"username": "ada", "password": next(), "expiration": "2030-01-01", "other": {"deep": [next()]}},
    }})
}

/// Base64 of a canary hides it from a search by text, but from nobody who reads it: its forms are looked for, too.
fn forms(canary: &str) -> Vec<String> {
    let padded = [
        STANDARD.encode(canary),
        STANDARD.encode(format!(" {canary}")),
    ];
    let plain = padded
        .iter()
        .map(|text| text.trim_end_matches('=').to_owned());
    let escaped = canary.replace('-', "%2D");
    [canary.to_owned(), escaped]
        .into_iter()
        .chain(plain)
        .collect()
}

#[test]
fn a_canary_in_any_place_of_a_secret_is_not_seen_in_the_log() {
    let azure = Azure::apart().with_secrets();
    azure.create_vm(VM);
    let client = Client::new(&azure);
    let desk = Desk {
        management: client.token("https://management.azure.com/.default"),
        vault: client.token("https://vault.azure.net/.default"),
        client,
        azure: &azure,
    };
    let canaries = Canaries::default();
    let next = || canaries.next();
    let vm = desk.in_group(&format!("Microsoft.Compute/virtualMachines/{VM}"));
    let extension = |name: &str| format!("{vm}/extensions/{name}?api-version=2024-07-01");

    // What is done, and what comes of it.
    let ran = desk.send(
        "POST",
        &format!("{vm}/runCommand?api-version=2024-07-01"),
        &script(&next),
    );
    assert_eq!(ran.status, 202, "{}", ran.text);
    let told = desk.ends(&ran);
    assert!(
        told.text.contains("Canary-1-Aa1") && told.text.contains("Canary-3-Aa1"),
        "{}",
        told.text
    );
    for (name, body) in [
        ("cse", custom_script(&next, true, "true")),
        ("cse", custom_script(&next, false, "true")),
        ("cse", custom_script(&next, false, "exit 3")),
        ("access", access(&next)),
    ] {
        let put = desk.send("PUT", &extension(name), &body);
        assert!(put.status < 300, "{}", put.text);
        desk.ends(&put);
        desk.send(
            "GET",
            &format!("{}&$expand=instanceView", extension(name)),
            &Value::Null,
        );
        let deleted = desk.send("DELETE", &extension(name), &Value::Null);
        desk.ends(&deleted);
    }
    let view = format!("{vm}?api-version=2024-07-01&$expand=instanceView");
    desk.send("GET", &view, &Value::Null);
    desk.send(
        "PATCH",
        &format!("{vm}?api-version=2024-07-01"),
        &json!({"properties": {"userData": STANDARD.encode(next())}}),
    );
    let with_data = desk.send(
        "GET",
        &format!("{vm}?api-version=2024-07-01&$expand=userData"),
        &Value::Null,
    );
    assert!(with_data.text.contains("userData"), "{}", with_data.text);
    let on_machine = "http://169.254.169.254/metadata/instance/compute/userData?api-version=2021-01-01&format=text";
    azure
        .on_machine(VM, &format!("curl -sS -H Metadata:true {on_machine}"))
        .assert()
        .success();

    // The vault: a secret, its versions, its backup and restoration, and what is refused.
    let secret = |rest: &str| format!("https://{VAULT}.vault.azure.net/{rest}?api-version=7.4");
    desk.send(
        "PUT",
        &secret("secrets/one"),
        &json!({"value": next(), "tags": {"a": "b"}}),
    );
    desk.send(
        "PUT",
        &secret("secrets/number"),
        &json!({"value": 4_711_081_547_110_815_u64}),
    );
    desk.send("PUT", &secret("secrets/no_name"), &json!({"value": next()}));
    desk.send("GET", &secret("secrets/one"), &Value::Null);
    let backup = desk
        .send("POST", &secret("secrets/one/backup"), &Value::Null)
        .json();
    let sealed = backup["value"].as_str().expect("a backup").to_owned();
    desk.send(
        "POST",
        &secret("secrets/restore"),
        &json!({"value": sealed}),
    );
    desk.send(
        "PUT",
        &desk.in_group(&format!(
            "Microsoft.KeyVault/vaults/{VAULT}/secrets/two?api-version=2023-07-01"
        )),
        &json!({"properties": {"value": next()}}),
    );

    // The same bodies as resources of a template, as a batch's requests, and as what is refused.
    let bodies = [
        ("Microsoft.Compute/virtualMachines", "vm2", machine(&next)),
        (
            "Microsoft.Compute/virtualMachines/extensions",
            "vm/access",
            access(&next),
        ),
        (
            "Microsoft.Compute/virtualMachines/extensions",
            "vm/cse",
            custom_script(&next, false, "true"),
        ),
        (
            "Microsoft.Compute/virtualMachines/extensions",
            "vm/cse",
            custom_script(&next, true, "true"),
        ),
    ];
    for (number, (kind, name, body)) in bodies.iter().enumerate() {
        desk.send(
            "PUT",
            &format!(
                "{}?api-version=2024-07-01",
                desk.in_group(&format!("{kind}/{name}"))
            ),
            body,
        );
        let mut resource = body.clone();
        resource["type"] = json!(kind);
        resource["apiVersion"] = json!("2024-07-01");
        resource["name"] = json!(name);
        let inner = json!({
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "parameters": {"pin": {"type": "secureString", "defaultValue": next()}, "all": {"type": "SECUREOBJECT"},
                "one": {"type": "securestring", "allowedValues": [next()]}},
            "resources": [resource.clone()],
        });
        let given = json!({"pin": {"value": next()}, "ALL": {"value": {"deep": [next()]}}, "one": {"value": next()},
            "adminPassword": {"value": next()}});
        let nested = json!({"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "inner",
            "properties": {"mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"}, "template": inner,
                "parameters": given}});
        let outer = json!({"properties": {"mode": "Incremental", "parameters": {}, "template": {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0", "resources": [nested]}}});
        let direct =
            json!({"properties": {"mode": "Incremental", "parameters": given, "template": inner}});
        for body in [&outer, &direct] {
            let at = desk.in_group(&format!("Microsoft.Resources/deployments/d{number}"));
            for (method, rest) in [
                ("POST", "/validate"),
                ("POST", "/whatIf"),
                ("PUT", ""),
                ("GET", ""),
            ] {
                let body = if method == "GET" { &Value::Null } else { body };
                desk.send(method, &format!("{at}{rest}?api-version=2022-09-01"), body);
            }
        }
        let path = desk.in_group(&format!("{kind}/{name}?api-version=2024-07-01"));
        let batch = json!({"requests": [
            {"httpMethod": "PUT", "url": path, "name": "a", "content": body},
            {"httpMethod": "POST", "url": format!("{vm}/runCommand?api-version=2024-07-01"), "name": "b", "content": script(&next)},
        ]});
        desk.send(
            "POST",
            "https://management.azure.com/batch?api-version=2020-06-01",
            &batch,
        );
    }

    // Entra ID and Microsoft Graph.
    for form in [
        [
            ("grant_type", "password"),
            ("username", "ada"),
            ("password", &next()),
        ],
        [
            ("grant_type", "client_credentials"),
            ("client_id", "x"),
            ("client_secret", &next()),
        ],
        [
            ("grant_type", "client_credentials"),
            ("client_id", "x"),
            ("client_assertion", &next()),
        ],
        [
            ("grant_type", "refresh_token"),
            ("client_id", "x"),
            ("refresh_token", &next()),
        ],
        [
            ("grant_type", "authorization_code"),
            ("client_id", "x"),
            ("code", &next()),
        ],
    ] {
        desk.client.token_answer(&form);
    }
    let graph = desk.client.token("https://graph.microsoft.com/.default");
    let user = json!({"accountEnabled": true, "displayName": "Ada", "mailNickname": "ada", "userPrincipalName": "ada@x",
        "passwordProfile": {"password": next(), "forceChangePasswordNextSignIn": false}});
    desk.client.send(
        "POST",
        "https://graph.microsoft.com/v1.0/users",
        &[("authorization", &format!("Bearer {graph}"))],
        Some(user.to_string()),
    );
    let signed = format!("{vm}?api-version=2024-07-01&sig={}", next());
    desk.send("GET", &signed, &Value::Null);

    let log = azure.log_text();
    assert!(canaries.0.get() > 60, "{} canaries", canaries.0.get());
    for number in 1..=canaries.0.get() {
        let canary = format!("Canary-{number}-Aa1");
        for form in forms(&canary) {
            let seen = log.lines().find(|line| line.contains(&form));
            assert!(
                seen.is_none(),
                "{canary} is seen: {}",
                seen.unwrap_or_default()
            );
        }
    }
    for token in [&desk.management, &desk.vault, &graph, &sealed] {
        assert!(!log.contains(token.as_str()), "a token or a backup is seen");
    }
    assert!(!log.contains("4711081547110815"));
    // What it is good for is still there.
    assert!(
        log.contains("azureuser") && log.contains("commandId") && log.contains("VMAccessForLinux")
    );
}
