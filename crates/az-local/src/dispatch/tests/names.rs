//! What things can be called, and that no name reaches another thing.

use super::azure::Azure;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const GROUP: &str = "g";

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// A type that can be made: how its path goes on in a group, with `{}` for the name, its body, and the rule of
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules> as far as it can be made of
/// a length, the characters beside letters and digits, and those that it may begin and end with.
struct Type {
    path: String,
    body: Value,
    lengths: (usize, usize),
    besides: &'static str,
    begins: &'static str,
    ends: &'static str,
    /// A name that is one of this type's.
    good: &'static str,
}

impl Type {
    fn allows(&self, name: &str) -> bool {
        // Resource Manager's own names (`Char.IsLetterOrDigit`, and `\w` in the specification of deployments).
        let any_letter = self.path.starts_with("/resourceGroups/{}")
            || self.path.contains("Microsoft.Resources");
        let of = |c: char, besides: &str| match any_letter {
            true => c.is_alphanumeric() || besides.contains(c),
            false => c.is_ascii_alphanumeric() || besides.contains(c),
        };
        (self.lengths.0..=self.lengths.1).contains(&name.chars().count())
            && name.chars().all(|c| of(c, self.besides))
            && name.chars().next().is_some_and(|c| of(c, self.begins))
            && name.chars().last().is_some_and(|c| of(c, self.ends))
    }

    fn at(&self, segment: &str) -> String {
        self.path.replace("{}", segment)
    }
}

