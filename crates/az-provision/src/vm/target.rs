//! Where a machine is to be.

use az_core::{arm::ResourceId, name::Location};
use serde_json::Value;

/// Where the machine is to be, and what it is given there.
pub(crate) struct Target<'a> {
    pub(crate) group: &'a ResourceId,
    pub(crate) location: &'a Location,
    pub(crate) tags: Option<Value>,
    pub(crate) no_wait: bool,
}
