//! What a request asks for beyond the state: it is done once the state is kept.

use crate::state::Resource;

/// All that a request asks for.
#[derive(Default)]
pub(crate) struct Effects {
    /// Machines that go down; what runs there ends.
    pub(crate) ended: Vec<EndedMachine>,
    /// Scripts that machines are given.
    pub(crate) scripts: Vec<Script>,
    /// New machines that have something to do by themselves: their ids.
    pub(crate) begun: Vec<String>,
}

impl Effects {
    /// How many there are of each.
    pub(super) fn len(&self) -> (usize, usize, usize) {
        (self.ended.len(), self.scripts.len(), self.begun.len())
    }

    /// Forgets what came after.
    pub(super) fn truncate(&mut self, (ended, scripts, begun): (usize, usize, usize)) {
        self.ended.truncate(ended);
        self.begun.truncate(begun);
        self.scripts.truncate(scripts);
    }
}

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
    pub(crate) asked_by: AskedBy,
}

/// Who gives a machine a script, and is told how it ended.
#[derive(Clone, Debug)]
pub(crate) enum AskedBy {
    /// `runCommand`.
    RunCommand,
    /// An extension of the machine: its id.
    Extension(String),
}

/// How a script ended.
#[derive(Clone, Debug)]
pub(crate) struct ScriptEnd {
    /// The exit status, if it ran and was not ended by a signal.
    pub(crate) status: Option<i32>,
    /// The end of what it printed.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}
