//! What Azure has and the local Azure has not.
//!
//! It is said in a form of its own, 501 and a code that Azure does not have: clients take Azure's own 404 for "there is
//! none", and would go on.

use super::error::{Error, NOT_EMULATED};
use crate::rbac::definitions;

/// A type of a provider.
pub(super) fn resource_type(namespace: &str, types: &str) -> Error {
    refused(&format!("the resource type '{namespace}/{types}'"))
}

/// What a call does with a resource of a type that is here.
pub(super) fn action(kind: &str, action: &str) -> Error {
    refused(&format!("the action '{action}' of '{kind}'"))
}

/// What stands at a path without a provider.
pub(super) fn path(path: &str) -> Error {
    refused(&format!("'{path}'"))
}

/// A provider that is not here; one that no role of Azure's names is none of Azure's either.
pub(super) fn namespace(namespace: &str) -> Error {
    if definitions::name_provider(namespace) {
        return refused(&format!("the resource provider '{namespace}'"));
    }
    Error::new(
        404,
        "InvalidResourceNamespace",
        format!("The resource namespace '{namespace}' is invalid."),
    )
}

fn refused(what: &str) -> Error {
    Error::new(
        501,
        NOT_EMULATED,
        format!("az-local does not emulate {what}. This is no answer of Azure's."),
    )
}
