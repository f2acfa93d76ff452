//! The form that the token endpoints are sent.

use super::error::EntraError;
use crate::ground::wire::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A form's fields.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn read(request: &Request) -> Self {
        let mut fields: Vec<(String, String)> = url::form_urlencoded::parse(&request.body)
            .into_owned()
            .collect();
        // RFC 6749, 2.3.1: a client may also send its id and secret as basic credentials.
        if let Some((id, secret)) = basic_credentials(request) {
            fields.push(("client_id".to_owned(), id));
            fields.push(("client_secret".to_owned(), secret));
        }
        Form(fields)
    }

    /// A field's value, unless it is missing or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A field's value.
    pub(crate) fn require(&self, name: &'static str) -> Result<&str, EntraError> {
        self.get(name).ok_or(EntraError::MissingParameter(name))
    }
}

fn basic_credentials(request: &Request) -> Option<(String, String)> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    Some((plain(id), plain(secret)))
}
