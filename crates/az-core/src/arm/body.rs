//! Request bodies that may hold secrets.

use crate::concealed::conceal;
use azure_core::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// What stands in for a secret wherever a request is shown.
pub const REDACTED: &str = "<redacted>";

/// A JSON body. Secrets are kept apart from it until it is sent, so that it can be shown.
#[derive(Clone, Debug)]
pub struct Body {
    value: Value,
    secrets: Vec<(Cow<'static, str>, SecretString)>,
}

impl Body {
    /// The body with a secret put at a JSON pointer, as `/properties/osProfile/adminPassword`. The
    /// member must be there already; [`REDACTED`] is the value to build it with.
    pub fn with_secret(
        mut self,
        pointer: impl Into<Cow<'static, str>>,
        secret: SecretString,
    ) -> Self {
        conceal(secret.expose_secret());
        self.secrets.push((pointer.into(), secret));
        self
    }

    /// The body with [`REDACTED`] for each secret, and the secrets with their JSON pointers: for who puts it into a
    /// larger one.
    pub fn into_parts(self) -> (Value, Vec<(Cow<'static, str>, SecretString)>) {
        (self.redacted(), self.secrets)
    }

    /// The body with [`REDACTED`] for each secret.
    pub fn redacted(&self) -> Value {
        let mut value = self.value.clone();
        for (pointer, _) in &self.secrets {
            if let Some(member) = value.pointer_mut(pointer) {
                *member = Value::from(REDACTED);
            }
        }
        value
    }

    /// The body as it is sent. The memory is zeroed once it is.
    pub(super) fn to_bytes(&self) -> Bytes {
        if self.secrets.is_empty() {
            return Bytes::from(self.value.to_string());
        }
        let mut value = self.value.clone();
        for (pointer, secret) in &self.secrets {
            if let Some(member) = value.pointer_mut(pointer) {
                *member = Value::from(secret.expose_secret());
            }
        }
        let bytes = Zeroizing::new(value.to_string().into_bytes());
        for (pointer, _) in &self.secrets {
            if let Some(Value::String(secret)) = value.pointer_mut(pointer) {
                zeroize::Zeroize::zeroize(secret);
            }
        }
        Bytes::from_owner(bytes)
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Body {
            value,
            secrets: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_sent_and_never_shown() {
        let body =
            Body::from(json!({"osProfile": {"adminPassword": REDACTED, "adminUsername": "u"}}))
                .with_secret("/osProfile/adminPassword", "hunter2-Hunter2".into());
        assert!(!format!("{body:?}{}", body.redacted()).contains("hunter2"));
        let sent: Value = serde_json::from_slice(&body.to_bytes()).expect("JSON");
        assert_eq!(sent["osProfile"]["adminPassword"], "hunter2-Hunter2");
    }
}
