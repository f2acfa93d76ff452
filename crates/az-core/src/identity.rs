//! The managed identities of a virtual machine: as a command names them, and as Resource Manager writes them.
//!
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview>

use crate::{
    arm::{InvalidResourceId, ResourceId},
    name::{IdentityName, InvalidName, Location},
};
use serde_json::{Map, Value, json};
use std::str::FromStr;

/// How `az` writes the system-assigned identity.
const SYSTEM: &str = "[system]";
const USER_PROVIDER: &str = "Microsoft.ManagedIdentity";
const USER_KIND: &str = "userAssignedIdentities";

/// One word that names an identity, checked.
#[derive(Clone, Debug)]
pub enum Word {
    /// `[system]`: the machine's own.
    System,
    /// A user-assigned one of the machine's group.
    Name(IdentityName),
    /// A user-assigned one of any group.
    Id(ResourceId),
}

/// A set of identities: what a command names, or what a machine has.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// The machine's own is one of them.
    pub system: bool,
    /// The user-assigned ones, each once.
    pub user: Vec<ResourceId>,
}

/// A word that names no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWord {
    /// It is a name that no identity can have.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// It begins like an id and is none.
    #[error(transparent)]
    Id(#[from] InvalidResourceId),
    /// It is the id of something else.
    #[error("'{0}' is not the id of a user-assigned identity")]
    OtherType(String),
}

impl FromStr for Word {
    type Err = InvalidWord;

    fn from_str(word: &str) -> Result<Self, InvalidWord> {
        if word == SYSTEM {
            return Ok(Word::System);
        }
        if !word.starts_with('/') {
            return Ok(Word::Name(word.parse()?));
        }
        let id: ResourceId = word.parse()?;
        if !id.is_type(&format!("{USER_PROVIDER}/{USER_KIND}")) {
            return Err(InvalidWord::OtherType(word.to_owned()));
        }
        Ok(Word::Id(id))
    }
}

impl Identities {
    /// The identities that words name. Names are in the machine's group; no word at all means the
    /// system-assigned identity.
    pub fn named(words: &[Word], group: &ResourceId) -> Self {
        let mut named = Identities {
            system: words.is_empty(),
            user: Vec::new(),
        };
        for word in words {
            let id = match word {
                Word::System => {
                    named.system = true;
                    continue;
                }
                Word::Name(name) => user_assigned_id(group, name),
                Word::Id(id) => id.clone(),
            };
            if !named.user.contains(&id) {
                named.user.push(id);
            }
        }
        named
    }

    /// The identities of a machine as Resource Manager answers it.
    pub fn of(machine: &Value) -> Self {
        let identity = &machine["identity"];
        let kind = identity["type"].as_str().unwrap_or_default();
        let user = identity[USER_KIND].as_object();
        Identities {
            system: kind.contains("SystemAssigned"),
            user: user
                .into_iter()
                .flat_map(Map::keys)
                .filter_map(|id| id.parse().ok())
                .collect(),
        }
    }

    /// `identity` of a new machine that is to have these.
    pub fn to_json(&self) -> Value {
        let mut identity = json!({"type": kind(self.system, !self.user.is_empty())});
        if !self.user.is_empty() {
            identity[USER_KIND] = self
                .user
                .iter()
                .map(|id| (id.to_string(), json!({})))
                .collect();
        }
        identity
    }

    /// The words that name these, for a message about a machine of `group`.
    pub fn words(&self, group: &ResourceId) -> String {
        let mut words: Vec<&str> = Vec::new();
        words.extend(self.system.then_some(SYSTEM));
        words.extend(self.user.iter().map(|id| {
            if id.parent().as_ref() == Some(group) {
                id.name()
            } else {
                id.as_str()
            }
        }));
        words.sort_unstable();
        if words.is_empty() {
            return "none".to_owned();
        }
        words.join(" ")
    }
}

/// The id of a user-assigned identity of a group.
pub fn user_assigned_id(group: &ResourceId, name: &IdentityName) -> ResourceId {
    group.resource(USER_PROVIDER, USER_KIND, name.as_str())
}

/// The body that a user-assigned identity is created with.
pub fn user_assigned_body(location: &Location, tags: Option<&Value>) -> Value {
    let mut body = json!({"location": location.canonical()});
    if let Some(tags) = tags {
        body["tags"] = tags.clone();
    }
    body
}

/// The order in which identities stand does not count.
impl PartialEq for Identities {
    fn eq(&self, other: &Self) -> bool {
        self.system == other.system
            && self.user.len() == other.user.len()
            && self.user.iter().all(|id| other.user.contains(id))
    }
}

/// `type` of a machine's `identity`, as the API spells it.
pub fn kind(system: bool, user: bool) -> &'static str {
    match (system, user) {
        (true, true) => "SystemAssigned, UserAssigned",
        (true, false) => "SystemAssigned",
        (false, true) => "UserAssigned",
        (false, false) => "None",
    }
}

/// What `az` prints of a machine's `identity` after it was assigned.
pub fn summary(identity: &Value) -> Value {
    json!({
        "systemAssignedIdentity": identity["principalId"].as_str().unwrap_or_default(),
        "userAssignedIdentities": identity.get(USER_KIND).filter(|user| user.is_object()).unwrap_or(&json!({})),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(given: &[&str]) -> Vec<Word> {
        let parse = |word: &&str| word.parse().expect("a word");
        given.iter().map(parse).collect()
    }

    #[test]
    fn no_word_means_the_system_assigned_identity() {
        let named = Identities::named(&[], &ResourceId::group("s", "g"));
        assert!(named.system && named.user.is_empty());
        assert_eq!(named.to_json(), json!({"type": "SystemAssigned"}));
    }

    #[test]
    fn a_name_is_in_the_machines_group_and_counts_once() {
        let group = ResourceId::group("s", "g");
        let id = group.resource(USER_PROVIDER, USER_KIND, "one").to_string();
        let named = Identities::named(&words(&["one", &id.to_uppercase(), SYSTEM]), &group);
        assert!(named.system);
        assert_eq!(named.user, [id.parse().expect("an id")]);
        assert_eq!(
            named.to_json(),
            json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {id: {}}})
        );
        assert!(group.as_str().parse::<Word>().is_err());
        assert!("a b".parse::<Word>().is_err());
    }

    #[test]
    fn what_a_machine_has_is_compared_without_order_and_case() {
        let group = ResourceId::group("s", "g");
        let id = |name: &str| group.resource(USER_PROVIDER, USER_KIND, name).to_string();
        let machine = json!({"identity": {"type": "UserAssigned",
            "userAssignedIdentities": {id("two").to_uppercase(): {}, id("one"): {}}}});
        let has = Identities::of(&machine);
        assert!(has == Identities::named(&words(&["one", "two"]), &group));
        for other in [
            &["one"][..],
            &["one", "three"],
            &["one", "two", SYSTEM],
            &[],
        ] {
            assert!(has != Identities::named(&words(other), &group), "{other:?}");
        }
        assert!(Identities::of(&json!({})) == Identities::default());
    }

    #[test]
    fn messages_name_identities_as_a_user_does() {
        let group = ResourceId::group("s", "g");
        let far = ResourceId::group("s", "far").resource(USER_PROVIDER, USER_KIND, "one");
        let named = Identities::named(&words(&["one", far.as_str(), SYSTEM]), &group);
        assert_eq!(named.words(&group), format!("{far} [system] one"));
        assert_eq!(Identities::default().words(&group), "none");
    }
}
