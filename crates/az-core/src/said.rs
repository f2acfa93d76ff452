//! What a service says in an error: one form for Resource Manager, Key Vault and Microsoft Graph.

use serde_json::Value;

/// The deepest that errors within errors are followed.
const DEEPEST: usize = 8;
/// The most of several errors that are repeated.
const MOST: usize = 5;

/// The most telling of an error's codes, with everything that its messages say.
///
/// <https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#handling-errors>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// As `SkuNotAvailable`: the innermost one, past those that only wrap others.
    pub(crate) code: Option<String>,
    /// On one line.
    pub(crate) message: Option<String>,
    /// What it is about.
    pub(crate) target: Option<String>,
}

impl Said {
    /// Reads a body. Most services have the error in `error`; some (Microsoft.Compute among them) do not.
    pub(crate) fn of(body: &Value) -> Self {
        let mut said = Said::default();
        let mut messages = Vec::new();
        said.take(body.get("error").unwrap_or(body), &mut messages, DEEPEST);
        if !messages.is_empty() {
            said.message = Some(messages.join(" "));
        }
        said
    }

    fn take(&mut self, error: &Value, messages: &mut Vec<String>, depth: usize) {
        // A word alone, as OAuth has it; a message that is an error of its own, written as text.
        if let Some(text) = error.as_str() {
            match serde_json::from_str::<Value>(text) {
                Ok(inner) if inner.is_object() && depth > 0 => {
                    self.take(inner.get("error").unwrap_or(&inner), messages, depth - 1);
                }
                _ => add(messages, text),
            }
            return;
        }
        if let Some(code) = text(error, "code") {
            self.code = Some(code.to_owned());
        }
        if let Some(target) = text(error, "target") {
            self.target = Some(target.to_owned());
        }
        // `{"lang": "en-us", "value": "…"}`, as OData has it.
        let message = match &error["message"] {
            Value::Object(message) => message.get("value").unwrap_or(&Value::Null),
            message => message,
        };
        let message = message
            .as_str()
            .or_else(|| text(error, "error_description"));
        if depth == 0 {
            if let Some(message) = message {
                add(messages, message);
            }
            return;
        }
        let details = error["details"].as_array().map_or(&[][..], Vec::as_slice);
        // `DeploymentFailed` and the like say nothing; the one detail that they carry does.
        if let [detail] = details
            && text(detail, "code").is_some()
            && text(detail, "message").is_some()
        {
            return self.take(detail, messages, depth - 1);
        }
        if let Some(message) = message {
            self.take(&Value::from(message), messages, depth - 1);
        }
        for detail in details.iter().take(MOST) {
            let mut inner = Said::default();
            let mut said = Vec::new();
            inner.take(detail, &mut said, depth - 1);
            let said = said.join(" ");
            match (inner.code, said.is_empty()) {
                (Some(code), false) => add(messages, &format!("{code}: {said}")),
                (Some(code), true) => add(messages, &code),
                (None, false) => add(messages, &said),
                (None, true) => {}
            }
        }
        if details.len() > MOST {
            messages.push(format!("({} more)", details.len() - MOST));
        }
        let inner = ["innererror", "innerError"]
            .iter()
            .map(|name| &error[*name])
            .find(|inner| inner.is_object());
        if let Some(inner) = inner {
            self.take(inner, messages, depth - 1);
        }
    }
}

/// Adds what has not been said.
fn add(messages: &mut Vec<String>, text: &str) {
    let line = one_line(text);
    if !line.is_empty() && !messages.iter().any(|said| said.contains(&line)) {
        messages.push(line);
    }
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value[member]
        .as_str()
        .filter(|text| !text.trim().is_empty())
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_innermost_code_and_every_message_are_said() {
        for (body, code, message) in [
            (
                json!({"error": {"code": "DeploymentFailed", "message": "At least one operation failed.",
                    "details": [{"code": "SkuNotAvailable", "message": "No such\nsize."}]}}),
                "SkuNotAvailable",
                "No such size.",
            ),
            (
                json!({"error": {"code": "Forbidden", "message": "Not authorized.", "innererror": {"code": "ForbiddenByRbac"}}}),
                "ForbiddenByRbac",
                "Not authorized.",
            ),
            (
                json!({"code": "Conflict", "message": "{\"error\": {\"code\": \"InUse\", \"message\": \"It is in use.\"}}"}),
                "InUse",
                "It is in use.",
            ),
            (
                json!({"error": {"code": "Failed", "message": "Two failed.", "details": [
                    {"code": "A", "message": "first"}, {"message": "second"}]}}),
                "Failed",
                "Two failed. A: first second",
            ),
            (
                json!({"error": {"code": "OSProvisioningTimedOut", "message": "Late.",
                    "innererror": {"exceptiontype": "X", "message": "The disk is full."}}}),
                "OSProvisioningTimedOut",
                "Late. The disk is full.",
            ),
            (
                json!({"error": {"code": "c", "message": {"lang": "en", "value": "m"}}}),
                "c",
                "m",
            ),
        ] {
            let said = Said::of(&body);
            assert_eq!(said.code.as_deref(), Some(code), "{body}");
            assert_eq!(said.message.as_deref(), Some(message), "{body}");
        }
        let said = Said::of(&json!({"error": "no quota"}));
        assert_eq!(
            (said.code, said.message.as_deref()),
            (None, Some("no quota"))
        );
        let target = json!({"error": {"code": "c", "message": "m", "target": "osDisk"}});
        assert_eq!(Said::of(&target).target.as_deref(), Some("osDisk"));
    }

    #[test]
    fn errors_without_end_are_not_followed() {
        let mut error = json!({"code": "last", "message": "last"});
        for _ in 0..100 {
            error = json!({"code": "c", "message": "m", "innererror": error});
        }
        assert_eq!(Said::of(&error).message.as_deref(), Some("m"));
        let many: Vec<_> = (0..1000)
            .map(|n| json!({"message": format!("m{n}")}))
            .collect();
        let said = Said::of(&json!({"error": {"details": many}}));
        assert!(said.message.expect("words").ends_with("m4 (995 more)"));
    }

    fn json() -> impl Strategy<Value = Value> {
        let names = prop::sample::select(vec![
            "error",
            "code",
            "message",
            "details",
            "innererror",
            "target",
            "value",
            "error_description",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            "[ -~]{0,12}".prop_map(Value::from),
            any::<i32>().prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(
                    names.clone().prop_map(str::to_owned),
                    inner.clone(),
                    0..5
                )
                .prop_map(|members| Value::Object(members.into_iter().collect())),
                inner.prop_map(|inner| Value::from(inner.to_string())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_body_is_survived_on_one_line(body in json()) {
            let said = Said::of(&body);
            let all = [said.code, said.message, said.target];
            prop_assert!(all.iter().flatten().all(|text| !text.trim().is_empty()));
            prop_assert!(all[1].iter().all(|text| !text.contains('\n')));
        }
    }
}
