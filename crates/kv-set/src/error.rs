//! Every way a secret can be wrong before anything is sent, and a write that nobody can tell the end of.

use az_core::cli::{Failure, Status};

/// The longest value, in bytes: <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>
pub(crate) const LONGEST_VALUE: usize = 25 * 1024;
/// The longest content type, in characters; same source.
pub(crate) const LONGEST_CONTENT_TYPE: usize = 255;
/// The most tags; same source.
pub(crate) const MOST_TAGS: usize = 15;

/// Why a secret is not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the value has more than the {LONGEST_VALUE} bytes that a vault takes")]
    TooLong,
    #[error("the value is not UTF-8 text; a vault keeps text only")]
    NotText,
    #[error("the value is empty")]
    Empty,
    #[error("the content type has {0} characters; a vault takes {LONGEST_CONTENT_TYPE} at most")]
    LongContentType(usize),
    #[error("there are {0} tags; a vault takes {MOST_TAGS} at most")]
    ManyTags(usize),
    #[error("the date from which the secret is valid must be before the one on which it expires")]
    NeverValid,
    #[error("--value-file '{path}': {reason}")]
    File {
        path: String,
        reason: std::io::Error,
    },
    #[error("standard input: {0}")]
    Stdin(std::io::Error),
    #[error("--value-env: the environment variable '{0}' is not set, or empty")]
    Variable(String),
    #[error("the line is not a JSON object with a name and a value")]
    NotAnObject,
    #[error("the member '{0}' is not what it should be")]
    Member(&'static str),
    #[error(
        "it is not known whether the secret was written: the vault's answer was lost ({lost}), and looking it up failed: {lookup}"
    )]
    Undecided { lost: String, lookup: String },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::TooLong => Some(
                "Keep larger things in a storage account, and its key or address in the vault.",
            ),
            Error::NotText => Some("Encode it first, as with base64."),
            Error::Empty => Some("Did the command in front of the pipe fail?"),
            Error::NotAnObject => Some(r#"Write each as {"name": "…", "value": "…"} on a line."#),
            Error::Member("value") => Some(
                "It must be a string; 'kv-get' prints values, 'kv-set' only with --show-value.",
            ),
            Error::Undecided { .. } => Some(
                "'kv-get NAME' shows the latest version; running the same command again makes one more version, which does no harm.",
            ),
            _ => None,
        };
        let status = if matches!(error, Error::Undecided { .. }) {
            Status::GaveUp
        } else {
            Status::Usage
        };
        let failure = Failure::new(status, error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
