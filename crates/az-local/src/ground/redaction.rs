//! Bodies as the request log shows them: secrets replaced.
//!
//! What is replaced goes by names and places, and rather too much than too little: a script and what it prints may hold
//! anything.

use serde_json::{Map, Value, json};

/// What stands in a secret's place.
pub(super) const REDACTED: &str = "(redacted)";

/// What a script printed begins with, in what Azure's agents say of it.
const PRINTED: &str = "[stdout]";

/// What a shared access signature begins with in a URL
/// (<https://learn.microsoft.com/azure/storage/common/storage-sas-overview#sas-token>).
const SIGNATURE: &str = "sig=";

/// A body, read as what it says that it is. `holds_secrets`: members named `value` are secrets too, as in Key Vault's bodies.
pub(super) fn body(bytes: &[u8], holds_secrets: bool, content_type: Option<&str>) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    if content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let pairs = url::form_urlencoded::parse(bytes).map(|(name, value)| {
            let value = Value::String(value.into_owned());
            // An authorization code is as good as a token.
            let code = ["code", "device_code"].contains(&name.to_ascii_lowercase().as_str());
            let value = if code { conceal(value) } else { value };
            (name.into_owned(), value)
        });
        return redact(Value::Object(Map::from_iter(pairs)), false);
    }
    match serde_json::from_slice(bytes) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => redact(value, holds_secrets),
        // What cannot be read cannot be checked for secrets either, and what has no names might be one.
        _ => json!(format!("({} bytes)", bytes.len())),
    }
}

/// The same value with every secret replaced.
fn redact(value: Value, holds_secrets: bool) -> Value {
    match value {
        Value::Object(mut members) => {
            conceal_secure_parameters(&mut members);
            let is_secure = members.get("type").is_some_and(is_secure_type);
            members
                .into_iter()
                .map(|(name, value)| {
                    let lower = name.to_ascii_lowercase();
                    let declared =
                        ["value", "defaultvalue", "allowedvalues"].contains(&lower.as_str());
                    let is_value = lower == "value" && holds_secrets && !value.is_array();
                    let value = if is_secret(&name) || is_value || is_secure && declared {
                        conceal(value)
                    } else if name.eq_ignore_ascii_case("parameters") && value.is_array() {
                        // What a script is given: names and values by turns, where a deployment's are an object.
                        redact(value, true)
                    } else {
                        redact(value, holds_secrets)
                    };
                    (name, value)
                })
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items
            .into_iter()
            .map(|item| redact(item, holds_secrets))
            .collect::<Vec<_>>()
            .into(),
        Value::String(text) => json!(redact_text(text)),
        other => other,
    }
}

/// A text without what a script printed, and without the signatures of URLs in it.
fn redact_text(mut text: String) -> String {
    if let Some(at) = text.find(PRINTED) {
        text.truncate(at + PRINTED.len());
        text.push_str(REDACTED);
    }
    let mut from = 0;
    while let Some(at) = find_ignoring_case(&text[from..], SIGNATURE) {
        let begin = from + at + SIGNATURE.len();
        let length = text[begin..].find(['&', '\'', '"', ' ', '#']);
        let end = length.map_or(text.len(), |length| begin + length);
        text.replace_range(begin..end, REDACTED);
        from = begin + REDACTED.len();
    }
    text
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(wanted)
}

/// Replaces the values that a deployment gives to parameters of the types `secureString` and `secureObject`.
fn conceal_secure_parameters(deployment: &mut Map<String, Value>) {
    let declared = deployment
        .get("template")
        .and_then(|template| template.get("parameters"));
    let secure: Vec<String> = declared
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, parameter)| parameter.get("type").is_some_and(is_secure_type))
        .map(|(name, _)| name.clone())
        .collect();
    for name in secure {
        let given = deployment.get_mut("parameters");
        let given = given.and_then(Value::as_object_mut).into_iter().flatten();
        for (_, parameter) in given.filter(|(given, _)| given.eq_ignore_ascii_case(&name)) {
            if let Some(value) = parameter.get_mut("value") {
                *value = conceal(value.take());
            }
        }
    }
}

/// Whether a parameter or an output of a template is of a type whose values are secret.
fn is_secure_type(kind: &Value) -> bool {
    kind.as_str()
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("secure"))
}

