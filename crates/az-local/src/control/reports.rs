//! What the control socket's commands answer.

use super::MachinePlace;
use super::{Contact, Refusal};
use crate::dispatch;
use crate::graph::error::GraphError;
use crate::hosting::error::HostError;
use crate::instance::{Access, Instance};
use crate::machines::apart;
use crate::machines::environment::Environment;
use crate::machines::programs::Surroundings;
use crate::state::DeletedVault;
use crate::state::RoleAssignment;
use crate::state::machine::{self, VirtualMachine};
use crate::state::settings::Desk;
use crate::state::signing_keys::KeyError;
use crate::state::{
    Application, Range, Resource, ServicePrincipal, StateError, Subscription, Tenant, Transaction,
};
use serde_json::{Value, json};
use std::sync::Arc;
use time::Duration;
use time::format_description::well_known::Rfc3339;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("there is no tenant {0}; there are two, 1 and 2")]
    NoTenant(usize),
    #[error(
        "the virtual machine '{name}' was not found in resource group '{group}'; `az-local vm list` \
         names those that there are"
    )]
    NoMachine { group: String, name: String },
    #[error("the virtual machine '{name}' is not running; start it first")]
    Stopped { name: String },
    #[error(
        "there are several virtual machines '{name}' in groups '{group}'; say which --subscription"
    )]
    SeveralMachines { group: String, name: String },
    #[error(
        "nobody in the directory is '{0}'; `az-local principal list` names those that there are"
    )]
    NoPrincipal(String),
    #[error("several in the directory are '{0}'; give an object id")]
    SeveralPrincipals(String),
    #[error("'{0}' is no domain")]
    NoDomain(String),
    #[error("the domain '{0}' is another tenant's")]
    DomainTaken(String),
    #[error("{message}")]
    Directory { reason: Refusal, message: String },
    #[error("'{0}' is no issuer: give an HTTPS URL")]
    NoIssuer(String),
    #[error(
        "the keys are no JSON Web Key Set with an RSA key: an object with 'keys', one of them with 'kty' RSA, 'n' and 'e'"
    )]
    NoKeys,
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Unprintable(#[from] serde_json::Error),
}

impl ReportError {
    pub(super) fn reason(&self) -> Refusal {
        match self {
            ReportError::NoTenant(_)
            | ReportError::NoMachine { .. }
            | ReportError::NoPrincipal(_)
            | ReportError::Stopped { .. } => Refusal::NotFound,
            ReportError::SeveralMachines { .. }
            | ReportError::SeveralPrincipals(_)
            | ReportError::NoDomain(_)
            | ReportError::NoIssuer(_)
            | ReportError::NoKeys
            | ReportError::DomainTaken(_) => Refusal::Invalid,
            ReportError::Directory { reason, .. } => *reason,
            ReportError::Host(error) => reason_of(error),
            ReportError::State(_) | ReportError::Key(_) | ReportError::Unprintable(_) => {
                Refusal::Failed
            }
        }
    }
}

fn reason_of(error: &HostError) -> Refusal {
    match error {
        HostError::NoSubscription(_) | HostError::NoIdentity(_) | HostError::NoUser(_) => {
            Refusal::NotFound
        }
        HostError::Name(_)
        | HostError::SeveralIdentities(_)
        | HostError::Identities { .. }
        | HostError::ServiceAccount(_)
        | HostError::NoServiceAccount => Refusal::Invalid,
        _ => Refusal::Failed,
    }
}

impl From<GraphError> for ReportError {
    fn from(error: GraphError) -> Self {
        let reason = match error {
            GraphError::State(error) => return ReportError::State(error),
            GraphError::NotFound(_) => Refusal::NotFound,
            _ => Refusal::Invalid,
        };
        let message = error.to_string();
        ReportError::Directory { reason, message }
    }
}

pub(super) fn find_desk(tx: &Transaction<'_>, number: usize) -> Result<Desk, ReportError> {
    tx.get(&Desk::key_of(number))?
        .ok_or(ReportError::NoTenant(number))
}

pub(super) fn status(instance: &Instance, contact: &Contact) -> Result<Value, ReportError> {
    let apart = apart::is_on(instance);
    let (wanted, refusal) = instance.isolation.said();
    instance.store.read(|tx| {
        let mut tenants = Vec::new();
        for desk in tx.all::<Desk>(&Range::Below(""))? {
            let tenant: Option<Tenant> = tx.get(&desk.tenant_id)?;
            let mut subscriptions = Vec::new();
            for id in &desk.subscription_ids {
                let subscription: Option<Subscription> = tx.get(id)?;
                let name = subscription.map(|subscription| subscription.display_name);
                subscriptions.push(json!({"id": id, "displayName": name}));
            }
            tenants.push(json!({
                "number": desk.number,
                "tenantId": desk.tenant_id,
                "displayName": tenant.map(|tenant| tenant.display_name),
                "clientId": desk.app_id,
                "objectId": desk.object_id,
                "subscriptions": subscriptions,
            }));
        }
        Ok(json!({
            "pid": contact.pid,
            "proxy": format!("http://127.0.0.1:{}", contact.port),
            "dataDir": instance.folder.path(),
            "offline": instance.offline,
            "clock": clock(instance),
            "profile": instance.profile,
            "throttle": instance.throttles.are_on(),
            "machines": {"wanted": wanted, "apart": apart, "reason": refusal},
            "knobs": instance.knobs(),
            "faults": instance.faults.list(),
            "tenants": tenants,
        }))
    })
}

pub(super) fn environment(instance: &Instance, tenant: usize) -> Result<Value, ReportError> {
    Ok(serde_json::to_value(desk_environment(instance, tenant)?)?)
}

