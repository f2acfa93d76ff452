//! Loops: of resources, properties, variables and outputs.

use super::support::{
    GROUP, body, deployed, identity, path, put, refused, send, template, with_group,
};
use crate::arm::deployments::limits::{MOST_COPIES, MOST_RESOURCES, MOST_VARIABLES};
use crate::request::Context;
use http::Method;
use serde_json::{Value, json};

/// A version of identities; `send` adds another one behind, and the first counts.
const IDENTITIES: &str = "api-version=2024-11-30&x=";

fn looped(count: Value) -> Value {
    let mut one = identity("[format('one-{0}', copyIndex())]");
    one["copy"] = json!({"name": "loop", "count": count});
    one
}

fn steps(cx: &Context<'_>) -> Vec<String> {
    let (_, answer) = send(cx, Method::GET, &format!("{}/operations", path("d")), "");
    let steps = answer["value"].as_array().expect("steps");
    let name = |step: &Value| step["properties"]["targetResource"]["resourceName"].clone();
    steps
        .iter()
        .map(|step| name(step).as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn a_resource_is_made_as_often_as_its_loop_turns() {
    with_group(|cx| {
        let mut one = looped(json!("[length(parameters('names'))]"));
        one["name"] = json!("[parameters('names')[copyIndex()]]");
        one["tags"] = json!({
            "from-0": "[string(copyIndex())]", "from-1": "[string(copyIndex(1))]",
            "named": "[string(copyIndex('loop'))]", "named-from-5": "[string(copyIndex('LOOP', 5))]",
        });
        one["condition"] = json!("[not(equals(copyIndex(), 1))]");
        // It comes after all of the loop, and the loop after another one.
        let mut last = identity("last");
        last["dependsOn"] = json!(["loop"]);
        one["dependsOn"] = json!(["[concat('first-', copyIndex())]"]);
        let mut first = identity("[concat('first-', copyIndex())]");
        first["copy"] = json!({"name": "first", "count": "3"});
        deployed(
            cx,
            &template(json!({
                "parameters": {"names": {"type": "array", "defaultValue": ["a-one", "b-two", "c-three"]}},
                "resources": [last, one, first],
            })),
        );
        assert_eq!(
            steps(cx),
            ["first-0", "a-one", "first-2", "c-three", "last", "first-1"]
        );
        let id = format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities");
        let (_, answer) = send(cx, Method::GET, &format!("{id}/c-three?{IDENTITIES}"), "");
        assert_eq!(
            answer["tags"],
            json!({"from-0": "2", "from-1": "3", "named": "2", "named-from-5": "7"})
        );
        assert_eq!(
            send(cx, Method::GET, &format!("{id}/b-two?{IDENTITIES}"), "").0,
            404
        );
    });
}

#[test]
fn a_serial_loop_is_made_batch_by_batch() {
    with_group(|cx| {
        let mut one = looped(json!(5));
        // Each needs something that is listed behind it, so that their own order would be another one.
        one["dependsOn"] = json!(["[concat('needed-', copyIndex())]"]);
        one["copy"]["mode"] = json!("serial");
        one["copy"]["batchSize"] = json!(2);
        let mut needed = identity("[concat('needed-', copyIndex())]");
        needed["copy"] = json!({"name": "needed", "count": 5});
        let template = template(json!({"resources": [one, needed]}));
        deployed(cx, &template);
        let order = steps(cx);
        let at = |name: &str| order.iter().position(|one| one == name).expect("a step");
        for (before, after) in [(0, 2), (1, 2), (0, 3), (1, 3), (2, 4), (3, 4)] {
            let name = |index: i32| format!("one-{index}");
            assert!(at(&name(before)) < at(&name(after)), "{order:?}");
        }
        let (_, shown) = send(cx, Method::GET, &path("d"), "");
        let dependencies = shown["properties"]["dependencies"].as_array();
        let of_last = dependencies
            .expect("dependencies")
            .iter()
            .find(|one| one["resourceName"] == "one-4")
            .expect("the last");
        let needs = of_last["dependsOn"].as_array().expect("needs");
        let needs: Vec<&Value> = needs.iter().map(|one| &one["resourceName"]).collect();
        assert_eq!(needs, ["one-2", "one-3", "needed-4"]);
    });
}

#[test]
fn members_variables_and_outputs_have_loops_of_their_own() {
    with_group(|cx| {
        let network = json!({
            "type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01",
            "name": "[concat('net-', copyIndex())]", "location": "eastus",
            "copy": {"name": "nets", "count": 2},
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "copy": [{"name": "subnets", "count": "[add(copyIndex(), 1)]", "input": {
                    "name": "[format('s{0}-{1}', copyIndex(), copyIndex('subnets', 1))]",
                    "properties": {"addressPrefix": "[variables('ranges')[copyIndex('subnets')]]"},
                }}],
            },
        });
        let outputs = deployed(
            cx,
            &template(json!({
                "variables": {
                    "copy": [
                        {"name": "ranges", "count": "[variables('all').most]",
                            "input": "[format('10.0.{0}.0/24', copyIndex('ranges'))]"},
                        {"name": "none", "count": 0, "input": "[copyIndex('none')]"},
                    ],
                    "all": {"most": 2, "copy": [
                        {"name": "disks", "count": 2, "input": {"lun": "[copyIndex('disks')]"}},
                        {"name": "names", "count": 1, "input": "[concat('disk-', copyIndex('names', 1))]"},
                    ]},
                },
                "resources": [network],
                "outputs": {
                    "ranges": {"type": "array", "value": "[variables('ranges')]"},
                    "none": {"type": "array", "value": "[variables('none')]"},
                    "all": {"type": "object", "value": "[variables('all')]"},
                    "subnets": {"type": "array", "copy": {"count": 2,
                        "input": "[length(reference(concat('net-', copyIndex())).subnets)]"}},
                },
            })),
        );
        let value = |name: &str| outputs[name]["value"].clone();
        assert_eq!(value("ranges"), json!(["10.0.0.0/24", "10.0.1.0/24"]));
        assert_eq!(value("none"), json!([]));
        assert_eq!(
            value("all"),
            json!({"most": 2, "disks": [{"lun": 0}, {"lun": 1}], "names": ["disk-1"]})
        );
        assert_eq!(value("subnets"), json!([1, 2]));
        let id = format!(
            "{GROUP}/providers/Microsoft.Network/virtualNetworks/net-1?api-version=2024-05-01&x="
        );
        let (_, answer) = send(cx, Method::GET, &id, "");
        let name = |at: usize| answer["properties"]["subnets"][at]["name"].clone();
        assert_eq!([name(0), name(1)], ["s1-1", "s1-2"]);
        assert_eq!(answer["properties"]["copy"], Value::Null);
    });
}

#[test]
fn symbols_name_a_loop_and_what_it_makes() {
    with_group(|cx| {
        let mut last = identity("last");
        last["dependsOn"] = json!(["many"]);
        last["tags"] = json!({"second": "[reference('many[1]').principalId]"});
        deployed(
            cx,
            &template(json!({
                "languageVersion": "2.0",
                "resources": {"last": last, "many": looped(json!(2))},
            })),
        );
        assert_eq!(steps(cx), ["one-0", "one-1", "last"]);
    });
}

#[test]
fn a_deployment_is_looped_with_what_is_in_it() {
    with_group(|cx| {
        let inner = template(json!({
            "parameters": {"at": {"type": "int"}},
            "resources": [identity("[concat('in-', parameters('at'))]")],
        }));
        let nested = json!({
            "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01",
            "name": "[concat('nested-', copyIndex())]", "copy": {"name": "nested", "count": 3},
            "properties": {
                "mode": "Incremental", "template": inner, "parameters": {"at": {"value": "[copyIndex()]"}},
                "expressionEvaluationOptions": {"scope": "inner"},
            },
        });
        deployed(cx, &template(json!({"resources": [nested]})));
        let id = format!(
            "{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/in-2?{IDENTITIES}"
        );
        assert_eq!(send(cx, Method::GET, &id, "").0, 200);
    });
}

#[test]
fn loops_are_limited_as_azure_limits_them() {
    let too_often = "has an invalid copy count. The copy count must be a positive integer value and cannot exceed '800'";
    with_group(move |cx| {
        for count in [
            json!(-1),
            json!(MOST_COPIES + 1),
            json!("many"),
            json!(1.5),
            json!(null),
        ] {
            refused(
                cx,
                &template(json!({"resources": [looped(count.clone())]})),
                too_often,
            );
            let of = json!({"name": "x", "count": count, "input": 1});
            refused(
                cx,
                &template(json!({"outputs": {"x": {"type": "array", "copy": of}}})),
                too_often,
            );
            let all = json!({"variables": {"copy": [of]},
                "outputs": {"x": {"type": "array", "value": "[variables('x')]"}}});
            refused(cx, &template(all), too_often);
            let mut one = identity("one");
            one["properties"] = json!({"copy": [of]});
            refused(cx, &template(json!({"resources": [one]})), too_often);
        }
        for size in [json!(3), json!(-1), json!("x")] {
            let mut one = looped(json!(2));
            one["copy"]["batchSize"] = size;
            let words = "has an invalid copy batch size. The copy batch size must be a non-negative integer value and \
                         cannot exceed the copy count '2'";
            refused(cx, &template(json!({"resources": [one]})), words);
        }
        // Together they are too many, though no loop is; the last is refused before it is written out.
        let many = |loops: usize| {
            let one = |at: usize| {
                let mut one = looped(json!(MOST_RESOURCES / 2));
                one["name"] = json!(format!("[format('l{at}-{{0}}', copyIndex())]"));
                one
            };
            template(json!({"resources": (0..loops).map(one).collect::<Vec<_>>()}))
        };
        refused(
            cx,
            &many(3),
            "The number of template resources limit exceeded. Limit: '800' and actual: '1200'",
        );
        refused(cx, &many(800), "and actual: '320000'");
        let variable = |at: usize| json!({"name": format!("v{at}"), "count": 1, "input": 1});
        let variables: Vec<Value> = (0..=MOST_VARIABLES).map(variable).collect();
        refused(
            cx,
            &template(json!({"variables": {"copy": variables}})),
            "template variables limit exceeded. Limit: '512' and actual: '513'",
        );
        deployed(cx, &many(2));
        deployed(cx, &template(json!({"resources": [looped(json!(0))]})));
    });
}

#[test]
fn an_older_version_has_no_empty_loops() {
    with_group(|cx| {
        let text = body(&template(json!({"resources": [looped(json!(0))]}))).to_string();
        let url = |version: &str| format!("{}?api-version={version}&x=", path("d"));
        let (status, answer) = send(cx, Method::PUT, &url("2019-05-01"), &text);
        assert_eq!(status, 400, "{answer}");
        assert!(
            answer.to_string().contains("invalid copy count"),
            "{answer}"
        );
        assert_eq!(send(cx, Method::PUT, &url("2019-05-10"), &text).0, 201);
    });
}

#[test]
fn what_is_no_loop_is_refused() {
    let no_place = "The template function 'copyIndex' is not expected at this location. The function can only be used in a \
                    resource with copy specified. Please see https://aka.ms/arm-copy for usage details.";
    with_group(move |cx| {
        let of = |text: &str| template(json!({"outputs": {"x": {"type": "int", "value": text}}}));
        refused(cx, &of("[copyIndex()]"), no_place);
        refused(cx, &of("[copyIndex('loop')]"), no_place);
        let mut other = looped(json!(1));
        other["tags"] = json!({"x": "[copyIndex('other')]"});
        refused(cx, &template(json!({"resources": [other]})), no_place);
        // Which turn is meant within a member's loop has to be said.
        let mut member = identity("one");
        member["properties"] =
            json!({"copy": [{"name": "all", "count": 1, "input": "[copyIndex()]"}]});
        refused(cx, &template(json!({"resources": [member]})), no_place);
        refused(cx, &of("[copyIndex('a', 'b')]"), "'copyIndex'");
        let mut within = identity("one");
        within["resources"] = json!([{"type": "federatedIdentityCredentials", "apiVersion": "2024-11-30", "name": "f",
            "copy": {"name": "loop", "count": 2}, "properties": {}}]);
        refused(
            cx,
            &template(json!({"resources": [within]})),
            "at the top level",
        );
        let mut mode = looped(json!(2));
        mode["copy"]["mode"] = json!("sideways");
        refused(
            cx,
            &template(json!({"resources": [mode]})),
            "'parallel' or 'serial'",
        );
        let mut nameless = looped(json!(2));
        nameless["copy"]["name"] = json!("");
        refused(
            cx,
            &template(json!({"resources": [nameless]})),
            "is incomplete",
        );
        let mut same = looped(json!(2));
        same["name"] = json!("same");
        refused(
            cx,
            &template(json!({"resources": [same]})),
            "multiple times",
        );
        // A member of that name which is no list is a member.
        let mut plain = identity("one");
        plain["tags"] = json!({"copy": "yes"});
        deployed(cx, &template(json!({"resources": [plain]})));
    });
}

#[test]
fn the_place_of_a_wrong_loop_is_told() {
    with_group(|cx| {
        let text = "{\"properties\": {\"mode\": \"Incremental\", \"template\": {\"contentVersion\": \"1.0.0.0\",\n\
                    \"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\",\n\
                    \"resources\": [],\n\"outputs\": {\"x\": {\"type\": \"array\",\n\
                    \"copy\": {\"count\": 900, \"input\": 1}}}}}}";
        let (status, answer) = super::support::put_text(cx, text);
        assert_eq!(status, 400, "{answer}");
        let error = &answer["error"];
        assert_eq!(
            error["message"],
            "Deployment template validation failed: 'The template 'copy' definition at line '5' and column '9' has an \
             invalid copy count. The copy count must be a positive integer value and cannot exceed '800'. Please see \
             https://aka.ms/arm-copy for usage details.'."
        );
        let info = &error["additionalInfo"][0]["info"];
        assert_eq!(
            info["path"], "properties.template.outputs.x.copy",
            "{answer}"
        );
        assert_eq!(info["lineNumber"], 5, "{answer}");
        let (status, answer) = put(cx, &template(json!({"resources": [looped(json!(2))]})));
        assert_eq!(status, 201, "{answer}");
    });
}
