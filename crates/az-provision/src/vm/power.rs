//! A machine's power: start, stop, deallocate, restart.

use crate::cli::VmActs;
use az_core::{
    arm::versions,
    cli::{Doing, Failure, Session, for_each_machine},
};
use serde_json::Value;

/// An action of Resource Manager on a machine.
#[derive(Clone, Copy)]
pub(crate) enum Action {
    Start,
    PowerOff { skip_shutdown: bool },
    Deallocate,
    Restart,
}

impl Action {
    /// The action's name in a URL, its parameters, and what is being done.
    fn words(
        self,
    ) -> (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
    ) {
        match self {
            Action::Start => ("start", &[], "starting"),
            Action::PowerOff {
                skip_shutdown: false,
            } => ("powerOff", &[], "stopping"),
            Action::PowerOff {
                skip_shutdown: true,
            } => ("powerOff", &[("skipShutdown", "true")], "stopping"),
            Action::Deallocate => ("deallocate", &[], "deallocating"),
            Action::Restart => ("restart", &[], "restarting"),
        }
    }
}

/// Does the action, and waits until it is done. A machine that is in that state already stays in it.
pub(crate) async fn run(session: &Session, args: &VmActs, action: Action) -> Result<(), Failure> {
    for_each_machine(session, &args.lists, &args.machines, |machine| async move {
        let (verb, query, gerund) = action.words();
        let doing = format!("{gerund} virtual machine '{}'", machine.name());
        let id = machine.id(session).await?;
        let arm = session.arm()?;
        let path = format!("{id}/{verb}");
        let answer = match action {
            Action::Restart => arm.post_once(path, versions::COMPUTE, None).await,
            _ => arm.post(path, versions::COMPUTE, query).await,
        };
        let answer = answer.doing(&doing)?;
        if !args.no_wait {
            let _shown = session.progress(doing.clone());
            arm.wait(answer).await.doing(&doing)?;
        }
        Ok(Value::Null)
    })
    .await
}