/// The desk's environment in a tenant.
pub(crate) fn desk_environment(
    instance: &Instance,
    tenant: usize,
) -> Result<Environment, ReportError> {
    instance.store.write(|tx| {
        let desk = find_desk(tx, tenant)?;
        let application: Application =
            tx.get(&desk.app_id)?.ok_or(ReportError::NoTenant(tenant))?;
        let proxy = instance.proxy_url(instance.clients.desk(tx)?);
        Ok(Environment::of_desk(
            &instance.folder,
            &proxy,
            &desk,
            &application,
        ))
    })
}

pub(super) fn clock(instance: &Instance) -> Value {
    let offset: Duration = instance.clock.offset();
    json!({
        "now": instance.clock.now().format(&Rfc3339).unwrap_or_default(),
        "aheadSeconds": offset.as_seconds_f64(),
        "speed": instance.clock.speed(),
        "profile": instance.profile,
    })
}

fn all_machines(
    tx: &Transaction<'_>,
    subscription: Option<&str>,
) -> Result<Vec<Resource>, ReportError> {
    let kind = match subscription {
        Some(id) => Resource::type_in(machine::KIND, id),
        None => machine::KIND.to_ascii_lowercase() + "/",
    };
    Ok(tx.all(&Range::Beginning(Resource::BY_TYPE, &kind))?)
}

pub(super) fn machines(
    instance: &Arc<Instance>,
    subscription: Option<&str>,
) -> Result<Value, ReportError> {
    dispatch::settled(instance, Access::Read, |tx| {
        let machines = all_machines(tx, subscription)?;
        let rows = machines.iter().map(|machine| {
            let vm = VirtualMachine::of(machine);
            Ok(json!({
                "name": machine.name(),
                "resourceGroup": machine.group(),
                "id": machine.id,
                "vmId": vm.vm_id()?,
                "running": vm.is_running(),
            }))
        });
        Ok(Value::Array(rows.collect::<Result<_, StateError>>()?))
    })
}

/// What a command needs to run as if on a machine.
pub(super) fn machine(
    instance: &Arc<Instance>,
    subscription: Option<&str>,
    group: &str,
    name: &str,
) -> Result<Value, ReportError> {
    let apart = apart::is_on(instance);
    dispatch::settled(instance, Access::Write, |tx| {
        let machine = find_running(tx, subscription, group, name)?;
        let place = if apart {
            MachinePlace::Apart
        } else {
            let surroundings = Surroundings::of(instance, tx, &machine)?;
            MachinePlace::Here(surroundings.into_environment())
        };
        Ok(serde_json::to_value(place)?)
    })
}

/// A machine that runs.
pub(super) fn running(
    instance: &Arc<Instance>,
    subscription: Option<&str>,
    group: &str,
    name: &str,
) -> Result<Resource, ReportError> {
    dispatch::settled(instance, Access::Read, |tx| {
        find_running(tx, subscription, group, name)
    })
}

fn find_running(
    tx: &Transaction<'_>,
    subscription: Option<&str>,
    group: &str,
    name: &str,
) -> Result<Resource, ReportError> {
    let mut found = all_machines(tx, subscription)?;
    found.retain(|machine| {
        machine.name().eq_ignore_ascii_case(name) && machine.group().eq_ignore_ascii_case(group)
    });
    let (group, name) = (group.to_owned(), name.to_owned());
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(ReportError::NoMachine { group, name }),
        (Some(machine), true) if VirtualMachine::of(&machine).is_running() => Ok(machine),
        (Some(_), true) => Err(ReportError::Stopped { name }),
        (Some(_), false) => Err(ReportError::SeveralMachines { group, name }),
    }
}

/// Everything that a clean-up must have removed.
pub(super) fn resources(instance: &Arc<Instance>) -> Result<Value, ReportError> {
    dispatch::settled(instance, Access::Read, |tx| {
        let mut resources = Vec::new();
        tx.each(&Range::Below(""), |resource: Resource| {
            resources.push(json!({"id": resource.id, "type": resource.kind}));
            Ok::<_, StateError>(())
        })?;
        let mut identities = Vec::new();
        tx.each(&Range::Below(""), |principal: ServicePrincipal| {
            if let Some(id) = &principal.managed_identity {
                identities.push(json!({"id": id, "principalId": principal.object_id}));
            }
            Ok::<_, StateError>(())
        })?;
        let mut vaults = Vec::new();
        tx.each(&Range::Below(""), |deleted: DeletedVault| {
            vaults.push(json!({"id": deleted.vault.id}));
            Ok::<_, StateError>(())
        })?;
        // Those that nobody made are the desks' own, which every instance begins with.
        let mut assignments = Vec::new();
        tx.each(&Range::Below(""), |assignment: RoleAssignment| {
            if assignment.created_by.is_some() {
                assignments.push(json!({"id": assignment.id}));
            }
            Ok::<_, StateError>(())
        })?;
        Ok(json!({
            "resources": resources,
            "managedIdentities": identities,
            "deletedVaults": vaults,
            "roleAssignments": assignments,
        }))
    })
}

pub(super) fn add_certificate(
    instance: &Instance,
    tenant: usize,
    certificate: String,
) -> Result<Value, ReportError> {
    instance.store.write(|tx| {
        let desk = find_desk(tx, tenant)?;
        let mut application: Application =
            tx.get(&desk.app_id)?.ok_or(ReportError::NoTenant(tenant))?;
        application.certificates.push(certificate);
        tx.put(&application)?;
        Ok(json!({"clientId": desk.app_id, "tenantId": desk.tenant_id}))
    })
}
