//! What a request asks for beyond the state: it is done once the state is kept.

use crate::state::Resource;

/// A machine that went down.
#[derive(Clone, Debug)]
pub(crate) struct EndedMachine {
    pub(crate) vm_id: String,
    /// Whether it does not come back.
    pub(crate) gone: bool,
}

/// A script, and the operation that ends with it.
pub(crate) struct Script {
    pub(crate) machine: Resource,
    pub(crate) operation: String,
    pub(crate) lines: Vec<String>,
    /// Names and values.
    pub(crate) parameters: Vec<(String, String)>,
}
