//! A virtual machine that is wanted.

use super::{
    data,
    image::{Facts, Image},
    keys::Keys,
    login::Login,
    network::Network,
    target::Target,
};
use crate::cli::{DEFAULT_SIZE, Machine, Priority};
use az_core::{
    arm::{Body, Client, REDACTED, ResourceId, versions},
    cli::{Failure, Session, Status, read_identities},
    identity::{Identities, Word},
    name::MachineName,
};
use futures::future::join_all;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::path::Path;

/// The most data disks that any size takes.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits#virtual-machine-limits---azure-resource-manager>
const MOST_DATA_DISKS: usize = 64;

/// A machine that is wanted, checked as far as it can be without asking Azure.
#[derive(Clone)]
pub(crate) struct Request {
    pub(super) name: MachineName,
    pub(super) image: Image,
    pub(super) size: String,
    pub(super) login: Login,
    pub(super) network: Network,
    pub(super) disk_gb: Option<u32>,
    pub(super) storage_sku: Option<String>,
    pub(super) data_disks_gb: Vec<u32>,
    pub(super) priority: Option<&'static str>,
    pub(super) zone: Option<String>,
    /// The words for its identities; `None` where the flag was not given.
    pub(super) identities: Option<Vec<Word>>,
    /// In base64, as all data here.
    pub(super) custom_data: Option<SecretString>,
    pub(super) user_data: Option<SecretString>,
}

impl Request {
    /// Checks the arguments, and prompts for a password where they leave it out.
    pub(crate) fn checked(
        session: &Session,
        name: &MachineName,
        args: Machine,
    ) -> Result<Self, Failure> {
        let image: Image = args
            .image
            .parse()
            .map_err(|error| Failure::usage(format!("--image: {error}")))?;
        if args.size.is_empty()
            || !args
                .size
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        {
            return Err(Failure::usage(format!(
                "--size '{}': it must be a size such as {DEFAULT_SIZE}",
                args.size
            )));
        }
        if args.data_disk_sizes_gb.len() > MOST_DATA_DISKS {
            return Err(Failure::usage(format!(
                "--data-disk-sizes-gb: there are {} disks; no machine takes more than {MOST_DATA_DISKS}",
                args.data_disk_sizes_gb.len()
            )));
        }
        let words = args.assign_identity.as_deref();
        if words.is_some_and(|words| words.iter().any(|word| word == "-"))
            && args.admin_password_file.as_deref() == Some(Path::new("-"))
        {
            return Err(Failure::usage(
                "--assign-identity and --admin-password-file cannot both read standard input",
            ));
        }
        let network = Network::checked(name.as_str(), &args)?;
        Ok(Request {
            name: name.clone(),
            image,
            identities: words.map(read_identities).transpose()?,
            custom_data: data::CUSTOM.read(session, args.custom_data.as_ref())?,
            user_data: data::USER.read(session, args.user_data.as_ref())?,
            network,
            login: Login::checked(session, &args)?,
            size: args.size,
            disk_gb: args.os_disk_size_gb,
            storage_sku: args.storage_sku,
            data_disks_gb: args.data_disk_sizes_gb,
            priority: args.priority.map(Priority::as_str),
            zone: args.zone,
        })
    }

    /// One that needs no session: with a key of its own, and what is said besides.
    #[cfg(test)]
    pub(crate) fn for_tests(
        name: &MachineName,
        args: &Machine,
        password: Option<&str>,
        custom_data: Option<&str>,
    ) -> Self {
        let words = args.assign_identity.as_deref();
        Request {
            name: name.clone(),
            image: args.image.parse().expect("an image"),
            size: args.size.clone(),
            login: Login {
                username: args.admin_username.clone().unwrap_or_default(),
                password: password.map(SecretString::from),
                keys: Keys::These(vec![]),
                given: true,
            },
            network: Network::checked(name.as_str(), args).expect("a network"),
            disk_gb: None,
            storage_sku: None,
            data_disks_gb: vec![],
            priority: None,
            zone: None,
            identities: words.map(|words| read_identities(words).expect("identities")),
            custom_data: custom_data.map(SecretString::from),
            user_data: None,
        }
    }

