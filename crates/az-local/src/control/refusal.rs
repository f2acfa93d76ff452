//! Answers that say why something was not done.

use super::reports::ReportError;
use super::{Answer, Refusal};

pub(super) fn refusal(error: ReportError) -> Answer {
    refused(error.reason(), &error.to_string())
}

pub(super) fn refused(reason: Refusal, message: &str) -> Answer {
    Answer::Refused {
        reason,
        message: message.to_owned(),
    }
}
