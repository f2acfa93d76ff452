//! Extensions of machines.

use end_to_end::{Azure, GROUP, VM, http::Client};
use serde_json::{Value, json};

const ARM: &str = "https://management.azure.com";

struct Machine<'a> {
    client: Client<'a>,
    bearer: String,
    vm: String,
}

impl<'a> Machine<'a> {
    fn of(azure: &'a Azure) -> Self {
        let client = Client::new(azure);
        let bearer = format!("Bearer {}", client.token(&format!("{ARM}/.default")));
        let subscription = azure.var("AZURE_SUBSCRIPTION_ID");
        let vm = format!(
            "/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Compute/virtualMachines/{VM}"
        );
        Machine { client, bearer, vm }
    }

    fn send(&self, method: &str, url: &str, body: Option<&Value>) -> end_to_end::http::Answer {
        let headers = [("authorization", self.bearer.as_str())];
        self.client
            .send(method, url, &headers, body.map(Value::to_string))
    }

    fn url(&self, path: &str) -> String {
        let more = if path.contains('?') { "&" } else { "?" };
        format!("{ARM}{}{path}{more}api-version=2025-04-01", self.vm)
    }

    /// Puts an extension and follows its operation to the end.
    fn put(&self, name: &str, properties: Value) -> Value {
        let body = json!({"location": "eastus", "properties": properties});
        let answer = self.send(
            "PUT",
            &self.url(&format!("/extensions/{name}")),
            Some(&body),
        );
        assert!(answer.status < 300, "{}", answer.text);
        let status = answer.header("azure-asyncoperation").to_owned();
        for _ in 0..2000 {
            let state = self.send("GET", &status, None).json();
            if state["status"] != "InProgress" {
                return state;
            }
        }
        panic!("the operation does not end");
    }

    fn get(&self, path: &str) -> Value {
        self.send("GET", &self.url(path), None).json()
    }
}

fn custom_script(settings: Value, protected: Value) -> Value {
    json!({
        "publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1",
        "autoUpgradeMinorVersion": true, "settings": settings, "protectedSettings": protected,
    })
}

#[test]
fn a_custom_script_runs_on_the_machine_and_tells_how_it_ended() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group().with_vm();
    let machine = Machine::of(&azure);
    let command = "echo to $(whoami >/dev/null; echo the-log); echo $HOME > \"$HOME/ran\"";
    let ended = machine.put(
        "script",
        custom_script(json!({"commandToExecute": command}), json!({})),
    );
    assert_eq!(ended["status"], "Succeeded", "{ended}");
    let shown = machine.get("/extensions/script?$expand=instanceView");
    assert_eq!(shown["properties"]["provisioningState"], "Succeeded");
    assert_eq!(shown["properties"]["autoUpgradeMinorVersion"], true);
    let status = &shown["properties"]["instanceView"]["statuses"][0];
    assert_eq!(status["code"], "ProvisioningState/succeeded");
    assert!(
        status["message"]
            .as_str()
            .is_some_and(|text| text.contains("to the-log")),
        "{status}"
    );
    let home = azure.on_machine(VM, "cat ran").assert().success();
    assert!(!home.get_output().stdout.is_empty());
    // The machine tells of it, too, and takes it along.
    let view = machine.get("/instanceView");
    assert_eq!(view["extensions"][0]["name"], "script");
    let all = machine.get("/extensions");
    assert_eq!(all["value"].as_array().map(Vec::len), Some(1));
    let list = azure.json(&format!("az-provision vm list -g {GROUP}"));
    assert_eq!(
        list.as_array().map(Vec::len),
        Some(1),
        "an extension is no machine"
    );
    azure
        .run(&format!("az-provision vm delete -g {GROUP} -n {VM} --yes"))
        .assert()
        .success();
    assert!(
        !azure
            .local()
            .args(["resources"])
            .output()
            .is_ok_and(|output| {
                String::from_utf8_lossy(&output.stdout).contains("/extensions/")
            })
    );
}

