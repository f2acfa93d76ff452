//! A virtual machine as the platform sees it: which one it is, whether it runs, what it has, and who may sign in.

use super::resources::Resource;
use super::transaction::{StateError, Transaction};
use serde_json::Value;

/// The type of virtual machines.
pub(crate) const KIND: &str = "Microsoft.Compute/virtualMachines";

/// The machine with this id or key, if it exists.
pub(crate) fn find(tx: &Transaction<'_>, id: &str) -> Result<Option<Resource>, StateError> {
    let resource: Option<Resource> = tx.get(&Resource::key_of(id))?;
    Ok(resource.filter(|resource| resource.kind.eq_ignore_ascii_case(KIND)))
}

/// The machine with this id or key, if it is still the one with this `vmId`, and runs: only then it has a network.
pub(crate) fn find_running(
    tx: &Transaction<'_>,
    id: &str,
    wanted: &str,
) -> Result<Option<Resource>, StateError> {
    let Some(machine) = find(tx, id)? else {
        return Ok(None);
    };
    let vm = VirtualMachine::of(&machine);
    let there = vm.vm_id()? == wanted && vm.is_running();
    Ok(there.then_some(machine))
}

/// A kept virtual machine, read by what its members mean.
#[derive(Clone, Copy)]
pub(crate) struct VirtualMachine<'a>(&'a Resource);

/// A network interface that a machine has.
pub(crate) struct JoinedInterface<'a> {
    pub(crate) id: &'a str,
    pub(crate) primary: bool,
    /// Whether it goes with the machine.
    pub(crate) goes_along: bool,
}

/// The disk that a machine starts from.
#[derive(Clone, Copy)]
pub(crate) struct OsDisk<'a>(&'a Value);

/// A further disk of a machine.
#[derive(Clone, Copy)]
pub(crate) struct DataDisk<'a>(&'a Value);

/// Where a machine keeps, by name, the users that were set after its creation: their password and keys, or null for one
/// that was removed.
pub(crate) const SET_ACCOUNTS: &str = "accounts";

/// Somebody who may sign in to a machine.
pub(crate) struct Account<'a> {
    pub(crate) name: &'a str,
    /// None where only keys are taken.
    pub(crate) password: Option<&'a str>,
    /// In OpenSSH's form.
    pub(crate) keys: Vec<&'a str>,
}

/// What a machine is to Entra ID.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a>(&'a Value);

impl<'a> VirtualMachine<'a> {
    pub(crate) fn of(machine: &'a Resource) -> Self {
        VirtualMachine(machine)
    }

