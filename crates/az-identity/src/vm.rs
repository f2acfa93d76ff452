//! The identities of a virtual machine.

use crate::cli::{Change, Machine};
use az_core::{
    arm::{ResourceId, versions},
    cli::{Doing, Failure, Session, lines},
    name::IdentityName,
};
use serde_json::{Map, Value, json};

/// How `az` writes the system-assigned identity in `--identities`.
const SYSTEM: &str = "[system]";
const USER_TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

/// The identities that a command names.
#[derive(Debug, Default, PartialEq)]
struct Wanted {
    system: bool,
    user: Vec<ResourceId>,
}

/// One word of `--identities`, checked.
#[derive(Debug)]
enum Word {
    System,
    Name(IdentityName),
    Id(ResourceId),
}

impl Word {
    fn parse(word: &str) -> Result<Self, Failure> {
        if word == SYSTEM {
            return Ok(Word::System);
        }
        if !word.starts_with('/') {
            return Ok(Word::Name(word.parse()?));
        }
        let id: ResourceId = word.parse()?;
        if !id.is_type(USER_TYPE) {
            return Err(Failure::usage(format!(
                "'{word}' is not the id of a user-assigned identity"
            )));
        }
        Ok(Word::Id(id))
    }
}

impl Wanted {
    /// Names are in the machine's group; no word at all means the system-assigned identity.
    fn new(words: Vec<Word>, group: &ResourceId) -> Self {
        let mut wanted = Wanted {
            system: words.is_empty(),
            user: Vec::new(),
        };
        for word in words {
            let id = match word {
                Word::System => {
                    wanted.system = true;
                    continue;
                }
                Word::Name(name) => group.resource(
                    "Microsoft.ManagedIdentity",
                    "userAssignedIdentities",
                    name.as_str(),
                ),
                Word::Id(id) => id,
            };
            if !wanted.user.contains(&id) {
                wanted.user.push(id);
            }
        }
        wanted
    }
}

/// The words of `--identities`, with `-` replaced by what is on standard input.
fn words(args: &Change) -> Result<Vec<Word>, Failure> {
    let mut words = Vec::new();
    for word in &args.identities {
        if word != "-" {
            words.push(Word::parse(word)?);
            continue;
        }
        for item in lines::read_stdin("identities")? {
            let text = item.text("id").ok_or_else(|| {
                Failure::usage(format!(
                    "line {}: a name, an id, or an object with 'id' was expected",
                    item.line
                ))
            })?;
            words.push(Word::parse(text)?);
        }
    }
    Ok(words)
}

async fn id_of(session: &Session, machine: &Machine) -> Result<ResourceId, Failure> {
    match &machine.resource_group {
        Some(group) => {
            let group = session.group_id(group.as_str()).await?;
            Ok(group.resource(
                "Microsoft.Compute",
                "virtualMachines",
                machine.name.as_str(),
            ))
        }
        None => {
            session
                .find_by_name(
                    "Microsoft.Compute/virtualMachines",
                    "virtual machine",
                    machine.name.as_str(),
                )
                .await
        }
    }
}

/// What a machine has now.
struct Current {
    system: bool,
    user: Vec<ResourceId>,
    identity: Value,
}

impl Current {
    fn of(machine: &Value) -> Self {
        let identity = machine["identity"].clone();
        let kind = identity["type"].as_str().unwrap_or_default();
        let user = identity["userAssignedIdentities"].as_object();
        Current {
            system: kind.contains("SystemAssigned"),
            user: user
                .into_iter()
                .flat_map(Map::keys)
                .filter_map(|id| id.parse().ok())
                .collect(),
            identity,
        }
    }
}

/// `type` of a machine's identity, as the API spells it.
fn kind(system: bool, user: bool) -> &'static str {
    match (system, user) {
        (true, true) => "SystemAssigned, UserAssigned",
        (true, false) => "SystemAssigned",
        (false, true) => "UserAssigned",
        (false, false) => "None",
    }
}

