//! How far a resource or an operation is.

use serde_json::Value;

/// Whether a resource, as it was read, is being deleted.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations#provisioningstate-values>
pub fn is_leaving(resource: &Value) -> bool {
    resource
        .pointer("/properties/provisioningState")
        .and_then(Value::as_str)
        .is_some_and(|state| state.eq_ignore_ascii_case("Deleting"))
}

pub(super) enum State {
    Running,
    Succeeded,
    Failed(String),
}

/// Every value that is none of the three final ones means that the operation still runs. Without any the
/// operation was over at once.
pub(super) fn state(value: Option<&Value>) -> State {
    match value.and_then(Value::as_str) {
        None => State::Succeeded,
        Some(word) if word.eq_ignore_ascii_case("Succeeded") => State::Succeeded,
        Some(word)
            if word.eq_ignore_ascii_case("Failed") || word.eq_ignore_ascii_case("Canceled") =>
        {
            State::Failed(word.to_owned())
        }
        Some(_) => State::Running,
    }
}