    /// What its look in the catalogue depends on.
    pub(crate) fn looked_up(&self) -> (String, String) {
        (self.image.reference().to_string(), self.size.to_lowercase())
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// The user-assigned identities that are asked for.
    pub(crate) fn user_assigned(&self, group: &ResourceId) -> Vec<ResourceId> {
        self.identities(group).unwrap_or_default().user
    }

    /// Whether its user signs in with a pair of keys that is still to be made.
    pub(crate) fn has_new_keys(&self) -> bool {
        matches!(self.login.keys, Keys::New(_))
    }

    /// The public keys that its user signs in with; new ones are made.
    pub(crate) fn keys(&self, session: &Session) -> Result<Vec<String>, Failure> {
        self.login.keys.made(session)
    }

    /// What is being done, for messages.
    pub(crate) fn doing(&self) -> String {
        format!("creating virtual machine '{}'", self.name)
    }

    pub(crate) fn id(&self, group: &ResourceId) -> ResourceId {
        group.resource("Microsoft.Compute", "virtualMachines", self.name.as_str())
    }

    /// The same machine under another name, with a network of its own.
    pub(super) fn renamed(&self, name: MachineName) -> Result<Self, Failure> {
        Ok(Request {
            network: self.network.of_machine(name.as_str())?,
            name,
            ..self.clone()
        })
    }

    /// The identities that are asked for, if any are.
    pub(super) fn identities(&self, group: &ResourceId) -> Option<Identities> {
        let words = self.identities.as_ref()?;
        Some(Identities::named(words, group))
    }

    pub(super) fn body(
        &self,
        nic: &ResourceId,
        target: &Target<'_>,
        facts: &Facts,
        keys: &[String],
    ) -> Body {
        let login = &self.login;
        let mut user =
            json!({"computerName": self.computer_name(), "adminUsername": login.username});
        if login.password.is_some() {
            user["adminPassword"] = REDACTED.into();
        }
        if !keys.is_empty() {
            let path = format!("/home/{}/.ssh/authorized_keys", login.username);
            let keys: Vec<Value> = keys
                .iter()
                .map(|key| json!({"keyData": key, "path": path}))
                .collect();
            user["linuxConfiguration"] = json!({"disablePasswordAuthentication": login.password.is_none(), "ssh": {"publicKeys": keys}});
        }
        if self.custom_data.is_some() {
            user["customData"] = REDACTED.into();
        }
        let mut disk = json!({"createOption": "FromImage", "caching": "ReadWrite"});
        if let Some(size) = self.disk_gb {
            disk["diskSizeGB"] = size.into();
        }
        let managed = self
            .storage_sku
            .as_ref()
            .map(|sku| json!({"storageAccountType": sku}));
        if let Some(managed) = &managed {
            disk["managedDisk"] = managed.clone();
        }
        let mut storage = json!({"osDisk": disk, "imageReference": self.image.reference()});
        if !self.data_disks_gb.is_empty() {
            let numbered = self.data_disks_gb.iter().enumerate();
            let disks = numbered.map(|(lun, size)| {
                let mut disk = json!({"lun": lun, "createOption": "Empty", "diskSizeGB": size});
                if let Some(managed) = &managed {
                    disk["managedDisk"] = managed.clone();
                }
                disk
            });
            storage["dataDisks"] = disks.collect();
        }
        let mut body = json!({
            "location": target.location.canonical(),
            "tags": target.tags.clone().unwrap_or_else(|| json!({})),
            "properties": {
                "hardwareProfile": {"vmSize": self.size},
                "networkProfile": {"networkInterfaces": [{"id": nic.as_str()}]},
                "storageProfile": storage,
                "osProfile": user,
            },
        });
        if let Some(plan) = &facts.plan {
            body["plan"] = plan.clone();
        }
        if let Some(priority) = self.priority {
            body["properties"]["priority"] = priority.into();
        }
        if let Some(zone) = &self.zone {
            body["zones"] = json!([zone]);
        }
        if let Some(identities) = self.identities(target.group) {
            body["identity"] = identities.to_json();
        }
        if self.user_data.is_some() {
            body["properties"]["userData"] = REDACTED.into();
        }
        let mut body = Body::from(body);
        for (pointer, secret) in [
            ("/properties/osProfile/adminPassword", &login.password),
            ("/properties/osProfile/customData", &self.custom_data),
            ("/properties/userData", &self.user_data),
        ] {
            if let Some(secret) = secret {
                body = body.with_secret(pointer, secret.clone());
            }
        }
        body
    }

    /// The machine's name without the characters that a host name cannot have, as `az` makes it.
    pub(super) fn computer_name(&self) -> String {
        self.name.as_str().replace('_', "")
    }

    /// What a reading of the machine is to hold, to be compared and shown.
    pub(super) fn expand(&self) -> [(&'static str, &'static str); 1] {
        let with_user_data = self.user_data.is_some();
        let parts = if with_user_data {
            "instanceView,userData"
        } else {
            "instanceView"
        };
        [("$expand", parts)]
    }

    /// Looks the user-assigned identities up, so that one that is not there is found out before anything is created.
    pub(super) async fn look_up_identities(
        &self,
        arm: &Client,
        group: &ResourceId,
    ) -> Result<(), Failure> {
        let identities = self.identities(group).unwrap_or_default();
        let found = join_all(
            identities
                .user
                .iter()
                .map(|id| arm.get(id, versions::MANAGED_IDENTITY)),
        )
        .await;
        for (id, found) in identities.user.iter().zip(found) {
            match found {
                Err(error) if error.is_not_found() && !arm.is_dry_run() => {
                    return Err(Failure::new(
                        Status::NotFound,
                        format!("there is no user-assigned identity '{id}'"),
                    )
                    .hint("Check --assign-identity, or create it with 'az-identity create'."));
                }
                // Who may assign an identity need not be allowed to read it: the machine's creation tells.
                _ => {}
            }
        }
        Ok(())
    }
}
