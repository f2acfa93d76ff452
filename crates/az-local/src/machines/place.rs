//! Where a machine's programs run: on this computer, told by their environment where they are, or apart from it.

use crate::instance::Instance;
use crate::machines::apart::{self, BootError};
use crate::machines::programs::Surroundings;
use crate::state::machine::{self, VirtualMachine};
use crate::state::{Resource, StateError, Transaction};
use az_machine::Machine;
use std::sync::Arc;

/// Where a machine's programs run.
pub(crate) enum Place {
    /// On this computer.
    Here(Box<Surroundings>),
    /// On a machine of its own.
    Apart(Arc<Machine>),
}

/// Why there is no place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Boot(#[from] BootError),
}

impl Place {
    /// A machine's, if it is still the one that it was and runs. One that is to run apart comes up.
    pub(crate) async fn of(
        instance: &Arc<Instance>,
        machine: &Resource,
    ) -> Result<Option<Self>, PlaceError> {
        let (looking, wanted) = (Arc::clone(instance), machine.clone());
        let found = tokio::task::spawn_blocking(move || {
            looking.store.write(|tx: &Transaction<'_>| {
                let vm_id = VirtualMachine::of(&wanted).vm_id()?;
                machine::find_running(tx, &wanted.id, vm_id)?
                    .map(|there| {
                        Ok::<_, StateError>((Surroundings::of(&looking, tx, &there)?, there))
                    })
                    .transpose()
            })
        });
        let found = match found.await {
            Ok(found) => found?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let Some((surroundings, there)) = found else {
            return Ok(None);
        };
        Ok(Some(match apart::machine(instance, &there).await? {
            Some(machine) => Place::Apart(machine),
            None => Place::Here(Box::new(surroundings)),
        }))
    }
}
