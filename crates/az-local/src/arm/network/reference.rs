//! References from one resource to another.

use crate::arm::error::Error;
use serde_json::Value;

/// The `id` member of an object at a pointer.
pub(super) fn id_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value
        .pointer(pointer)
        .and_then(|linked| linked.get("id"))
        .and_then(Value::as_str)
}

pub(super) fn invalid_reference(id: &str, from: &str) -> Error {
    Error::bad_request(
        "InvalidResourceReference",
        format!(
            "Resource {id} referenced by resource {from} was not found. Please make sure that the referenced resource \
             exists, and that both resources are in the same region."
        ),
    )
}

/// Two parts of one name in a request.
pub(super) fn duplicate_name(resource: &str, name: &str) -> Error {
    Error::bad_request(
        "DuplicateResourceName",
        format!("Resource {resource} has two child resources with the same name ({name})."),
    )
}
