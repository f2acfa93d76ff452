//! Where expressions learn the state of resources.

use super::error::invalid;
use crate::arm::error::Error;
use serde_json::Value;

/// Gives the state of a resource.
pub(super) trait Resources {
    /// Name or id, API version if one is given, and whether the whole resource is wanted. Where it has to be deployed
    /// first, it is noted as wanted, and the answer is [`pending`].
    fn reference(&self, of: &str, version: Option<&str>, whole: bool) -> Result<Value, Error>;

    /// Whether a resource was noted as wanted.
    fn waits(&self) -> bool {
        false
    }
}

/// Where expressions are that must not ask for a resource's state: names, variables, parameters.
pub(super) struct NoResources;

impl Resources for NoResources {
    fn reference(&self, of: &str, _: Option<&str>, _: bool) -> Result<Value, Error> {
        Err(invalid(format!(
            "The template function 'reference' is not expected at this location: '{of}'. Please see \
             https://aka.ms/arm-functions for usage details."
        )))
    }
}

/// Ends an evaluation that is done again once what it wants is there: nothing waits on the stack. Nobody sees it.
pub(super) fn pending() -> Error {
    Error::new(500, "InternalServerError", "A value was not waited for.")
}
