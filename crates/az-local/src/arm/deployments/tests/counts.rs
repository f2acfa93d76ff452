//! What Azure limits by a number: counts, lengths, and how deep something is nested.

use super::support::{
    GROUP, body, deployed, giving, identity, many, path, put_text, refused, send, template,
    with_group,
};
use crate::arm::call::{DEEPEST_JSON, LARGEST_BODY};
use crate::arm::deployments::limits::{
    LONGEST_EXPRESSION, MOST_OUTPUTS, MOST_PARAMETERS, MOST_RESOURCES, MOST_VARIABLES,
};
use crate::request::testing::later;
use http::Method;
use serde_json::{Value, json};
#[test]
fn counts_are_limited_as_azure_limits_them() {
    let parameter = |_| json!({"type": "string", "defaultValue": "x"});
    let output = |_| json!({"type": "string", "value": "x"});
    let skipped = |count| {
        let one = |at| {
            let mut one = identity(&format!("one-{at}"));
            one["condition"] = json!(false);
            one
        };
        json!((0..count).map(one).collect::<Vec<Value>>())
    };
    type Make = Box<dyn Fn(usize) -> Value + Send>;
    let kinds: [(&str, usize, Make); 4] = [
        (
            "parameters",
            MOST_PARAMETERS,
            Box::new(move |count| many(count, parameter)),
        ),
        (
            "variables",
            MOST_VARIABLES,
            Box::new(|count| many(count, |_| json!("x"))),
        ),
        (
            "outputs",
            MOST_OUTPUTS,
            Box::new(move |count| many(count, output)),
        ),
        ("resources", MOST_RESOURCES, Box::new(skipped)),
    ];
    for (section, limit, make) in kinds {
        with_group(move |cx| {
            for count in [limit + 1, 15_000] {
                let word = format!(
                    "template {section} limit exceeded. Limit: '{limit}' and actual: '{count}'"
                );
                refused(cx, &template(json!({section: make(count)})), &word);
            }
            deployed(cx, &template(json!({section: make(limit)})));
        });
    }
}

#[test]
fn expressions_are_limited_in_length() {
    let text = |length: usize| format!("[concat('{}')]", "x".repeat(length - "[concat('')]".len()));
    with_group(move |cx| {
        for length in [LONGEST_EXPRESSION + 1, 3_000_000] {
            refused(
                cx,
                &giving(&text(length)),
                "length limit exceeded. Limit: '24576'",
            );
        }
        deployed(cx, &giving(&text(LONGEST_EXPRESSION)));
    });
}

#[test]
fn expressions_are_limited_in_depth() {
    let calls =
        |depth: usize| format!("[{}'x'{}]", "createArray(".repeat(depth), ")".repeat(depth));
    let indices = |depth: usize| {
        format!(
            "[{}0{}]",
            "createArray(0)[".repeat(depth),
            "]".repeat(depth)
        )
    };
    with_group(move |cx| {
        for make in [&calls as &dyn Fn(usize) -> String, &indices] {
            refused(cx, &giving(&make(64)), "nested too deeply");
            refused(cx, &giving(&make(1_500)), "nested too deeply");
        }
        let members = format!("[createObject('a', 'b'){}]", ".a".repeat(12_000));
        refused(cx, &giving(&members), "can't be evaluated");
        deployed(cx, &giving(&calls(63)));
        deployed(cx, &giving(&indices(63)));
    });
}

#[test]
fn json_is_limited_in_depth() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}0{}", open.repeat(depth), close.repeat(depth))
    };
    with_group(move |cx| {
        // `properties`, `template` and `variables` are around it, and the body itself.
        let least = DEEPEST_JSON - 4;
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
            let levels = open.matches(['[', '{']).count();
            for depth in [least / levels, least / levels + 1, 130 / levels, 100_000] {
                let value = nested(open, close, depth);
                let variables = format!(r#"{{"x": {value}}}"#);
                let whole = body(&template(json!({"variables": "HERE"})))
                    .to_string()
                    .replace(r#""HERE""#, &variables);
                // The second is loose JSON: another parser reads it.
                for whole in [whole.clone(), format!("// loose\n{whole}")] {
                    let (status, answer) = put_text(cx, &whole);
                    if depth * levels <= least {
                        assert!(status < 300, "{answer}");
                        later(cx, time::Duration::hours(1));
                        assert_eq!(send(cx, Method::GET, &path("d"), "").0, 200);
                    } else {
                        assert_eq!(status, 400, "{answer}");
                        assert_eq!(answer["error"]["code"], "InvalidRequestContent");
                    }
                }
                // A resource's body.
                let tags = format!(r#"{{"location": "eastus", "tags": {{}}, "x": {value}}}"#);
                let (status, answer) = send(cx, Method::PUT, GROUP, &tags);
                assert!(status == 200 || status == 400, "{answer}");
                assert_eq!(send(cx, Method::GET, GROUP, "").0, 200);
            }
        }
    });
}

#[test]
fn a_long_body_is_refused() {
    with_group(|cx| {
        let padded = |length: usize| {
            let text = body(&template(json!({}))).to_string();
            format!("{text}{}", " ".repeat(length - text.len()))
        };
        let (status, answer) = put_text(cx, &padded(LARGEST_BODY + 1));
        assert_eq!(status, 413, "{answer}");
        assert_eq!(answer["error"]["code"], "RequestContentTooLarge");
        let (status, answer) = send(cx, Method::PUT, GROUP, &padded(LARGEST_BODY + 1));
        assert_eq!(status, 413, "{answer}");
        assert_eq!(put_text(cx, &padded(LARGEST_BODY)).0, 201);
    });
}
