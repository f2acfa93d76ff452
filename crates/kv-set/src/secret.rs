//! A secret that is to be written.

use crate::{
    cli::{Properties, parse_date},
    error::{Error, LONGEST_CONTENT_TYPE, LONGEST_VALUE, MOST_TAGS},
};
use az_core::{arm::REDACTED, cli::Failure, concealed::conceal, name::SecretName};
use azure_core::{
    Bytes,
    http::{Body, RequestContent},
    time::OffsetDateTime,
};
use azure_security_keyvault_secrets::models::{Secret, SetSecretParameters};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// A secret with everything that a vault keeps of it.
#[derive(Clone, Debug)]
pub(crate) struct NewSecret {
    pub(crate) name: SecretName,
    value: SecretString,
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    enabled: bool,
    expires: Option<OffsetDateTime>,
    not_before: Option<OffsetDateTime>,
}

/// The body of the request: <https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret/set-secret>
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a BTreeMap<String, String>>,
    attributes: WireAttributes,
}

#[derive(Serialize)]
struct WireAttributes {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

impl NewSecret {
    /// A secret whose every part keeps the vault's rules.
    pub(crate) fn new(
        name: SecretName,
        value: SecretString,
        properties: &Properties,
    ) -> Result<Self, Error> {
        let secret = NewSecret {
            name,
            value,
            content_type: properties.content_type.clone(),
            tags: properties.tags(),
            enabled: properties.enabled().unwrap_or(true),
            expires: properties.expires,
            not_before: properties.not_before,
        };
        secret.conceal();
        secret.checked()
    }

    /// From now on its value is not shown, as one of the last that were concealed.
    pub(crate) fn conceal(&self) {
        conceal(self.value.expose_secret());
    }

    /// A secret from a JSON object; what the object does not say comes from the arguments.
    pub(crate) fn from_json(object: &Value, properties: &Properties) -> Result<Self, Failure> {
        let Value::Object(members) = object else {
            return Err(Error::NotAnObject.into());
        };
        let text = |member: &'static str| match members.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Error::Member(member)),
        };
        let name = text("name")?.ok_or(Error::NotAnObject)?.parse()?;
        let value = text("value")?.ok_or(Error::Member("value"))?;
        let mut secret = NewSecret::new(name, SecretString::from(value), properties)?;
        if let Some(content_type) = text("contentType")? {
            secret.content_type = Some(content_type.to_owned());
        }
        match members.get("tags") {
            None | Some(Value::Null) => {}
            Some(tags) => {
                secret.tags =
                    serde_json::from_value(tags.clone()).map_err(|_| Error::Member("tags"))?;
            }
        }
        if let Some(attributes) = members
            .get("attributes")
            .filter(|attributes| !attributes.is_null())
        {
            match &attributes["enabled"] {
                Value::Null => {}
                Value::Bool(enabled) => secret.enabled = *enabled,
                _ => return Err(Error::Member("attributes.enabled").into()),
            }
            secret.expires = date(&attributes["expires"], "attributes.expires")?.or(secret.expires);
            secret.not_before =
                date(&attributes["notBefore"], "attributes.notBefore")?.or(secret.not_before);
        }
        Ok(secret.checked()?)
    }

    fn checked(self) -> Result<Self, Error> {
        if self.value.expose_secret().len() > LONGEST_VALUE {
            return Err(Error::TooLong);
        }
        check(
            self.content_type.as_deref(),
            self.tags.as_ref(),
            self.not_before,
            self.expires,
        )?;
        Ok(self)
    }

    /// The same secret with one tag more.
    pub(crate) fn tagged(mut self, key: &str, value: &str) -> Result<Self, Error> {
        let tags = self.tags.get_or_insert_default();
        tags.insert(key.to_owned(), value.to_owned());
        self.checked()
    }

    fn wire<'a>(&'a self, value: &'a str) -> Wire<'a> {
        Wire {
            value,
            content_type: self.content_type.as_deref(),
            tags: self.tags.as_ref(),
            attributes: WireAttributes {
                enabled: self.enabled,
                exp: self.expires.map(OffsetDateTime::unix_timestamp),
                nbf: self.not_before.map(OffsetDateTime::unix_timestamp),
            },
        }
    }

    /// The body as it is shown, with the value replaced.
    pub(crate) fn redacted(&self) -> Value {
        serde_json::to_value(self.wire(REDACTED)).unwrap_or_default()
    }