/// Replaces every text and number below a secret's name, and keeps the shape.
fn conceal(value: Value) -> Value {
    match value {
        Value::String(_) | Value::Number(_) => json!(REDACTED),
        Value::Array(items) => items.into_iter().map(conceal).collect::<Vec<_>>().into(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, conceal(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "password",
        "secret",
        "assertion",
        "_token",
        "accesstoken",
        "refreshtoken",
        // Microsoft Graph's `passwordCredential`.
        "secrettext",
        "protectedsettings",
    ]
    .iter()
    .any(|ending| name.ends_with(ending))
        || matches!(
            name.as_str(),
            "token"
                | "customdata"
                | "userdata"
                | "sig"
                // Scripts: runCommand's, CustomScript's.
                | "script"
                | "commandtoexecute"
                // Windows' answer files have the password to sign in with.
                | "additionalunattendcontent"
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_replaced_and_all_else_stays() {
        let machine = json!({"properties": {"osProfile": {
            "adminUsername": "azureuser", "adminPassword": "Hunter2Hunter2", "secrets": [],
            "customData": "IyEvYmluL3No"}}});
        assert_eq!(
            redact(machine, false),
            json!({"properties": {"osProfile": {
                "adminUsername": "azureuser", "adminPassword": REDACTED, "secrets": [],
                "customData": REDACTED}}})
        );
        let parameters = json!({"parameters": {"adminPassword": {"value": "Hunter2Hunter2"}}});
        assert_eq!(
            redact(parameters, false),
            json!({"parameters": {"adminPassword": {"value": REDACTED}}})
        );
        let deployment = json!({
            "template": {"parameters": {"pin": {"type": "SecureString", "defaultValue": "1"}, "name": {"type": "string"}}},
            "parameters": {"PIN": {"value": "12345"}, "name": {"value": "plain"}},
        });
        assert_eq!(
            redact(deployment, false),
            json!({
                "template": {"parameters": {"pin": {"type": "SecureString", "defaultValue": REDACTED}, "name": {"type": "string"}}},
                "parameters": {"PIN": {"value": REDACTED}, "name": {"value": "plain"}},
            })
        );
        let policy = json!({"permissions": {"secrets": ["get", "set"]}, "value": "kept"});
        assert_eq!(redact(policy.clone(), false), policy);
        let secret =
            json!({"value": "createdWithRust", "id": "https://v.vault.azure.net/secrets/s"});
        assert_eq!(
            redact(secret, true),
            json!({"value": REDACTED, "id": "https://v.vault.azure.net/secrets/s"})
        );
        let asked = json!({"commandId": "RunShellScript", "Script": ["echo s3cret"],
            "parameters": [{"name": "pin", "value": "s3cret"}]});
        assert_eq!(
            redact(asked, false),
            json!({"commandId": "RunShellScript", "Script": [REDACTED], "parameters": [{"name": "pin", "value": REDACTED}]})
        );
        let told =
            json!({"message": "Enable succeeded: \n[stdout]\ns3cret\n[stderr]\n", "code": "x"});
        assert_eq!(
            redact(told, false),
            json!({"message": "Enable succeeded: \n[stdout](redacted)", "code": "x"})
        );
        let files =
            json!({"fileUris": ["https://a.blob.core.windows.net/s.sh?sv=1&SIG=s3cret%3D&se=2"]});
        assert_eq!(
            redact(files, false),
            json!({"fileUris": ["https://a.blob.core.windows.net/s.sh?sv=1&SIG=(redacted)&se=2"]})
        );
        let list = json!({"value": [{"id": "https://v.vault.azure.net/secrets/s"}]});
        assert_eq!(redact(list.clone(), true), list);
    }

    #[test]
    fn a_token_request_shows_who_asked_and_not_the_proof() {
        let form = b"grant_type=client_credentials&client_id=app&client_secret=s3cret&client_assertion=e.y.J";
        let logged = body(form, false, Some("application/x-www-form-urlencoded"));
        assert_eq!(logged["client_id"], "app");
        assert_eq!(logged["client_secret"], REDACTED);
        assert_eq!(logged["client_assertion"], REDACTED);
        let answer = body(
            br#"{"token_type":"Bearer","access_token":"e.y.J"}"#,
            false,
            None,
        );
        assert_eq!(
            answer,
            json!({"token_type": "Bearer", "access_token": REDACTED})
        );
    }

    /// A name that holds secrets, in any case.
    fn secret_name() -> impl Strategy<Value = String> {
        let names = vec![
            "adminPassword",
            "password",
            "client_secret",
            "secretText",
            "customData",
            "userData",
            "protectedSettings",
            "script",
            "commandToExecute",
            "access_token",
            "refreshToken",
            "additionalUnattendContent",
            "sig",
        ];
        (prop::sample::select(names), any::<bool>()).prop_map(|(name, upper)| match upper {
            true => name.to_uppercase(),
            false => name.to_owned(),
        })
    }

    /// A document in which the canary stands somewhere below such a name, and nowhere else.
    fn document() -> impl Strategy<Value = Value> {
        let canary = prop_oneof![
            Just(json!("c4n4ry")),
            Just(json!(["c4n4ry"])),
            Just(json!({"value": "c4n4ry"})),
            Just(json!([{"a": {"b": ["c4n4ry", 1]}}])),
        ];
        let leaf = (secret_name(), canary).prop_map(|(name, value)| json!({name: value}));
        leaf.prop_recursive(6, 32, 4, |inner| {
            prop_oneof![
                (inner.clone(), "[a-z]{1,8}").prop_map(|(inner, name)| json!({name: inner, "other": 1})),
                prop::collection::vec(inner.clone(), 1..4).prop_map(Value::Array),
                inner.prop_map(|inner| json!({"properties": {"template": {"parameters": {}, "resources": [inner]}}})),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_secret_is_seen_at_any_depth(document in document()) {
            let text = document.to_string();
            let shown = body(text.as_bytes(), false, Some("application/json")).to_string();
            prop_assert!(!shown.contains("c4n4ry"), "{shown}");
        }

        #[test]
        fn any_text_is_read(text in ".{0,60}") {
            redact_text(text);
        }
    }

    #[test]
    fn what_has_no_names_is_not_shown() {
        for text in ["123456", "\"c4n4ry\"", "c4n4ry", "true", "{\"a\": c4n4ry}"] {
            let shown = body(text.as_bytes(), false, Some("text/plain"));
            assert_eq!(shown, json!(format!("({} bytes)", text.len())));
        }
    }
}
