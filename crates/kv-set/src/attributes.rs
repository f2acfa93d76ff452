//! What a secret has beside its value, to be changed by itself.

use crate::{cli::Properties, error::Error, secret::check};
use azure_core::http::RequestContent;
use azure_security_keyvault_secrets::models::{SecretAttributes, UpdateSecretPropertiesParameters};
use serde_json::Value;

/// What is to change: <https://learn.microsoft.com/rest/api/keyvault/secrets/update-secret/update-secret>. What is not said
/// stays as it is; tags are replaced as a whole.
pub(crate) struct Attributes(UpdateSecretPropertiesParameters);

impl Attributes {
    /// What the arguments say.
    ///
    /// # Errors
    /// They say nothing, or what a vault does not take.
    pub(crate) fn new(properties: &Properties) -> Result<Self, Error> {
        if properties.is_empty() {
            return Err(Error::NoAttributes);
        }
        let tags = properties.tags();
        check(
            properties.content_type.as_deref(),
            tags.as_ref(),
            properties.not_before,
            properties.expires,
        )?;
        Ok(Attributes(UpdateSecretPropertiesParameters {
            content_type: properties.content_type.clone(),
            secret_attributes: Some(SecretAttributes {
                enabled: properties.enabled(),
                expires: properties.expires,
                not_before: properties.not_before,
                ..Default::default()
            }),
            tags: tags.map(|tags| tags.into_iter().collect()),
        }))
    }

    /// The body as it is shown.
    pub(crate) fn shown(&self) -> Value {
        serde_json::to_value(&self.0).unwrap_or_default()
    }

    /// The body as it is sent.
    pub(crate) fn body(
        &self,
    ) -> azure_core::Result<RequestContent<UpdateSecretPropertiesParameters>> {
        self.0.clone().try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_said_is_sent() {
        let properties = Properties {
            disabled: Some(true),
            expires: crate::cli::parse_date("2030-12-31").ok(),
            ..Properties::default()
        };
        let attributes = Attributes::new(&properties).expect("attributes");
        assert_eq!(
            attributes.shown(),
            json!({"attributes": {"enabled": false, "exp": 1_924_905_600}})
        );
        let properties = Properties {
            tags: [].into_iter().collect(),
            ..Properties::default()
        };
        let attributes = Attributes::new(&properties).expect("attributes");
        assert_eq!(attributes.shown(), json!({"attributes": {}, "tags": {}}));
        assert!(matches!(
            Attributes::new(&Properties::default()),
            Err(Error::NoAttributes)
        ));
    }
}
