//! Who a host is: its resource id, the identities that it has, and for a pod who trusts its service account.

use super::error::HostError;
use super::options::HostOptions;
use crate::dispatch;
use crate::entra::TOKEN_EXCHANGE;
use crate::graph::changes;
use crate::ground::secret::random_secret;
use crate::instance::{Access, Instance};
use crate::kubernetes;
use crate::managed_identity::{Holder, HostKind, Identity};
use crate::state::federation::{IdentityFederation, Issuer};
use crate::state::people::User;
use crate::state::settings::Desk;
use crate::state::{
    Application, FederatedCredential, Range, Resource, ServicePrincipal, Subscription, Tenant,
    Transaction,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use time::OffsetDateTime;
use uuid::Uuid;

/// The resource group of hosts that are given none.
const GROUP: &str = "az-local-hosts";

/// The service account of pods that are given none, by the name that it has in
/// <https://learn.microsoft.com/azure/aks/workload-identity-deploy-cluster>.
const SERVICE_ACCOUNT: &str = "default/workload-identity-sa";

/// How many identities of one name are looked at.
const MOST_NAMESAKES: usize = 20;

/// How many federated credentials an identity can have.
const MOST_CREDENTIALS: usize = 20;

/// What the ids of user-assigned identities have in them, in lower case.
const USER_ASSIGNED: &str = "/providers/microsoft.managedidentity/userassignedidentities/";

/// A host.
pub(super) struct Who {
    pub(super) kind: HostKind,
    pub(super) name: String,
    pub(super) resource_id: String,
    tenant_id: String,
    has: Has,
}

enum Has {
    Identities(Vec<Identity>),
    User(User),
    Workload(Workload),
}

/// A pod's service account, and the identity that trusts it.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) issuer: String,
    pub(super) namespace: String,
    pub(super) service_account: String,
    pub(super) pod: String,
    pub(super) client_id: String,
    pub(super) tenant_id: String,
    principal_id: Option<String>,
}

impl Workload {
    /// As tokens and federated credentials name the service account.
    pub(super) fn subject(&self) -> String {
        format!(
            "system:serviceaccount:{}:{}",
            self.namespace, self.service_account
        )
    }

    /// The service account's `uid`, always the same.
    pub(super) fn account_id(&self) -> String {
        id_of(&format!("{}{}", self.issuer, self.subject()))
    }
}

impl Who {
    /// Who gets tokens at the host's endpoint.
    pub(super) fn holder(&self) -> Result<Holder, HostError> {
        match &self.has {
            Has::Identities(identities) => Ok(Holder::Identities(identities.clone())),
            Has::User(user) => Ok(Holder::User(user.object_id.clone())),
            Has::Workload(_) => Err(self.has_not()),
        }
    }

    /// The pod's service account.
    pub(super) fn workload(&self) -> Result<&Workload, HostError> {
        match &self.has {
            Has::Workload(workload) => Ok(workload),
            Has::Identities(_) | Has::User(_) => Err(self.has_not()),
        }
    }

    fn has_not(&self) -> HostError {
        HostError::Identities {
            kind: self.kind.name(),
            has: "its own way to tokens",
        }
    }

    /// For people and scripts: above all the ids that roles are given to.
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({
            "kind": self.kind.name(),
            "name": self.name,
            "id": self.resource_id,
            "tenantId": self.tenant_id,
        });
        match &self.has {
            Has::Identities(identities) => {
                let identities = identities.iter().map(|one| {
                    json!({
                        "type": if one.is_system { "SystemAssigned" } else { "UserAssigned" },
                        "id": one.resource_id,
                        "principalId": one.object_id,
                        "clientId": one.client_id,
                    })
                });
                shown["identities"] = identities.collect();
            }
            Has::User(user) => {
                shown["user"] = json!({
                    "id": user.object_id,
                    "userPrincipalName": user.user_principal_name,
                });
            }
            Has::Workload(workload) => {
                shown["issuer"] = json!(workload.issuer);
                shown["subject"] = json!(workload.subject());
                shown["identities"] = json!([{
                    "type": "WorkloadIdentity",
                    "principalId": workload.principal_id,
                    "clientId": workload.client_id,
                }]);
            }
        }
        shown
    }
}