async fn patch(session: &Session, id: &ResourceId, identity: Value) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let doing = format!("changing the identities of virtual machine '{}'", id.name());
    let answer = arm
        .patch(id, versions::COMPUTE, json!({"identity": identity}))
        .await
        .doing(&doing)?;
    let _shown = session.progress(format!("Changing the identities of {}", id.name()));
    arm.wait(answer).await.doing(&doing)
}

/// Gives a machine identities; those that it has already stay.
pub(crate) async fn assign(session: &Session, args: &Change) -> Result<Value, Failure> {
    let words = words(args)?;
    let id = id_of(session, &args.machine).await?;
    let wanted = Wanted::new(words, &group_of(&id)?);
    let machine = session.arm()?.get(&id, versions::COMPUTE).await?;
    let current = Current::of(&machine);
    let missing: Vec<&ResourceId> = wanted
        .user
        .iter()
        .filter(|id| !current.user.contains(id))
        .collect();
    if missing.is_empty() && (current.system || !wanted.system) {
        return Ok(summary(&current.identity));
    }
    let system = current.system || wanted.system;
    let user = !(current.user.is_empty() && missing.is_empty());
    let mut identity = json!({"type": kind(system, user)});
    if !missing.is_empty() {
        // A PATCH merges: those that the machine has already need not be named.
        identity["userAssignedIdentities"] = missing
            .iter()
            .map(|id| (id.to_string(), json!({})))
            .collect();
    }
    let machine = patch(session, &id, identity).await?;
    Ok(summary(&machine["identity"]))
}

/// Takes identities from a machine; one that it has not got is no error. Prints what is left, as `az` does.
pub(crate) async fn remove(session: &Session, args: &Change) -> Result<Value, Failure> {
    let words = words(args)?;
    let id = id_of(session, &args.machine).await?;
    let unwanted = Wanted::new(words, &group_of(&id)?);
    let machine = session.arm()?.get(&id, versions::COMPUTE).await?;
    let current = Current::of(&machine);
    let there: Vec<&ResourceId> = current
        .user
        .iter()
        .filter(|id| unwanted.user.contains(id))
        .collect();
    if there.is_empty() && !(current.system && unwanted.system) {
        return Ok(current.identity);
    }
    let system = current.system && !unwanted.system;
    let user = current.user.len() > there.len();
    let mut identity = json!({"type": kind(system, user)});
    if user && !there.is_empty() {
        // null takes one away; the others stay
        identity["userAssignedIdentities"] = there
            .iter()
            .map(|id| (id.to_string(), Value::Null))
            .collect();
    }
    let machine = patch(session, &id, identity).await?;
    Ok(machine["identity"].clone())
}

/// Reads a machine's identities.
pub(crate) async fn show(session: &Session, args: &Machine) -> Result<Value, Failure> {
    let id = id_of(session, args).await?;
    let machine = session.arm()?.get(&id, versions::COMPUTE).await?;
    Ok(machine["identity"].clone())
}

fn group_of(machine: &ResourceId) -> Result<ResourceId, Failure> {
    machine
        .parent()
        .ok_or_else(|| Failure::usage(format!("'{machine}' is in no resource group")))
}

/// What `az vm identity assign` prints.
fn summary(identity: &Value) -> Value {
    json!({
        "systemAssignedIdentity": identity["principalId"].as_str().unwrap_or_default(),
        "userAssignedIdentities": identity.get("userAssignedIdentities").filter(|user| user.is_object()).unwrap_or(&json!({})),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_means_the_system_assigned_identity() {
        let group = ResourceId::group("s", "g");
        assert_eq!(
            Wanted::new(vec![], &group),
            Wanted {
                system: true,
                user: vec![]
            }
        );
    }

    #[test]
    fn a_name_is_in_the_machines_group_and_counts_once() {
        let group = ResourceId::group("s", "g");
        let id = group
            .resource("Microsoft.ManagedIdentity", "userAssignedIdentities", "one")
            .to_string();
        let words =
            ["one", &id.to_uppercase(), SYSTEM].map(|word| Word::parse(word).expect("a word"));
        assert_eq!(
            Wanted::new(words.into(), &group),
            Wanted {
                system: true,
                user: vec![id.parse().expect("an id")]
            }
        );
        assert!(Word::parse(group.as_str()).is_err());
    }
}