#[test]
fn a_script_that_fails_fails_the_extension_and_a_better_one_mends_it() {
    let azure = Azure::start().with_group().with_vm();
    let machine = Machine::of(&azure);
    let secret = "echo the-secret >&2; exit 3";
    let ended = machine.put(
        "script",
        custom_script(json!({}), json!({"commandToExecute": secret})),
    );
    assert_eq!(
        (&ended["status"], &ended["error"]["code"]),
        (&json!("Failed"), &json!("VMExtensionProvisioningError"))
    );
    let message = ended["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("exit status=3") && message.contains("the-secret"),
        "{message}"
    );
    let shown = machine.get("/extensions/script");
    assert_eq!(shown["properties"]["provisioningState"], "Failed");
    assert_eq!(shown["properties"].get("protectedSettings"), None);
    assert!(
        !azure.log_text().contains("exit 3"),
        "the protected command is logged"
    );
    // In base64, as a script.
    let ended = machine.put(
        "script",
        custom_script(json!({"script": "ZWNobyBvaw=="}), json!({})),
    );
    assert_eq!(ended["status"], "Succeeded", "{ended}");
    let shown = machine.get("/extensions/script");
    assert_eq!(shown["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn what_no_machine_could_run_is_refused() {
    let azure = Azure::start().with_group().with_vm();
    let machine = Machine::of(&azure);
    let refused = |name: &str, properties: Value| {
        let body = json!({"location": "eastus", "properties": properties});
        let answer = machine.send(
            "PUT",
            &machine.url(&format!("/extensions/{name}")),
            Some(&body),
        );
        (answer.status, answer.code())
    };
    let invalid = (400, "InvalidParameter".to_owned());
    assert_eq!(refused("x", custom_script(json!({}), json!({}))), invalid);
    let both = json!({"commandToExecute": "true"});
    assert_eq!(
        refused("x", custom_script(both.clone(), both.clone())),
        invalid
    );
    assert_eq!(
        refused("x", custom_script(json!({"script": "%"}), json!({}))),
        invalid
    );
    assert_eq!(
        refused("x", json!({"publisher": "p", "type": "t"})),
        invalid
    );
    // Others are kept and shown; of a handler there is one.
    let other =
        json!({"publisher": "P", "type": "T", "typeHandlerVersion": "1.0", "settings": {"a": 1}});
    assert_eq!(machine.put("one", other.clone())["status"], "Succeeded");
    assert_eq!(
        machine.get("/extensions/one")["properties"]["settings"],
        json!({"a": 1})
    );
    assert_eq!(refused("two", other), (400, "BadRequest".to_owned()));
    let gone = machine.send("DELETE", &machine.url("/extensions/one"), None);
    assert_eq!(gone.status, 202);
    azure
        .run(&format!("az-provision vm stop -g {GROUP} -n {VM}"))
        .assert()
        .success();
    assert_eq!(
        refused("x", custom_script(both, json!({}))),
        (409, "OperationNotAllowed".to_owned())
    );
    let nowhere = machine.url("x/extensions/y");
    let answer = machine.send("GET", &nowhere, None);
    assert_eq!(answer.status, 404);
}

#[test]
fn a_script_that_was_superseded_tells_no_end() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::start().with_group().with_vm();
    let machine = Machine::of(&azure);
    // It waits until the other one has ended, and fails.
    let first = "while [ ! -e \"$HOME/go\" ]; do sleep 0.05; done; touch \"$HOME/gone\"; exit 3";
    let body = json!({"location": "eastus", "properties": custom_script(json!({"commandToExecute": first}), json!({}))});
    let begun = machine.send("PUT", &machine.url("/extensions/script"), Some(&body));
    let status = begun.header("azure-asyncoperation").to_owned();
    let ended = machine.put(
        "script",
        custom_script(json!({"commandToExecute": "echo second"}), json!({})),
    );
    assert_eq!(ended["status"], "Succeeded", "{ended}");
    azure.on_machine(VM, "touch go").assert().success();
    for _ in 0..5000 {
        if machine.send("GET", &status, None).json()["status"] != "InProgress" {
            break;
        }
    }
    azure.on_machine(VM, "test -e gone").assert().success();
    let shown = machine.get("/extensions/script?$expand=instanceView");
    assert_eq!(
        shown["properties"]["provisioningState"], "Succeeded",
        "{shown}"
    );
}
