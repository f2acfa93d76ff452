//! What grows while it is evaluated: chains, circles, doubling, huge numbers, long work.

use super::support::{
    deployed, giving, many, path, refused, send, template, variables, with_group,
};
use crate::arm::call::DEEPEST_JSON;
use crate::arm::deployments::limits::MOST_VARIABLES;
use http::Method;
use serde_json::{Value, json};
#[test]
fn variables_refer_to_variables_in_any_number() {
    with_group(|cx| {
        for count in [1, 2, 3, MOST_VARIABLES] {
            let circle = variables(count, json!("[variables('m0')]"));
            refused(
                cx,
                &circle,
                "Circular dependency detected on variable 'm0': 'm0' -> ",
            );
        }
        refused(
            cx,
            &variables(1_600, json!("x")),
            "variables limit exceeded",
        );
        let outputs = deployed(cx, &variables(MOST_VARIABLES, json!("end")));
        assert_eq!(outputs["x"]["value"], "end");
    });
}

#[test]
fn what_grows_by_doubling_is_refused() {
    let doubling = |first: Value, again: &str| {
        let value = |at: usize| match at {
            0 => first.clone(),
            at => json!(again.replace('V', &format!("variables('m{}')", at - 1))),
        };
        template(json!({
            "variables": many(60, value),
            "outputs": {"x": {"type": "string", "value": "[variables('m59')]"}},
        }))
    };
    let templates = [
        doubling(json!("0123456789"), "[concat(V, V)]"),
        doubling(json!([0]), "[concat(V, V)]"),
        doubling(json!([0]), "[createArray(V, V)]"),
        doubling(json!("x"), "[createObject('a', V, 'b', V)]"),
        doubling(json!("x"), "[format('{0}{0}{0}', V)]"),
        doubling(json!("'\\\""), "[string(createArray(V))]"),
        doubling(json!("xx"), "[replace(V, 'x', V)]"),
        doubling(json!("%"), "[uriComponent(concat(V, V))]"),
        doubling(json!("x"), "[join(createArray(V, V, V), V)]"),
        doubling(json!("x"), "[toUpper(padLeft(concat(V, V), 10000))]"),
    ];
    with_group(move |cx| {
        for template in templates {
            refused(cx, &template, "imit");
        }
    });
}

#[test]
fn what_nests_by_variables_is_refused() {
    let nesting = |count: usize, again: &str| {
        let value = |at: usize| match at {
            0 => json!("x"),
            at => json!(again.replace('V', &format!("variables('m{}')", at - 1))),
        };
        let last = format!("[variables('m{}')]", count - 1);
        template(json!({
            "variables": many(count, value),
            "outputs": {"x": {"type": "array", "value": last}},
        }))
    };
    with_group(move |cx| {
        for again in ["[createArray(V)]", "[createObject('a', V)]"] {
            refused(cx, &nesting(DEEPEST_JSON + 2, again), "nested too deeply");
            refused(cx, &nesting(MOST_VARIABLES, again), "nested too deeply");
            deployed(cx, &nesting(DEEPEST_JSON - 10, again));
            assert_eq!(send(cx, Method::DELETE, &path("d"), "").0, 204);
        }
        let text = |depth: usize| {
            let text = format!("[json('{}0{}')]", "[".repeat(depth), "]".repeat(depth));
            giving(&text)
        };
        refused(cx, &text(DEEPEST_JSON + 1), "nested too deeply");
        refused(cx, &text(10_000), "'json'");
        deployed(cx, &text(DEEPEST_JSON - 10));
    });
}

#[test]
fn huge_numbers_are_refused() {
    with_group(|cx| {
        for expression in [
            "[padLeft('x', 9223372036854775807)]",
            "[padLeft('x', 10002)]",
            "[range(0, 9223372036854775807)]",
            "[range(9223372036854775807, 2)]",
            "[range(0, 10001)]",
            "[substring('x', 9223372036854775807, 9223372036854775807)]",
            "[format('{18446744073709551615}', 'x')]",
            "[format('{99999999999999999999999}', 'x')]",
            "[mul(9223372036854775807, 2)]",
            "[div(-9223372036854775808, -1)]",
            "[mod(1, 0)]",
            "[utcNow(replace(string(range(0, 10000)), ',', 'yyyyyyyy'))]",
            "[createArray(1)[9223372036854775807]]",
            "[createArray(1)[-9223372036854775808]]",
            "[take(1, 9223372036854775807)]",
        ] {
            refused(cx, &giving(expression), "InvalidTemplate");
        }
        for expression in [
            "[take('x', 9223372036854775807)]",
            "[skip('x', 9223372036854775807)]",
            "[skip('x', -9223372036854775808)]",
            "[tryGet(createArray(1), 9223372036854775807)]",
            "[int(float('1e300'))]",
        ] {
            deployed(cx, &giving(expression));
        }
    });
}

#[test]
fn long_work_is_refused() {
    let array = |_| json!("[range(0, 10000)]");
    let numbers = move |function: &str, count: usize| {
        let all: Vec<String> = (0..count).map(|at| format!("variables('m{at}')")).collect();
        let mut template = giving(&format!("[length({function}({}))]", all.join(", ")));
        template["variables"] = many(count, array);
        template
    };
    let functions = |count: usize| {
        let function = |at: usize| {
            let again = |at: usize| format!("f.m{}()", at - 1);
            let value = match at {
                0 => "x".to_owned(),
                at => format!("[concat({}, {})]", again(at), again(at)),
            };
            json!({"parameters": [], "output": {"type": "string", "value": value}})
        };
        let mut template = giving(&format!("[length(f.m{}())]", count - 1));
        template["functions"] = json!([{"namespace": "f", "members": many(count, function)}]);
        template
    };
    with_group(move |cx| {
        refused(cx, &functions(40), "more work than");
        refused(cx, &functions(200), "too deeply");
        let same = |value: &Value| value["x"]["value"].clone();
        assert_eq!(same(&deployed(cx, &numbers("union", 10))), json!(10_000));
        assert_eq!(
            same(&deployed(cx, &numbers("intersection", 10))),
            json!(10_000)
        );
        assert_eq!(same(&deployed(cx, &functions(8))), json!(128));
    });
}

#[test]
fn functions_of_the_template_do_not_call_themselves() {
    let functions = |members: Value, called: &str| {
        let mut template = giving(called);
        template["functions"] = json!([{"namespace": "f", "members": members}]);
        template
    };
    let calls =
        |value: &str| json!({"parameters": [], "output": {"type": "string", "value": value}});
    with_group(move |cx| {
        let own = functions(json!({"a": calls("[f.a()]")}), "[f.a()]");
        refused(cx, &own, "Circular dependency");
        let two = functions(
            json!({"a": calls("[f.b()]"), "b": calls("[f.a()]")}),
            "[f.a()]",
        );
        refused(cx, &two, "Circular dependency");
    });
}