/// Every type that has a name of its own.
fn types(azure: &Azure) -> Vec<Type> {
    let bodies = azure.bodies(GROUP, "1");
    let tracked = |at: usize| {
        let (path, body) = bodies[at].clone();
        let (above, _) = path.rsplit_once('/').expect("a path");
        (format!("{above}/{{}}"), body)
    };
    let below = |at: usize, rest: &str| format!("{}/{rest}/{{}}", bodies[at].0);
    let plain = |at: usize, lengths, besides, begins, ends| {
        let (path, body) = tracked(at);
        Type {
            path,
            body,
            lengths,
            besides,
            begins,
            ends,
            good: "fine1",
        }
    };
    let rule = json!({"properties": {"protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "22",
        "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "access": "Allow", "priority": 400, "direction": "Inbound"}});
    let extension = json!({"location": "eastus", "properties": {"publisher": "Microsoft.Azure.Monitor",
        "type": "AzureMonitorLinuxAgent", "typeHandlerVersion": "1.0"}});
    let federated = json!({"properties": {"issuer": "https://issuer.example", "subject": "s",
        "audiences": ["api://AzureADTokenExchange"]}});
    let deployment = json!({"properties": {"mode": "Incremental", "template": {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0", "resources": []}}});
    let in_group = |rest: &str| format!("/resourceGroups/{GROUP}/providers/{rest}/{{}}");
    let network = ("-._", "", "_");
    vec![
        plain(0, (1, 80), network.0, network.1, network.2),
        plain(1, (2, 64), network.0, network.1, network.2),
        plain(2, (1, 80), network.0, network.1, network.2),
        // A network interface of its own would need an address of its own.
        Type {
            body: json!({"location": "eastus", "properties": {"ipConfigurations": [{"name": "one", "properties": {
                "subnet": azure.id(&format!("{}/subnets/default", bodies[1].0))}}]}}),
            ..plain(3, (1, 80), network.0, network.1, network.2)
        },
        plain(4, (3, 128), "-_", "", "-_"),
        plain(5, (1, 80), "-._", "", "_"),
        Type {
            path: "/resourceGroups/{}".to_owned(),
            body: json!({"location": "eastus"}),
            lengths: (1, 90),
            besides: "-._()",
            begins: "-._()",
            ends: "-_()",
            good: "fine1",
        },
        Type {
            path: below(0, "securityRules"),
            body: rule,
            lengths: (1, 80),
            besides: network.0,
            begins: network.1,
            ends: network.2,
            good: "fine1",
        },
        Type {
            path: below(1, "subnets"),
            body: json!({"properties": {"addressPrefix": "10.0.9.0/24"}}),
            lengths: (1, 80),
            besides: network.0,
            begins: network.1,
            ends: network.2,
            good: "fine1",
        },
        Type {
            path: below(6, "extensions"),
            body: extension,
            lengths: (1, 80),
            besides: "-._",
            begins: "",
            ends: "_",
            good: "fine1",
        },
        Type {
            path: below(4, "federatedIdentityCredentials"),
            body: federated,
            lengths: (3, 120),
            besides: "-_",
            begins: "",
            ends: "-_",
            good: "fine1",
        },
        Type {
            path: in_group("Microsoft.Resources/deployments"),
            body: deployment,
            lengths: (1, 64),
            besides: "-._()",
            begins: "-._()",
            ends: "-._()",
            good: "fine1",
        },
        Type {
            path: in_group("Microsoft.Authorization/locks"),
            body: json!({"properties": {"level": "CanNotDelete"}}),
            lengths: (1, 90),
            besides: "-._()",
            begins: "-._()",
            ends: "-_()",
            good: "fine1",
        },
    ]
}

/// Names of all kinds: plain ones, long ones, and ones with what paths, queries and terminals are made of.
fn any_name() -> impl Strategy<Value = String> {
    let evil = prop::sample::select(vec![
        "/",
        "\\",
        "?",
        "#",
        "%",
        "%2F",
        "%2f",
        "%252F",
        "..",
        ".",
        "\0",
        "\n",
        "\u{1b}[2J",
        "\u{7f}",
        "\u{85}",
        "\u{1}",
        "\u{10ffff}",
        "\u{fffd}",
        " ",
        "é",
        "\u{202e}",
        ";",
        ":",
        "&",
        "<",
        "*",
        "(",
        ")",
        "_",
        "-",
        "'",
        "\"",
        "/providers/",
        "victim",
    ]);
    let part = prop_oneof![
        3 => "[a-zA-Z0-9]{1,4}",
        1 => "[a-zA-Z0-9._-]{1,100}",
        2 => evil.prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.concat())
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(cases)
    })
}

/// The lines of the state that are about something of this name.
fn about(azure: &Azure, word: &str) -> Vec<String> {
    let lines = azure.state().into_iter();
    lines
        .filter(|line| line.to_lowercase().contains(word))
        .collect()
}

#[test]
fn a_name_that_a_type_allows_is_taken_and_any_other_is_refused_with_400() {
    for at in 0..types(&Azure::start()).len() {
        let azure = Azure::start();
        azure.furnish(GROUP, "1");
        let kind = &types(&azure)[at];
        azure.done(Method::PUT, &kind.at(kind.good), &kind.body);
        let result = runner(60).run(&any_name(), |name| {
            let before = azure.state();
            let (status, answer) = azure.arm(Method::PUT, &kind.at(&encoded(&name)), &kind.body);
            // `.` and `..` are steps in a path, whatever a type's rule says.
            if kind.allows(&name) && name != "." && name != ".." {
                let clash = answer["error"]["code"].as_str().unwrap_or_default();
                // There is one rule of a priority, one subnet of a range, one handler on a machine, one issuer's subject.
                prop_assert!(
                    status < 300 || status == 409 || !clash.contains("Name"),
                    "{name:?}: {status} {answer}"
                );
                if status < 300 {
                    prop_assert_eq!(&answer["name"], &json!(name), "{}", answer);
                    let id = answer["id"].as_str().unwrap_or_default();
                    prop_assert!(id.ends_with(&format!("/{name}")), "{id}");
                    azure.arm(Method::DELETE, &kind.at(&encoded(&name)), &Value::Null);
                    azure.later();
                    if kind.path.contains("securityRules") || kind.path.contains("subnets") {
                        azure.arm(Method::PUT, &kind.at(kind.good), &kind.body);
                    }
                }
            } else {
                prop_assert_eq!(status, 400, "{:?} at {}: {}", name, kind.path, answer);
                prop_assert!(answer["error"]["code"].is_string(), "{}", answer);
                prop_assert_eq!(azure.state(), before);
            }
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{}: {error}", kind.path));
    }
}

/// What begins as another name does and ends as the victim's, with what may be taken for a path's end or step between.
fn disguises(victim: &str) -> Vec<String> {
    let between = [
        "/", "\\", "/../", "%2F", "%2f", "%252F", "?", "#", "\0", "/./", "\n",
    ];
    let mut all: Vec<String> = between
        .iter()
        .map(|one| format!("a{one}{victim}"))
        .collect();
    all.extend(between.iter().map(|one| format!("{one}{victim}")));
    all.extend(between.iter().map(|one| format!("{victim}{one}")));
    all.extend(between.iter().map(|one| format!("{victim}{one}a")));
    all
}

#[test]
fn no_disguise_of_a_name_in_any_place_of_a_path_reaches_what_has_the_name() {
    let azure = Azure::start();
    azure.furnish(GROUP, "1");
    azure.done(
        Method::PUT,
        "/resourceGroups/victim",
        &json!({"location": "eastus"}),
    );
    let all = types(&azure);
    for kind in all.iter().filter(|kind| kind.lengths.1 >= 6) {
        azure.arm(Method::PUT, &kind.at("victim"), &kind.body);
    }
    azure.later();
    let victims = about(&azure, "victim");
    assert!(victims.len() > all.len() / 2, "{victims:?}");
    let whole = azure.state();
    for kind in &all {
        for name in disguises("victim") {
            for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::GET] {
                let (status, answer) =
                    azure.arm(method.clone(), &kind.at(&encoded(&name)), &kind.body);
                let good = (400..500).contains(&status)
                    || (method == Method::DELETE && status == 204)
                    || status == 501;
                assert!(good, "{method} {} {name:?}: {status} {answer}", kind.path);
                assert_eq!(
                    about(&azure, "victim"),
                    victims,
                    "{method} {} {name:?}",
                    kind.path
                );
            }
        }
        // And where the type's word, the provider or the group is the one that is more than it seems.
        let path = kind.at("victim");
        for (at, segment) in path.split('/').enumerate().skip(1) {
            for instead in [
                format!("{segment}%2Fa"),
                format!("a%2F..%2F{segment}"),
                format!("{segment}%00"),
                format!("{segment}%23"),
            ] {
                let mut segments: Vec<&str> = path.split('/').collect();
                segments[at] = &instead;
                let path = segments.join("/");
                for method in [Method::PUT, Method::DELETE] {
                    let (status, answer) = azure.arm(method.clone(), &path, &kind.body);
                    assert_eq!(status, 400, "{method} {path}: {answer}");
                }
            }
        }
    }
    assert_eq!(azure.state(), whole);
}

#[test]
fn names_within_a_body_are_checked_as_those_in_a_path() {
    let azure = Azure::start();
    azure.furnish(GROUP, "1");
    let bodies = azure.bodies(GROUP, "2");
    for (path, body) in &bodies[..6] {
        azure.done(Method::PUT, path, body);
    }
    azure.later();
    let places = [
        (0, "/properties/securityRules/0/name"),
        (1, "/properties/subnets/0/name"),
        (3, "/properties/ipConfigurations/0/name"),
        (6, "/properties/storageProfile/osDisk/name"),
    ];
    for (at, pointer) in places {
        let (path, body) = &bodies[at];
        for name in [
            "a/victim",
            "a?b",
            "a#b",
            "a\u{1b}b",
            "a\nb",
            "/",
            "..",
            "é",
            &"a".repeat(81),
        ] {
            let mut body = body.clone();
            *body.pointer_mut(pointer).expect("a member") = json!(name);
            let before = azure.state();
            let (status, answer) = azure.arm(Method::PUT, path, &body);
            assert_eq!(status, 400, "{pointer} {name:?}: {answer}");
            assert_eq!(azure.state(), before);
        }
    }
    let (path, mut body) = bodies[6].clone();
    body["properties"]["storageProfile"]["dataDisks"] =
        json!([{"lun": 0, "name": "a/victim", "createOption": "Empty", "diskSizeGB": 4}]);
    let (status, answer) = azure.arm(Method::PUT, &path, &body);
    assert_eq!(
        (status, &answer["error"]["target"]),
        (400, &json!("dataDisk.name")),
        "{answer}"
    );
}

#[test]
fn azures_own_codes_are_answered() {
    let azure = Azure::start();
    azure.furnish(GROUP, "1");
    let cases = [
        (0, "a%20b", "InvalidResourceName"),
        (0, "_a", "InvalidResourceName"),
        (0, "a-", "InvalidResourceName"),
        (1, "a", "InvalidResourceName"),
        (2, "a%3Fb", "InvalidResourceName"),
        (4, "ab", "InvalidResourceName"),
        (5, "_a", "InvalidParameter"),
        (6, "a-", "InvalidParameter"),
        (7, "a--b", "VaultNameNotValid"),
    ];
    for (at, name, code) in cases {
        let (path, body) = azure.bodies(GROUP, "3")[at].clone();
        let (above, _) = path.rsplit_once('/').expect("a path");
        let (status, answer) = azure.arm(Method::PUT, &format!("{above}/{name}"), &body);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!(code)),
            "{answer}"
        );
    }
    // The words that users search for.
    let path = format!(
        "/resourceGroups/{GROUP}/providers/Microsoft.Network/networkSecurityGroups/Allow%20Egress"
    );
    let (_, answer) = azure.arm(Method::PUT, &path, &json!({"location": "eastus"}));
    assert_eq!(
        answer["error"]["message"],
        "Resource name Allow Egress is invalid. The name can be up to 80 characters long. It must begin with a word \
         character, and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'."
    );
}

#[test]
fn a_group_may_have_the_name_of_a_paths_word() {
    let azure = Azure::start();
    for name in ["providers", "resourceGroups", "subscriptions"] {
        azure.furnish(name, "1");
        for (path, _) in azure.bodies(name, "1") {
            let found = azure.done(Method::GET, &path, &Value::Null);
            let id = found["id"].as_str().expect("an id").to_lowercase();
            assert!(
                id.contains(&format!(
                    "/resourcegroups/{}/providers/microsoft.",
                    name.to_lowercase()
                )),
                "{id}"
            );
        }
        // Nor is its name left out.
        let (status, _) = azure.arm(
            Method::GET,
            "/resourceGroups//providers/Microsoft.Network/networkSecurityGroups/nsg1",
            &Value::Null,
        );
        assert!(status >= 400);
    }
}
