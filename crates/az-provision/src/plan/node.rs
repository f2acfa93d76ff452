//! One resource of a plan.

use az_core::{
    arm::ResourceId,
    cli::{Failure, Status},
};
use serde_json::{Value, json};

/// What the command would do about a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is there as it is wanted, and is kept.
    Exists,
    /// It is made.
    Create,
    /// It is there, and is changed.
    Change,
    /// The command would end here; with its exit status.
    Conflict(Status),
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Exists => "exists",
            State::Create => "create",
            State::Change => "change",
            State::Conflict(_) => "conflict",
        }
    }
}

/// One resource.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: ResourceId,
    pub(crate) state: State,
    /// How it is not as it is wanted, or what else happens to it.
    pub(crate) differences: Vec<String>,
}

impl Node {
    pub(crate) fn new(id: ResourceId, state: State) -> Self {
        Node {
            id,
            state,
            differences: vec![],
        }
    }

    /// A resource that is there: in the way if it differs, else changed if its tags do, else kept.
    pub(crate) fn there(id: ResourceId, differences: Vec<String>, tags: Option<String>) -> Self {
        let state = match (differences.is_empty(), &tags) {
            (false, _) => State::Conflict(Status::Conflict),
            (true, Some(_)) => State::Change,
            (true, None) => State::Exists,
        };
        let mut node = Node::new(id, state);
        node.differences = differences;
        node.differences.extend(tags);
        node
    }

    /// A resource at which the command would end.
    pub(crate) fn refused(id: ResourceId, failure: &Failure) -> Self {
        let mut node = Node::new(id, State::Conflict(failure.status));
        node.differences.push(failure.to_string());
        node
    }

    /// Its type, as `Microsoft.KeyVault/vaults`.
    pub(crate) fn kind(&self) -> String {
        self.id
            .resource_type()
            .unwrap_or_else(|| "Microsoft.Resources/resourceGroups".to_owned())
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "type": self.kind(),
            "name": self.id.name(),
            "id": self.id.as_str(),
            "parent": self.id.parent().map(|id| id.as_str().to_owned()).filter(|_| self.id.resource_type().is_some()),
            "state": self.state.as_str(),
            "differences": self.differences,
        })
    }
}

/// How the tags of what is there are not those that are asked for, if they are not.
pub(crate) fn retagged(there: &Value, wanted: Option<&Value>) -> Option<String> {
    let none = json!({});
    let is = there.get("tags").filter(|tags| tags.is_object());
    let is = is.unwrap_or(&none);
    let wanted = wanted.filter(|wanted| *wanted != is)?;
    Some(format!("tags are {is}, not {wanted}"))
}
