//! What `az --query` does beyond the specification; each value is what jmespath.py gave.

use az_jmespath::{Expression, Value};
use proptest::prelude::*;

fn search(expression: &str, document: &str) -> Result<String, String> {
    let document: Value = serde_json::from_str(document).expect("JSON");
    let expression = Expression::parse(expression).map_err(|error| error.to_string())?;
    let found = expression.search(&document);
    found
        .map(|value| value.to_string())
        .map_err(|error| error.to_string())
}

#[test]
fn expressions_give_what_they_give_in_az() {
    let document = r#"[{"name":"b","n":2,"on":"2026-12-25"},{"name":"a","n":4,"on":"2026-12-27"}]"#;
    for (expression, expected) in [
        ("[].{z:name,a:n}", r#"[{"z":"b","a":2},{"z":"a","a":4}]"#),
        ("[].{z:name,a:n} | [?z=='a']", r#"[{"z":"a","a":4}]"#),
        (
            "sort_by([].{z:name,a:n}, &z)",
            r#"[{"z":"a","a":4},{"z":"b","a":2}]"#,
        ),
        ("max_by([].{z:name,a:n}, &a)", r#"{"z":"a","a":4}"#),
        ("[].{Name:name}[?Name=='a']", r#"[{"Name":"a"}]"#),
        ("[].{Name:name}[0].Name", r#""b""#),
        ("[?name==`a`].n", "[4]"),
        ("[?on<'2026-12-26'].name", r#"["b"]"#),
        ("sum([].n)", "6"),
        ("floor(`2.5`)", "2"),
        ("ceil(`2.5`)", "3"),
        ("abs(`-2`)", "2"),
        ("avg([].n)", "3.0"),
        ("to_string(`\"é\"`)", r#""\u00e9""#),
        ("to_string(`[\"é\", 1.0, 1]`)", r#""[\"\\u00e9\",1.0,1]""#),
        ("[0].n == `2.0`", "true"),
        ("`1` == `true`", "false"),
        ("`[1]` == `[true]`", "true"),
        ("not_null(none, [0].name)", r#""b""#),
        ("join(',' sort([].name))", r#""a,b""#),
        ("[99999999999999999999]", "null"),
        ("[::-1].n", "[4,2]"),
    ] {
        assert_eq!(
            search(expression, document).as_deref(),
            Ok(expected),
            "{expression}"
        );
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (expression, words) in [
        ("", "it is empty"),
        (
            "a[",
            "at column 3: it ends where a number, ':' or '*' is expected",
        ),
        (
            "a = 'b'",
            "at column 3: '=' is no operator; equality is '=='",
        ),
        ("my-vm", "double quotes"),
        (
            "lenght(@)",
            "there is no function lenght(); there are abs, avg",
        ),
        ("length()", "length() takes 1 argument, and has 0"),
        ("[?a=='b]", "at column 6: ' is not closed"),
        ("[::0]", "a slice's step cannot be 0"),
        ("a b", "'b' stands where the end is expected"),
        (
            "length(`1`)",
            "takes a string, an array or an object, and was given the number 1",
        ),
        ("`1` < 'a'", "'<' does not compare number with string"),
        (
            "sort(`[1, \"a\"]`)",
            "sort() takes an array of numbers or an array of strings",
        ),
        ("[&a]", "an expression reference"),
    ] {
        let error = search(expression, "{}").expect_err(expression);
        assert!(error.contains(words), "{expression}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r#"[a-c\[\]{}().,:|&!=<>?*@'`"\\0-9 -]{0,40}"#) {
        if let Ok(expression) = Expression::parse(&text) {
            let document = serde_json::json!({"a": [1, {"b": "c"}], "b": {"c": null}});
            let _ = expression.search(&document.into());
        }
    }
}
