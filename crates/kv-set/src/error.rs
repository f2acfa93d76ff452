//! Every way a secret can be wrong before anything is sent, and a write that nobody can tell the end of.

use az_core::{
    cli::{Failure, Status},
    dotenv::InvalidLine,
    name::InvalidName,
};
use std::fmt;

/// The longest value, in bytes: <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>
pub(crate) const LONGEST_VALUE: usize = 25 * 1024;
/// The longest content type, in characters; same source.
pub(crate) const LONGEST_CONTENT_TYPE: usize = 255;
/// The most tags; same source.
pub(crate) const MOST_TAGS: usize = 15;

/// Where in a file something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A line, from 1.
    Line(usize),
    /// A member of a JSON object.
    Member(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Member(name) => write!(f, "member '{name}'"),
        }
    }
}

/// Why a secret is not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the value has more than the {LONGEST_VALUE} bytes that a vault takes")]
    TooLong,
    #[error("the value is not UTF-8 text; a vault keeps text only")]
    NotText,
    #[error("the value is not text in {0}")]
    NotIn(&'static str),
    #[error("the value is empty")]
    Empty,
    #[error("--encoding {0} is for what a file or standard input holds")]
    NoFile(&'static str),
    #[error("--value begins with '@', by which 'az' names a file")]
    AtFile,
    #[error("{0} ends in a carriage return, as a file of Windows leaves one")]
    CarriageReturn(String),
    #[error("--attributes-only: nothing is given that is to change")]
    NoAttributes,
    #[error("the content type has {0} characters; a vault takes {LONGEST_CONTENT_TYPE} at most")]
    LongContentType(usize),
    #[error("there are {0} tags; a vault takes {MOST_TAGS} at most")]
    ManyTags(usize),
    #[error("the date from which the secret is valid must be before the one on which it expires")]
    NeverValid,
    #[error("{flag} '{path}': {reason}")]
    File {
        flag: &'static str,
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
    #[error("--from: {0}")]
    Line(#[from] InvalidLine),
    #[error("--from: {place}: {reason}")]
    Key { place: Place, reason: InvalidName },
    #[error("--from: line {line}, column {column}: it is not JSON")]
    NotJson { line: usize, column: usize },
    #[error("--from: {0}: it is no string")]
    NoString(Place),
    #[error("--from: '{}' ({}) and '{}' ({}) are both secret '{name}'", keys[0], places[0], keys[1], places[1])]
    SameName {
        name: String,
        keys: [String; 2],
        places: [Place; 2],
    },
    #[error("--from: the file is not UTF-8 text")]
    FileNotText,
    #[error("--from: the file is longer than any list of secrets")]
    LongFile,
    #[error("--from: there are no variables")]
    NoVariables,
    #[error("--restore: the backup is empty")]
    NoBackup,
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
            Error::NotText => Some("--encoding base64 keeps any bytes as text."),
            Error::Empty => Some(
                "Did the command in front of the pipe fail? To change a secret's attributes alone, give --attributes-only.",
            ),
            Error::AtFile => Some(
                "--value-file FILE reads a file; a value that begins so comes from standard input, or from --value-env.",
            ),
            Error::CarriageReturn(_) => Some(
                "Take it out, as with 'tr -d '\\r''; a value that is to end so comes from --value-file.",
            ),
            Error::NoAttributes => Some(
                "Give --expires, --not-before, --content-type, --tags, --enabled or --disabled.",
            ),
            Error::NotAnObject => Some(r#"Write each as {"name": "…", "value": "…"} on a line."#),
            Error::Member("value") => Some(
                "It must be a string; 'kv-get' prints values, 'kv-set' only with --show-value.",
            ),
            Error::Key { .. } => {
                Some("A vault's names hold letters, digits and hyphens; '_' is written as '-'.")
            }
            Error::SameName { .. } => Some(
                "Leave one of them out: '_' is written as '-', and a vault does not tell a from A.",
            ),
            Error::NoString(_) => Some("Put it in quotes."),
            Error::NoVariables | Error::NoBackup => {
                Some("Did the command in front of the pipe fail?")
            }
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
