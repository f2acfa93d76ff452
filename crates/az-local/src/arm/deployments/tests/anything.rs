//! Whatever is sent is answered.

use super::support::{body, identity, many, path, put, put_text, send, template, with_group};
use crate::arm::deployments::expression::functions;
use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
/// Expressions of a small grammar, as deep as it comes.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        "[a-z{}%0-9]{0,4}".prop_map(|text| format!("'{text}'")),
        (0..6u8).prop_map(|n| format!("variables('m{n}')")),
        Just("parameters('p')".to_owned()),
        Just("resourceGroup()".to_owned()),
        Just("reference('one-0')".to_owned()),
        Just("f.g('x')".to_owned()),
    ];
    let names = prop::sample::select(functions::names());
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            3 => (names.clone(), prop::collection::vec(inner.clone(), 0..4))
                .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
            1 => (inner.clone(), inner.clone())
                .prop_map(|(of, index)| format!("createArray({of})[{index}]")),
            1 => (inner, "[a-z]{1,3}").prop_map(|(of, name)| format!("if(true(), {of}, 1).{name}")),
        ]
    })
}

/// JSON of any shape, with expressions in it and with the names that templates have.
fn documents() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,8}",
        expressions().prop_map(|inner| format!("[{inner}]")),
        Just("Microsoft.Resources/deployments".to_owned()),
        Just("Microsoft.ManagedIdentity/userAssignedIdentities".to_owned()),
        Just("one-0".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "a",
        "apiVersion",
        "condition",
        "defaultValue",
        "dependsOn",
        "existing",
        "functions",
        "location",
        "members",
        "name",
        "namespace",
        "output",
        "parameters",
        "properties",
        "resources",
        "scope",
        "tags",
        "template",
        "type",
        "value",
    ]);
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_expressions_are_evaluated_or_refused(
        all in prop::collection::vec(expressions(), 6),
        given in documents(),
    ) {
        let text = |at: usize| json!(format!("[{}]", all[at]));
        let mut first = identity("one-0");
        first["tags"] = json!({"x": text(0)});
        let output = json!({"type": "string", "value": "[parameters('a')]"});
        let function = json!({"parameters": [{"name": "a", "type": "string"}], "output": output});
        let template = template(json!({
            "parameters": {"p": {"type": "object", "defaultValue": {"a": text(1)}}},
            "variables": many(6, text),
            "functions": [{"namespace": "f", "members": {"g": function}}],
            "resources": [first],
            "outputs": {"x": {"type": "object", "value": {"y": text(2), "given": given}}},
        }));
        let (status, answer) = with_group(move |cx| put(cx, &template));
        prop_assert!(status < 500, "{}", answer);
    }

    #[test]
    fn any_template_is_deployed_or_refused(
        resources in documents(),
        parameters in documents(),
        variables in documents(),
        given in documents(),
        whole in documents(),
    ) {
        let template = template(json!({
            "parameters": parameters, "variables": variables.clone(), "functions": variables, "resources": resources,
        }));
        let mut body = body(&template);
        body["properties"]["parameters"] = given;
        let answers = with_group(move |cx| {
            let validate = format!("{}/validate", path("d"));
            [
                send(cx, Method::POST, &validate, &body.to_string()),
                put_text(cx, &body.to_string()),
                put_text(cx, &whole.to_string()),
            ]
        });
        for (status, answer) in answers {
            prop_assert!(status < 500, "{}", answer);
        }
    }

    #[test]
    fn any_bytes_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        loose in "[\\[\\]{}\"':,a/*\\\\ 0-9\n-]{0,80}",
    ) {
        let texts = [String::from_utf8_lossy(&bytes).into_owned(), loose];
        let answers = with_group(move |cx| texts.map(|text| put_text(cx, &text)));
        for (status, answer) in answers {
            prop_assert!((400..500).contains(&status), "{} {}", status, answer);
        }
    }
}