/// The host of these options. What it needs in the directory and is not there is made.
pub(super) fn find(instance: &Arc<Instance>, options: &HostOptions) -> Result<Who, HostError> {
    let name = options.name.as_deref().unwrap_or(options.kind.name());
    let group = options.group.as_deref().unwrap_or(GROUP);
    for word in [name, group] {
        check_name(word)?;
    }
    if options.service_account.is_some() && options.kind != HostKind::Kubernetes {
        return Err(HostError::NoServiceAccount);
    }
    // Waited for before the store is taken.
    let key = instance.keys.current()?;
    let now = instance.clock.now();
    dispatch::settled(instance, Access::Write, |tx| {
        let subscription = subscription(tx, options.subscription.as_deref())?;
        let resource_id = format!(
            "/subscriptions/{}/resourceGroups/{group}/providers/{}",
            subscription.id,
            options.kind.resource(name)
        );
        let host = NewHost {
            tx,
            now,
            kind: options.kind,
            name,
            resource_id: &resource_id,
            tenant_id: &subscription.tenant_id,
        };
        let words: Vec<&str> = options.identities.iter().map(String::as_str).collect();
        let has = match options.kind {
            HostKind::CloudShell => Has::User(host.user(&words)?),
            HostKind::Kubernetes => {
                let account = options.service_account.as_deref();
                let account = account.unwrap_or(SERVICE_ACCOUNT);
                let workload = host.workload(&words, account)?;
                Issuer::learn(tx, &workload.issuer, &key.key_set(&workload.issuer))?;
                Has::Workload(workload)
            }
            _ => Has::Identities(host.identities(&words)?),
        };
        Ok(Who {
            kind: options.kind,
            name: name.to_owned(),
            tenant_id: subscription.tenant_id.clone(),
            resource_id: resource_id.clone(),
            has,
        })
    })
}

fn check_name(name: &str) -> Result<(), HostError> {
    let good = (1..=60).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if good {
        Ok(())
    } else {
        Err(HostError::Name(name.to_owned()))
    }
}

fn subscription(tx: &Transaction<'_>, id: Option<&str>) -> Result<Subscription, HostError> {
    let id = match id {
        Some(id) => id.to_ascii_lowercase(),
        None => {
            let desk: Option<Desk> = tx.get(&Desk::key_of(1))?;
            let ids = desk.map(|desk| desk.subscription_ids).unwrap_or_default();
            ids.into_iter().next().unwrap_or_default()
        }
    };
    tx.get(&id)?.ok_or(HostError::NoSubscription(id))
}

/// A host whose identities are being looked for.
struct NewHost<'a> {
    tx: &'a Transaction<'a>,
    now: OffsetDateTime,
    kind: HostKind,
    name: &'a str,
    resource_id: &'a str,
    tenant_id: &'a str,
}

