//! Deployments within deployments, and all that nests at once.

use super::support::{
    body, chain, deployed, many, path, put, put_text, refused, send, template, variables,
    with_group,
};
use crate::arm::deployments::limits::{MOST_RESOURCES, MOST_VARIABLES};
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

/// All that nests, at once: deployments, objects, functions of the template's own, expressions.
#[test]
fn the_deepest_template_fits_the_stack() {
    let functions = |count: usize| {
        let function = |at: usize| {
            let inner = match at {
                0 => "parameters('p')".to_owned(),
                at => format!("f.m{}(parameters('p'))", at - 1),
            };
            let value = format!("[{}{inner}{}]", "concat(".repeat(50), ")".repeat(50));
            let parameters = json!([{"name": "p", "type": "string"}]);
            json!({"parameters": parameters, "output": {"type": "string", "value": value}})
        };
        json!([{"namespace": "f", "members": many(count, function)}])
    };
    let deep = move |count: usize| {
        let text = format!(
            "[{}f.m{}('x'){}]",
            "concat(".repeat(60),
            count - 1,
            ")".repeat(60)
        );
        let mut value = json!(text);
        for _ in 0..40 {
            value = json!({"a": value});
        }
        let inner = template(json!({
            "functions": functions(count),
            "variables": {"deep": value},
            "outputs": {"x": {"type": "object", "value": "[variables('deep')]"}},
        }));
        nested(5, inner)
    };
    with_group(move |cx| {
        for count in [3, 10] {
            let (status, answer) = put(cx, &deep(count));
            assert_eq!(status, 400, "{answer}");
            assert!(answer.to_string().contains("too deeply"), "{answer}");
        }
        deployed(cx, &deep(1));
        deployed(cx, &deep(2));
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
