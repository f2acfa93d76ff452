//! Deployments within deployments, and all that nests at once.

use super::support::{
    body, chain, deployed, path, put, put_text, refused, send, template, variables, with_group,
};
use crate::arm::deployments::limits::{MOST_RESOURCES, MOST_VARIABLES};
use crate::request::testing::later;
use http::Method;
use serde_json::{Value, json};
fn nested(levels: usize, inner: Value) -> Value {
    let mut whole = inner;
    for level in 0..levels {
        whole = template(json!({"resources": [{
            "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": format!("nested-{level}"),
            "properties": {
                "mode": "Incremental", "template": whole, "expressionEvaluationOptions": {"scope": "inner"},
            },
        }]}));
    }
    whole
}

#[test]
fn deployments_are_nested_five_levels_deep() {
    with_group(|cx| {
        refused(cx, &nested(6, template(json!({}))), "too deep");
        let (status, answer) = put(cx, &nested(25, template(json!({}))));
        assert_eq!(status, 400, "{answer}");
        deployed(cx, &nested(5, template(json!({}))));
    });
}

/// A template that is given its own text, and deploys it with its own text.
#[test]
fn a_deployment_that_nests_itself_without_end_is_refused() {
    let mut own = template(json!({"parameters": {"own": {"type": "string"}}}));
    own["resources"] = json!([{
        "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01",
        "name": "[concat('n', uniqueString(deployment().name))]",
        "properties": {
            "mode": "Incremental", "template": "[json(parameters('own'))]",
            "parameters": {"own": {"value": "[parameters('own')]"}},
        },
    }]);
    with_group(move |cx| {
        let mut body = body(&own);
        body["properties"]["parameters"] = json!({"own": {"value": own.to_string()}});
        let (status, answer) = put_text(cx, &body.to_string());
        assert_eq!(status, 400, "{answer}");
        assert!(answer.to_string().contains("too deep"), "{answer}");
    });
}

/// All that nests, at once and up to the limit: deployments, objects, functions of the template's own, expressions.
#[test]
fn the_deepest_template_fits_the_stack() {
    let within_calls = |calls: usize, inner: &str| {
        format!("[{}{inner}{}]", "concat(".repeat(calls), ")".repeat(calls))
    };
    let deep = move |calls: usize| {
        let function = |value: String| {
            let parameters = json!([{"name": "p", "type": "string"}]);
            json!({"parameters": parameters, "output": {"type": "string", "value": value}})
        };
        let members = json!({
            "inner": function(within_calls(calls, "parameters('p')")),
            "outer": function(within_calls(calls, "f.inner(parameters('p'))")),
        });
        let mut value = json!(within_calls(60, "f.outer('x')"));
        for _ in 0..40 {
            value = json!({"a": value});
        }
        let inner = template(json!({
            "functions": [{"namespace": "f", "members": members}],
            "variables": {"deep": value},
            "outputs": {"x": {"type": "object", "value": "[variables('deep')]"}},
        }));
        nested(5, inner)
    };
    with_group(move |cx| {
        let mut limit = None;
        for calls in 30..60 {
            let (status, answer) = put(cx, &deep(calls));
            if status < 300 {
                assert_eq!(limit, None, "{calls} after what was refused");
                later(cx, time::Duration::hours(1));
            } else {
                assert!(answer.to_string().contains("too deeply"), "{answer}");
                limit.get_or_insert(calls);
            }
        }
        assert!(limit.is_some_and(|limit| limit > 30), "{limit:?}");
    });
}

#[test]
fn what_if_and_validate_bear_the_same() {
    with_group(|cx| {
        let templates = [
            chain(200, false),
            chain(MOST_RESOURCES, true),
            nested(5, template(json!({}))),
            nested(6, template(json!({}))),
            variables(MOST_VARIABLES, json!("x")),
        ];
        for template in templates {
            for verb in ["validate", "whatIf"] {
                let path = format!("{}/{verb}", path("d"));
                let (status, answer) = send(cx, Method::POST, &path, &body(&template).to_string());
                assert!(status < 500, "{answer}");
            }
        }
    });
}

/// Whatever the depth and the place, it is Azure's error or a deployment that can be read.
#[test]
fn a_template_of_any_depth_is_answered() {
    with_group(|cx| {
        for place in ["variables", "resources", "metadata", "parameters"] {
            let mut refused_from = None;
            for depth in 60..140 {
                let mut value = json!("x");
                for _ in 0..depth {
                    value = json!({"a": value});
                }
                let members = match place {
                    "variables" => json!({
                        "variables": {"deep": value},
                        "outputs": {"x": {"type": "object", "value": "[variables('deep')]"}},
                    }),
                    "resources" => json!({"resources": [{
                        "type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2024-05-01", "name": "nsg",
                        "location": "eastus", "properties": {"deep": value},
                    }]}),
                    "parameters" => json!({
                        "parameters": {"deep": {"type": "object", "defaultValue": value}},
                        "outputs": {"x": {"type": "object", "value": "[parameters('deep')]"}},
                    }),
                    _ => json!({"metadata": value}),
                };
                let (status, answer) = put_text(cx, &body(&template(members)).to_string());
                assert!(status < 500, "{place} {depth}: {answer}");
                if status == 400 {
                    refused_from.get_or_insert(depth);
                }
                later(cx, time::Duration::hours(1));
                if status < 300 {
                    let (status, answer) = send(cx, Method::GET, &path("d"), "");
                    assert_eq!(status, 200, "{place} {depth}: {answer}");
                }
            }
            assert!(
                refused_from.is_some_and(|from| from > 80),
                "{place}: {refused_from:?}"
            );
        }
    });
}
