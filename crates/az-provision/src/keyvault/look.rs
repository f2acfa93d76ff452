//! What is there of a vault that is wanted, and what else holds its name.

use super::{deleted::Deleted, wanted::Wanted};
use crate::plan::node::{Node, State, retagged};
use az_core::{
    arm::{ArmError, Client, ResourceId, versions},
    cli::{Doing, Failure, Session, Status},
};
use serde_json::{Value, json};

/// A vault that is wanted, and what was found.
pub(crate) struct Looked<'a> {
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) found: Found,
}

pub(super) enum Found {
    There(Value),
    /// It is to be made, or recovered.
    New {
        deleted: Option<Deleted>,
        /// Somebody has the name.
        taken: bool,
    },
}

/// Reads what a vault's own creation needs to know; whether its name is taken, that says itself.
pub(crate) async fn briefly<'a>(
    arm: &Client,
    wanted: &'a Wanted<'a>,
) -> Result<Looked<'a>, Failure> {
    let there = arm
        .find_lasting(wanted.id(), versions::KEY_VAULT, &[])
        .await
        .doing(wanted.doing())?;
    look(arm, wanted, there, false).await
}

/// Reads all that would refuse the vault, for whoever makes other things with it. Nothing is there where `in_group` says
/// that its group is not.
pub(crate) async fn thoroughly<'a>(
    arm: &Client,
    wanted: &'a Wanted<'a>,
    in_group: bool,
) -> Result<Looked<'a>, Failure> {
    let there = async {
        match in_group {
            true => {
                arm.find_lasting(wanted.id(), versions::KEY_VAULT, &[])
                    .await
            }
            false => Ok(None),
        }
    };
    let (there, taken) = futures::try_join!(there, is_taken(arm, wanted)).doing(wanted.doing())?;
    look(arm, wanted, there, taken).await
}

async fn look<'a>(
    arm: &Client,
    wanted: &'a Wanted<'a>,
    there: Option<Value>,
    taken: bool,
) -> Result<Looked<'a>, Failure> {
    let found = match there {
        Some(there) => Found::There(there),
        None if taken || wanted.vault.recover || wanted.vault.purge_deleted => {
            let deleted = Deleted::find(arm, wanted).await.doing(wanted.doing())?;
            Found::New { deleted, taken }
        }
        None => Found::New {
            deleted: None,
            taken,
        },
    };
    Ok(Looked { wanted, found })
}

/// Whether anybody has the name, alive or deleted; who may not ask finds out when the vault is made.
/// <https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/check-name-availability>
async fn is_taken(arm: &Client, wanted: &Wanted<'_>) -> Result<bool, ArmError> {
    let subscription = ResourceId::subscription(wanted.group.subscription_id().unwrap_or_default());
    let path = format!("{subscription}/providers/Microsoft.KeyVault/checkNameAvailability");
    let question = json!({"name": wanted.name.as_str(), "type": "Microsoft.KeyVault/vaults"});
    match arm.ask(path, versions::KEY_VAULT, &question).await {
        Ok(answer) => Ok(answer["nameAvailable"] == false),
        Err(error) if error.status() == Some(403) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Looked<'_> {
    /// Refuses a vault that is there and is not as it is wanted, and a name that cannot be had.
    pub(crate) fn refuse(&self) -> Result<(), Failure> {
        match self.refusal() {
            Some(failure) => Err(failure.doing(self.wanted.doing())),
            None => Ok(()),
        }
    }

    /// Has it confirmed that what is deleted is removed for good, where that is asked for.
    pub(crate) fn confirm(&self, session: &Session) -> Result<(), Failure> {
        match self.purged() {
            None => Ok(()),
            Some(_) => session.confirm_by_name(
                &format!(
                    "The deleted vault '{}' and all its secrets will be gone for good.",
                    self.wanted.name
                ),
                self.wanted.name.as_str(),
            ),
        }
    }

    /// The deleted vault that is to be recovered. What was recovered is not purged.
    pub(super) fn recovered(&self) -> Option<&Deleted> {
        match &self.found {
            Found::New { deleted, .. } if self.wanted.vault.recover => deleted.as_ref(),
            _ => None,
        }
    }

    /// The deleted vault that is to be removed for good.
    pub(super) fn purged(&self) -> Option<&Deleted> {
        match &self.found {
            Found::New { deleted, .. } if self.wanted.vault.purge_deleted => deleted.as_ref(),
            _ => None,
        }
    }

    fn refusal(&self) -> Option<Failure> {
        let wanted = self.wanted;
        match &self.found {
            Found::There(there) => {
                let differences = wanted.differences(there);
                if differences.is_empty() {
                    return None;
                }
                let message = format!("it exists already, and its {}", differences.join(", its "));
                let failure = Failure::new(Status::Conflict, message);
                Some(failure.hint("Give the same settings, or another name."))
            }
            Found::New {
                deleted: Some(deleted),
                ..
            } => {
                if wanted.vault.recover {
                    deleted.check_place(wanted).err()
                } else if wanted.vault.purge_deleted {
                    deleted.protected(wanted)
                } else {
                    Some(deleted.holds(wanted))
                }
            }
            Found::New { taken: true, .. } => Some(taken(wanted)),
            Found::New { .. } => None,
        }
    }

    /// What would become of the vault.
    pub(crate) fn node(&self) -> Node {
        let wanted = self.wanted;
        let id = wanted.id();
        if let Found::There(there) = &self.found {
            let tags = retagged(there, wanted.tags.as_ref());
            return Node::there(id, wanted.differences(there), tags);
        }
        if let Some(failure) = self.refusal() {
            return Node::refused(id, &failure);
        }
        let mut node = Node::new(id, State::Create);
        let place =
            |deleted: &Deleted| format!("the deleted vault in location '{}'", deleted.location());
        if let Some(deleted) = self.recovered() {
            node.differences
                .push(format!("{} is recovered", place(deleted)));
        } else if let Some(deleted) = self.purged() {
            node.differences.push(format!(
                "{} is purged first, with all its secrets",
                place(deleted)
            ));
        }
        node
    }
}

/// A name that somebody has whose vault cannot be seen.
pub(super) fn taken(wanted: &Wanted<'_>) -> Failure {
    Failure::new(
        Status::Conflict,
        format!("the name '{}' is taken by another vault", wanted.name),
    )
    .hint("Vault names are unique in the whole cloud: choose another.")
}
