//! Which virtual machines: the arguments.

use super::{failure::Failure, lines, lines::Item, list::List, session::Session};
use crate::{
    arm::ResourceId,
    name::{GroupName, MachineName},
};
use clap::Args;

const TYPE: &str = "Microsoft.Compute/virtualMachines";

/// The arguments that name machines that are there.
#[derive(Args, Clone, Debug)]
pub struct MachineArgs {
    /// The machine's name
    #[arg(short, long)]
    pub name: Option<MachineName>,
    /// Its resource group [default: the machine is looked for in the whole subscription]
    #[arg(short = 'g', long)]
    pub resource_group: Option<GroupName>,
    /// Ids of machines, in place of a name; - reads them from standard input, as 'vm list' or '--query "[].id"' prints them
    #[arg(long, num_args = 1.., value_name = "ID|-", conflicts_with_all = ["name", "resource_group"])]
    pub ids: Vec<String>,
}

/// A machine that is named: by its id, or by a name whose group may have to be looked up.
#[derive(Clone, Debug)]
pub enum Machine {
    /// Its id.
    Id(ResourceId),
    /// Its name, and perhaps its group.
    Named(MachineName, Option<GroupName>),
}

impl MachineArgs {
    /// The machines, with what they are called in messages, all checked before anything is sent.
    ///
    /// # Errors
    /// None is named, or one is none.
    pub fn machines(&self) -> Result<Vec<(String, Machine)>, Failure> {
        if self.ids.is_empty() {
            let name = self.name.clone().ok_or_else(|| {
                Failure::usage("which machine?").hint("Give --name NAME, or --ids ID.")
            })?;
            let machine = Machine::Named(name, self.resource_group.clone());
            return Ok(vec![(machine.name().to_owned(), machine)]);
        }
        let mut machines = Vec::new();
        for word in &self.ids {
            if word != "-" {
                machines.push((word.clone(), Machine::Id(id(word)?)));
                continue;
            }
            for item in lines::read_stdin("machines")? {
                let called = format!("line {}", item.line);
                let machine = machine_of(&item).map_err(|failure| failure.doing(&called))?;
                machines.push((called, machine));
            }
        }
        Ok(machines)
    }

    /// The same as a list; where standard input is all of it, it is read as it is worked on.
    ///
    /// # Errors
    /// Those of [`MachineArgs::machines`].
    pub async fn list(&self) -> Result<List<'static, Machine>, Failure> {
        match self.ids == ["-"] {
            true => List::from_stdin("machines", machine_of).await,
            false => Ok(List::of(self.machines()?)),
        }
    }
}

fn machine_of(item: &Item) -> Result<Machine, Failure> {
    let text = item
        .text("id")
        .ok_or_else(|| Failure::usage("an id, or an object with 'id', was expected"))?;
    Ok(Machine::Id(id(text)?))
}

impl Machine {
    /// Its id, found by name alone if no group is given.
    pub async fn id(&self, session: &Session) -> Result<ResourceId, Failure> {
        match self {
            Machine::Id(id) => Ok(id.clone()),
            Machine::Named(name, Some(group)) => {
                let group = session.group_id(group.as_str()).await?;
                Ok(group.resource("Microsoft.Compute", "virtualMachines", name.as_str()))
            }
            Machine::Named(name, None) => {
                session
                    .find_by_name(TYPE, "virtual machine", name.as_str())
                    .await
            }
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Machine::Id(id) => id.name(),
            Machine::Named(name, _) => name.as_str(),
        }
    }
}

fn id(word: &str) -> Result<ResourceId, Failure> {
    let id: ResourceId = word.parse()?;
    if !id.is_type(TYPE) {
        return Err(Failure::usage(format!(
            "'{word}' is not the id of a virtual machine"
        )));
    }
    Ok(id)
}
