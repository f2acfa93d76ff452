//! Errors on standard error.

use super::{args::ErrorFormat, failure::Failure};

/// Says what went wrong, in the format that the user chose.
pub(super) fn report(tool: &str, failure: &Failure, format: ErrorFormat) {
    match format {
        ErrorFormat::Text => eprintln!("{tool}: {failure}"),
        ErrorFormat::Json => eprintln!("{}", failure.to_json(tool)),
    }
}