    /// `properties.vmId`, which tells a machine from earlier ones of the same name. Every machine has one.
    pub(crate) fn vm_id(self) -> Result<&'a str, StateError> {
        let id = self.0.property("vmId").and_then(Value::as_str);
        id.ok_or_else(|| self.0.lacks("properties.vmId"))
    }

    /// Its identities, if it has any.
    pub(crate) fn identity(self) -> Option<Identity<'a>> {
        self.0.body.get("identity").map(Identity)
    }

    /// The power state as `PowerState/…` ends. Only what is stopped says so.
    pub(crate) fn power(self) -> &'a str {
        let state = self.0.hidden.get("powerState").and_then(Value::as_str);
        state.unwrap_or("running")
    }

    /// `hardwareProfile.vmSize`.
    pub(crate) fn size(self) -> &'a str {
        let size = self.at("hardwareProfile", "/vmSize");
        size.and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn is_running(self) -> bool {
        self.power().eq_ignore_ascii_case("running")
    }

    pub(crate) fn interfaces(self) -> impl Iterator<Item = JoinedInterface<'a>> {
        let all = self.at("networkProfile", "/networkInterfaces");
        let all = all.and_then(Value::as_array).into_iter().flatten();
        all.enumerate().filter_map(|(index, one)| {
            let primary = one.pointer("/properties/primary").and_then(Value::as_bool);
            Some(JoinedInterface {
                id: one.get("id")?.as_str()?,
                primary: primary.unwrap_or(index == 0),
                goes_along: goes_along(one.pointer("/properties/deleteOption")),
            })
        })
    }

    pub(crate) fn os_disk(self) -> Option<OsDisk<'a>> {
        self.at("storageProfile", "/osDisk").map(OsDisk)
    }

    pub(crate) fn data_disks(self) -> impl Iterator<Item = DataDisk<'a>> {
        let all = self.at("storageProfile", "/dataDisks");
        let all = all.and_then(Value::as_array).into_iter().flatten();
        all.map(DataDisk)
    }

    /// Windows has no SSH server by itself.
    pub(crate) fn is_windows(self) -> bool {
        self.os_disk()
            .and_then(|disk| disk.system())
            .is_some_and(|system| system.eq_ignore_ascii_case("Windows"))
    }

    /// The user that it was created with.
    pub(crate) fn admin(self) -> Option<&'a str> {
        self.at("osProfile", "/adminUsername")?.as_str()
    }

    /// What the system calls itself.
    pub(crate) fn computer(self) -> Option<&'a str> {
        self.at("osProfile", "/computerName")?.as_str()
    }

    /// The user's password, where passwords are taken.
    pub(crate) fn password(self) -> Option<&'a str> {
        if self.takes_only_keys() {
            return None;
        }
        self.0.hidden.get("adminPassword")?.as_str()
    }

    pub(crate) fn takes_only_keys(self) -> bool {
        let only_keys = "/linuxConfiguration/disablePasswordAuthentication";
        let only_keys = self.at("osProfile", only_keys).and_then(Value::as_bool);
        only_keys.unwrap_or(false)
    }

    /// The user's public keys: `path` and `keyData`, each in OpenSSH's form.
    pub(crate) fn public_keys(self) -> &'a [Value] {
        let keys = self.at("osProfile", "/linuxConfiguration/ssh/publicKeys");
        let keys = keys.and_then(Value::as_array);
        keys.map(Vec::as_slice).unwrap_or_default()
    }

    /// Who may sign in: the user that it was created with, and those that its access extension has set since.
    pub(crate) fn accounts(self) -> Vec<Account<'a>> {
        let mut accounts = Vec::new();
        if let Some(name) = self.admin() {
            accounts.push(Account {
                name,
                password: self.password(),
                keys: self
                    .public_keys()
                    .iter()
                    .filter_map(|key| key["keyData"].as_str())
                    .collect(),
            });
        }
        let set = self.0.hidden.get(SET_ACCOUNTS).and_then(Value::as_object);
        for (name, set) in set.into_iter().flatten() {
            let known = accounts.iter().position(|account| account.name == name);
            if set.is_null() {
                known.map(|at| accounts.remove(at));
                continue;
            }
            let at = known.unwrap_or_else(|| {
                accounts.push(Account {
                    name,
                    password: None,
                    keys: Vec::new(),
                });
                accounts.len() - 1
            });
            if let Some(password) = set["password"].as_str() {
                accounts[at].password = Some(password);
            }
            let keys = set["keys"].as_array().into_iter().flatten();
            accounts[at].keys.extend(keys.filter_map(Value::as_str));
        }
        accounts
    }

    /// What was given to the machine to be read at any time, in base64.
    /// What its first start is to carry out, in base64.
    pub(crate) fn custom_data(self) -> Option<&'a str> {
        self.0.hidden.get("customData")?.as_str()
    }

    pub(crate) fn user_data(self) -> Option<&'a str> {
        self.0.hidden.get("userData")?.as_str()
    }

    /// A member below one of `properties`.
    pub(crate) fn at(self, profile: &str, pointer: &str) -> Option<&'a Value> {
        self.0.property(profile)?.pointer(pointer)
    }
}

impl<'a> OsDisk<'a> {
    /// The id of the managed disk.
    pub(crate) fn id(self) -> Option<&'a str> {
        self.0.pointer("/managedDisk/id")?.as_str()
    }

    pub(crate) fn name(self) -> Option<&'a str> {
        self.0.get("name")?.as_str()
    }

    /// `Linux` or `Windows`.
    pub(crate) fn system(self) -> Option<&'a str> {
        self.0.get("osType")?.as_str()
    }

    /// Whether it goes with the machine.
    pub(crate) fn goes_along(self) -> bool {
        goes_along(self.0.get("deleteOption"))
    }
}

impl<'a> DataDisk<'a> {
    /// The id of the managed disk.
    pub(crate) fn id(self) -> Option<&'a str> {
        self.0.pointer("/managedDisk/id")?.as_str()
    }

    pub(crate) fn name(self) -> Option<&'a str> {
        self.0.get("name")?.as_str()
    }

    /// Its logical unit number.
    pub(crate) fn lun(self) -> Option<u64> {
        self.0.get("lun")?.as_u64()
    }

    /// Whether it goes with the machine.
    pub(crate) fn goes_along(self) -> bool {
        goes_along(self.0.get("deleteOption"))
    }

    /// As the machine shows it.
    pub(crate) fn shown(self) -> Value {
        self.0.clone()
    }

    /// The same at another place.
    pub(crate) fn with_lun(self, lun: u64) -> Value {
        let mut shown = self.shown();
        shown["lun"] = Value::from(lun);
        shown
    }
}

impl<'a> Identity<'a> {
    /// The object id of the machine's own identity, if it has one.
    pub(crate) fn system_assigned(self) -> Option<&'a str> {
        let kinds = self.0.get("type")?.as_str()?;
        let mut kinds = kinds.split(',');
        kinds.find(|kind| kind.trim().eq_ignore_ascii_case("SystemAssigned"))?;
        self.0.get("principalId")?.as_str()
    }

    /// The resource ids of the user-assigned identities.
    pub(crate) fn user_assigned(self) -> impl Iterator<Item = &'a str> {
        let identities = self.0.get("userAssignedIdentities");
        let identities = identities.and_then(Value::as_object).into_iter().flatten();
        identities.map(|(id, _)| id.as_str())
    }
}

fn goes_along(option: Option<&Value>) -> bool {
    option.and_then(Value::as_str) == Some("Delete")
}