    /// The body as it is sent; its memory is zeroed once it is.
    pub(crate) fn body(&self) -> azure_core::Result<RequestContent<SetSecretParameters>> {
        // Room for everything, so that growing leaves no copy behind: an escaped byte takes six at most.
        let room = self.value.expose_secret().len() * 6 + self.redacted().to_string().len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *bytes, &self.wire(self.value.expose_secret()))?;
        Ok(Body::from(Bytes::from_owner(bytes)).into())
    }

    /// Whether writing this would change nothing of what it says: not the value, and nothing else that is given.
    pub(crate) fn is_said_by(&self, there: &Secret) -> bool {
        let mut full = self.clone();
        let attributes = there.attributes.clone().unwrap_or_default();
        full.content_type = full.content_type.or_else(|| there.content_type.clone());
        full.tags = full
            .tags
            .or_else(|| there.tags.clone().map(|tags| tags.into_iter().collect()));
        full.expires = full.expires.or(attributes.expires);
        full.not_before = full.not_before.or(attributes.not_before);
        full.is(there)
    }

    /// Whether a secret of the vault is this one.
    pub(crate) fn is(&self, there: &Secret) -> bool {
        let attributes = there.attributes.clone().unwrap_or_default();
        let no_tags = BTreeMap::new();
        let tags = self.tags.as_ref().unwrap_or(&no_tags);
        let same_tags = match &there.tags {
            Some(there) => {
                there.len() == tags.len()
                    && tags
                        .iter()
                        .all(|(key, value)| there.get(key) == Some(value))
            }
            None => tags.is_empty(),
        };
        there.value.as_deref() == Some(self.value.expose_secret())
            && there.content_type.as_deref().unwrap_or_default()
                == self.content_type.as_deref().unwrap_or_default()
            && same_tags
            && attributes.enabled.unwrap_or(true) == self.enabled
            && attributes.expires.map(OffsetDateTime::unix_timestamp)
                == self.expires.map(OffsetDateTime::unix_timestamp)
            && attributes.not_before.map(OffsetDateTime::unix_timestamp)
                == self.not_before.map(OffsetDateTime::unix_timestamp)
    }
}

/// Whether a vault takes these.
pub(crate) fn check(
    content_type: Option<&str>,
    tags: Option<&BTreeMap<String, String>>,
    not_before: Option<OffsetDateTime>,
    expires: Option<OffsetDateTime>,
) -> Result<(), Error> {
    if let Some(length) = content_type.map(|text| text.chars().count())
        && length > LONGEST_CONTENT_TYPE
    {
        return Err(Error::LongContentType(length));
    }
    if let (Some(from), Some(to)) = (not_before, expires)
        && from >= to
    {
        return Err(Error::NeverValid);
    }
    if let Some(count) = tags.map(BTreeMap::len)
        && count > MOST_TAGS
    {
        return Err(Error::ManyTags(count));
    }
    Ok(())
}

fn date(value: &Value, member: &'static str) -> Result<Option<OffsetDateTime>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => parse_date(text)
            .map(Some)
            .map_err(|_| Error::Member(member)),
        _ => Err(Error::Member(member)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn sent(secret: &NewSecret) -> Value {
        match secret.body().expect("a body").body() {
            Body::Bytes(bytes) => serde_json::from_slice(bytes).expect("JSON"),
            Body::SeekableStream(_) => panic!("a stream"),
        }
    }

    #[test]
    fn what_kv_get_prints_can_be_written_again() {
        let printed = json!({"name": "n", "value": "v", "contentType": "text/plain", "tags": {"a": "b"}, "id": "x",
            "attributes": {"enabled": false, "expires": "2030-12-31T00:00:00+00:00", "notBefore": null, "created": "x"}});
        let secret = NewSecret::from_json(&printed, &Properties::default()).expect("a secret");
        assert_eq!(
            sent(&secret),
            json!({"value": "v", "contentType": "text/plain", "tags": {"a": "b"},
                "attributes": {"enabled": false, "exp": 1_924_905_600}})
        );
    }

    #[test]
    fn the_value_is_sent_and_never_shown() {
        let value = SecretString::from("hunter2");
        let secret = NewSecret::new("n".parse().expect("valid"), value, &Properties::default())
            .expect("good");
        assert_eq!(
            sent(&secret),
            json!({"value": "hunter2", "attributes": {"enabled": true}})
        );
        assert!(!format!("{secret:?}{}", secret.redacted()).contains("hunter2"));
    }

    #[test]
    fn lines_that_are_no_secrets_are_refused() {
        for line in [
            json!("n"),
            json!({}),
            json!({"value": "v"}),
            json!({"name": "n"}),
            json!({"name": "n", "value": 1}),
            json!({"name": "a b", "value": "v"}),
            json!({"name": "n", "value": "v", "tags": {"a": 1}}),
            json!({"name": "n", "value": "v", "attributes": {"expires": "soon"}}),
            json!({"name": "n", "value": "v", "attributes": {"expires": "2027-01-01", "notBefore": "2028-01-01"}}),
        ] {
            assert!(
                NewSecret::from_json(&line, &Properties::default()).is_err(),
                "{line}"
            );
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let new = |length: usize, properties: &Properties| {
            NewSecret::new(
                "n".parse().expect("valid"),
                "x".repeat(length).into(),
                properties,
            )
        };
        let mut properties = Properties::default();
        assert!(new(LONGEST_VALUE, &properties).is_ok());
        assert!(matches!(
            new(LONGEST_VALUE + 1, &properties),
            Err(Error::TooLong)
        ));
        properties.tags = (0..16)
            .map(|number: u8| (number.to_string(), String::new()))
            .collect();
        assert!(matches!(new(1, &properties), Err(Error::ManyTags(16))));
        let properties = Properties {
            content_type: Some("x".repeat(256)),
            ..Properties::default()
        };
        assert!(matches!(
            new(1, &properties),
            Err(Error::LongContentType(256))
        ));
    }

    proptest! {
        #[test]
        fn any_text_arrives_as_it_is(value in "\\PC{0,64}|[\\x00-\\x1f]{0,16}") {
            let secret = NewSecret::new("n".parse().expect("valid"), value.clone().into(), &Properties::default()).expect("good");
            let sent = sent(&secret);
            prop_assert_eq!(sent["value"].as_str(), Some(value.as_str()));
        }
    }
}