impl NewHost<'_> {
    fn refuse(&self, has: &'static str) -> HostError {
        HostError::Identities {
            kind: self.kind.name(),
            has,
        }
    }

    /// Its own identity and user-assigned ones; its own where none is named.
    fn identities(&self, words: &[&str]) -> Result<Vec<Identity>, HostError> {
        let words = if words.is_empty() { &["system"] } else { words };
        if self.kind == HostKind::ServiceFabric && words.len() > 1 {
            // The manifest binds one to each service.
            return Err(self.refuse("one identity: its own, or a user-assigned one"));
        }
        let mut found: Vec<Identity> = Vec::new();
        for word in words {
            let identity = if is_system(word) {
                self.system_assigned()?
            } else {
                self.user_assigned(word)?
            };
            if !found.iter().any(|one| one.object_id == identity.object_id) {
                found.push(identity);
            }
        }
        Ok(found)
    }

    fn system_assigned(&self) -> Result<Identity, HostError> {
        let key = Resource::key_of(self.resource_id);
        let there: Option<ServicePrincipal> = self.tx.find(ServicePrincipal::BY_RESOURCE, &key)?;
        let principal = match there {
            Some(there) => there,
            None => {
                let made = ServicePrincipal {
                    object_id: Uuid::new_v4().to_string(),
                    app_id: Uuid::new_v4().to_string(),
                    tenant_id: self.tenant_id.to_owned(),
                    display_name: self.name.to_owned(),
                    managed_identity: Some(self.resource_id.to_owned()),
                    created: self.now,
                };
                self.tx.put(&made)?;
                made
            }
        };
        Ok(Identity {
            object_id: principal.object_id,
            client_id: principal.app_id,
            resource_id: self.resource_id.to_owned(),
            is_system: true,
        })
    }

    fn user_assigned(&self, word: &str) -> Result<Identity, HostError> {
        let is_one = |principal: &ServicePrincipal| {
            let id = principal.managed_identity.as_deref().unwrap_or_default();
            id.to_ascii_lowercase().contains(USER_ASSIGNED)
        };
        let principal = self.principal(word, is_one)?;
        Ok(Identity {
            object_id: principal.object_id,
            client_id: principal.app_id,
            resource_id: principal.managed_identity.unwrap_or_default(),
            is_system: false,
        })
    }

    /// The only principal of the host's tenant that a name, resource id or client id names, among those that `is_one` takes.
    fn principal(
        &self,
        word: &str,
        is_one: impl Fn(&ServicePrincipal) -> bool,
    ) -> Result<ServicePrincipal, HostError> {
        let mut found: Vec<ServicePrincipal> = if word.starts_with('/') {
            let key = Resource::key_of(word);
            let one = self.tx.find(ServicePrincipal::BY_RESOURCE, &key)?;
            one.into_iter().collect()
        } else if Uuid::try_parse(word).is_ok() {
            let key = word.to_ascii_lowercase();
            let one = self.tx.find(ServicePrincipal::BY_APPLICATION, &key)?;
            one.into_iter().collect()
        } else {
            let name = ServicePrincipal::name_in(self.tenant_id, word);
            let range = Range::Equal(ServicePrincipal::BY_NAME, name.as_str());
            self.tx.page(&range, None, MOST_NAMESAKES)?.items
        };
        found.retain(|one| one.tenant_id == self.tenant_id && is_one(one));
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(HostError::NoIdentity(word.to_owned())),
            (Some(_), Some(_)) => Err(HostError::SeveralIdentities(word.to_owned())),
        }
    }

    /// The user who opened Cloud Shell: the one who is named, else one of the host's name.
    fn user(&self, words: &[&str]) -> Result<User, HostError> {
        let tenant: Option<Tenant> = self.tx.get(self.tenant_id)?;
        let tenant = tenant.ok_or_else(|| HostError::NoSubscription(self.tenant_id.to_owned()))?;
        let (word, make) = match words {
            [] => (self.name, true),
            [word] if is_system(word) => (self.name, true),
            [word] => (*word, false),
            _ => return Err(self.refuse("one user, who has opened it")),
        };
        let sign_in = match word.contains('@') {
            true => word.to_owned(),
            false => format!("{word}@{}", tenant.initial_domain()),
        };
        let there: Option<User> = self.tx.find(User::BY_SIGN_IN, &sign_in.to_lowercase())?;
        match there.filter(|user| user.tenant_id == tenant.id) {
            Some(there) => Ok(there),
            None if make => self.new_user(&tenant, &sign_in),
            None => Err(HostError::NoUser(word.to_owned())),
        }
    }

    fn new_user(&self, tenant: &Tenant, sign_in: &str) -> Result<User, HostError> {
        let asked = json!({
            "accountEnabled": true,
            "displayName": self.name,
            "mailNickname": self.name,
            "userPrincipalName": sign_in,
            // Nobody has to know it.
            "passwordProfile": {"password": format!("{}-Aa1", random_secret())},
        });
        let asked: Map<String, Value> = match asked {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let made = changes::create_user(self.tx, tenant, &asked, self.now);
        made.map_err(|error| HostError::Directory(error.to_string()))
    }

    /// The pod's identity, which is made to trust the service account if it does not.
    fn workload(&self, words: &[&str], account: &str) -> Result<Workload, HostError> {
        let [word] = words else {
            return Err(self.refuse(
                "one identity, and none of its own: name a user-assigned one or an application with --identity",
            ));
        };
        if is_system(word) {
            return Err(self.refuse(
                "no identity of its own: name a user-assigned one or an application with --identity",
            ));
        }
        let (namespace, service_account) = account
            .split_once('/')
            .filter(|(namespace, name)| is_label(namespace) && is_label(name))
            .ok_or_else(|| HostError::ServiceAccount(account.to_owned()))?;
        let principal = self.principal(word, |one| {
            let managed = one.managed_identity.as_deref();
            managed.is_none_or(|id| id.to_ascii_lowercase().contains(USER_ASSIGNED))
        })?;
        let workload = Workload {
            issuer: kubernetes::issuer(self.tenant_id, &id_of(self.resource_id)),
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
            pod: Uuid::new_v4().to_string(),
            client_id: principal.app_id.clone(),
            tenant_id: principal.tenant_id.clone(),
            principal_id: Some(principal.object_id.clone()),
        };
        match &principal.managed_identity {
            Some(identity) => self.trust_by_identity(identity, &workload)?,
            None => self.trust_by_application(&principal.app_id, word, &workload)?,
        }
        Ok(workload)
    }

    fn trust_by_identity(&self, identity: &str, workload: &Workload) -> Result<(), HostError> {
        let below = IdentityFederation::below(identity);
        let range = Range::<IdentityFederation>::Below(&below);
        let there = self.tx.page(&range, None, MOST_CREDENTIALS)?.items;
        let subject = workload.subject();
        if there
            .iter()
            .any(|one| one.issuer == workload.issuer && one.subject == subject)
        {
            return Ok(());
        }
        if there.len() >= MOST_CREDENTIALS {
            return Err(HostError::ManyCredentials(identity.to_owned()));
        }
        let name = Uuid::new_v4();
        Ok(self.tx.put(&IdentityFederation {
            id: format!("{identity}/federatedIdentityCredentials/az-local-{name}"),
            issuer: workload.issuer.clone(),
            subject,
            audiences: vec![TOKEN_EXCHANGE.to_owned()],
        })?)
    }

    fn trust_by_application(
        &self,
        app_id: &str,
        word: &str,
        workload: &Workload,
    ) -> Result<(), HostError> {
        let application: Option<Application> = self.tx.get(app_id)?;
        let mut application = application.ok_or_else(|| HostError::NoIdentity(word.to_owned()))?;
        let subject = workload.subject();
        let mut trusted = application.federated.iter();
        if !trusted.any(|one| one.issuer == workload.issuer && one.subject == subject) {
            application.federated.push(FederatedCredential {
                issuer: workload.issuer.clone(),
                subject,
                audience: TOKEN_EXCHANGE.to_owned(),
            });
            self.tx.put(&application)?;
        }
        Ok(())
    }
}

/// `system`, and the word that `az vm identity assign` has for it.
fn is_system(word: &str) -> bool {
    ["system", "[system]"].contains(&word.to_ascii_lowercase().as_str())
}

/// A name in Kubernetes (RFC 1123).
fn is_label(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// An id that is the same for the same text.
fn id_of(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes()).to_string()
}
