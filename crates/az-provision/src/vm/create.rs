//! Creates a virtual machine.

use super::{
    data,
    image::{Facts, Image},
    login::Login,
    machine::summary,
    network::Network,
};
use crate::{
    cli::{DEFAULT_SIZE, Machine, VmCreate},
    group::same_location,
    keyvault::group_location,
};
use az_core::{
    arm::{ArmError, Body, Client, REDACTED, ResourceId, versions},
    cli::{Doing, Failure, Session, Status, read_identities},
    identity::{Identities, Word},
    name::{Location, MachineName},
};
use futures::future::join_all;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::path::Path;

/// A machine that is wanted, checked as far as it can be without asking Azure.
pub(crate) struct Request {
    name: MachineName,
    image: Image,
    size: String,
    login: Login,
    network: Network,
    disk_gb: Option<u32>,
    zone: Option<String>,
    /// The words for its identities; `None` where the flag was not given.
    identities: Option<Vec<Word>>,
    /// In base64, as all data here.
    custom_data: Option<SecretString>,
    user_data: Option<SecretString>,
}

/// Where the machine is to be.
pub(crate) struct Target<'a> {
    pub(crate) group: &'a ResourceId,
    pub(crate) location: &'a Location,
    pub(crate) tags: Option<Value>,
    pub(crate) no_wait: bool,
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
        let words = args.assign_identity.as_deref();
        if words.is_some_and(|words| words.iter().any(|word| word == "-"))
            && args.admin_password_file.as_deref() == Some(Path::new("-"))
        {
            return Err(Failure::usage(
                "--assign-identity and --admin-password-file cannot both read standard input",
            ));
        }
        Ok(Request {
            name: name.clone(),
            image,
            identities: words.map(read_identities).transpose()?,
            custom_data: data::CUSTOM.read(session, args.custom_data.as_ref())?,
            user_data: data::USER.read(session, args.user_data.as_ref())?,
            network: Network::checked(name.as_str(), &args)?,
            login: Login::checked(session, &args)?,
            size: args.size,
            disk_gb: args.os_disk_size_gb,
            zone: args.zone,
        })
    }

    fn id(&self, group: &ResourceId) -> ResourceId {
        group.resource("Microsoft.Compute", "virtualMachines", self.name.as_str())
    }

    /// The identities that are asked for, if any are.
    fn identities(&self, group: &ResourceId) -> Option<Identities> {
        let words = self.identities.as_ref()?;
        Some(Identities::named(words, group))
    }

    fn body(&self, nic: &ResourceId, target: &Target<'_>, facts: &Facts) -> Body {
        let login = &self.login;
        let mut user =
            json!({"computerName": self.computer_name(), "adminUsername": login.username});
        if login.password.is_some() {
            user["adminPassword"] = REDACTED.into();
        }
        if !login.keys.is_empty() {
            let path = format!("/home/{}/.ssh/authorized_keys", login.username);
            let keys: Vec<Value> = login
                .keys
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
        let mut body = json!({
            "location": target.location.canonical(),
            "tags": target.tags.clone().unwrap_or_else(|| json!({})),
            "properties": {
                "hardwareProfile": {"vmSize": self.size},
                "networkProfile": {"networkInterfaces": [{"id": nic.as_str()}]},
                "storageProfile": {"osDisk": disk, "imageReference": self.image.reference()},
                "osProfile": user,
            },
        });
        if let Some(plan) = &facts.plan {
            body["plan"] = plan.clone();
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
    fn computer_name(&self) -> String {
        self.name.as_str().replace('_', "")
    }

    /// Reads the machine, with what it is compared by.
    async fn find(&self, arm: &Client, id: &ResourceId) -> Result<Option<Value>, ArmError> {
        let expand = [("$expand", "userData")];
        let query = if self.user_data.is_some() {
            &expand[..]
        } else {
            &[]
        };
        arm.find_with(id, versions::COMPUTE, query).await
    }

    /// Looks the user-assigned identities up, so that one that is not there is found out before anything is created.
    async fn look_up_identities(&self, arm: &Client, group: &ResourceId) -> Result<(), Failure> {
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

    /// Says how a machine that is there differs from the wanted one, if it does. Its password and its custom data
    /// cannot be compared: Azure never gives them back. Identities are compared where some are asked for, and are to
    /// be those alone, as `az` makes them: one too many is a right too many.
    fn compare(
        &self,
        there: &Value,
        group: &ResourceId,
        location: &Location,
    ) -> Result<(), Failure> {
        let properties = &there["properties"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut differences = Vec::new();
        if !same_location(&text(&there["location"]), location) {
            differences.push(format!(
                "location is '{}', not '{}'",
                text(&there["location"]),
                location.canonical()
            ));
        }
        if !self
            .image
            .is(&properties["storageProfile"]["imageReference"])
        {
            differences.push(format!(
                "image is '{}', not '{}'",
                image_name(&properties["storageProfile"]["imageReference"]),
                image_name(&self.image.reference())
            ));
        }
        for (what, is, want) in [
            ("size", &properties["hardwareProfile"]["vmSize"], &self.size),
            (
                "admin user",
                &properties["osProfile"]["adminUsername"],
                &self.login.username,
            ),
        ] {
            if !text(is).eq_ignore_ascii_case(want) {
                differences.push(format!("{what} is '{}', not '{want}'", text(is)));
            }
        }
        let disk = properties["storageProfile"]["osDisk"]["diskSizeGB"].as_u64();
        if let (Some(is), Some(want)) = (disk, self.disk_gb)
            && is != u64::from(want)
        {
            differences.push(format!("OS disk has {is} GB, not {want}"));
        }
        let zone = there["zones"].get(0).and_then(Value::as_str);
        if let Some(want) = self.zone.as_deref()
            && zone != Some(want)
        {
            differences.push(format!(
                "zone is '{}', not '{want}'",
                zone.unwrap_or("none")
            ));
        }
        if let Some(want) = &self.user_data
            && properties["userData"].as_str() != Some(want.expose_secret())
        {
            differences.push("user data is not the same".to_owned());
        }
        let mut hint = "A machine is not overwritten: give the same settings, or another name.";
        let is = Identities::of(there);
        if let Some(want) = self.identities(group).filter(|want| *want != is) {
            differences.push(format!(
                "identities are '{}', not '{}'",
                is.words(group),
                want.words(group)
            ));
            hint = "A machine is not overwritten: give the same settings, or another name. 'az-identity vm assign' and \
                'az-identity vm remove' change its identities.";
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Status::Conflict,
            format!("it exists already, and its {}", differences.join(", its ")),
        )
        .hint(hint))
    }
}

/// An image reference as a user writes it.
fn image_name(reference: &Value) -> String {
    if let Some(id) = reference["id"].as_str() {
        return id.to_owned();
    }
    ["publisher", "offer", "sku", "version"]
        .map(|part| reference[part].as_str().unwrap_or_default())
        .join(":")
}

/// `vm create`.
pub(crate) async fn run(session: &Session, args: VmCreate) -> Result<Value, Failure> {
    let request = Request::checked(session, &args.name, args.machine)?;
    let group = session.group_id(args.resource_group.as_str()).await?;
    let location = match args.location {
        Some(location) => location,
        None => group_location(session.arm()?, &group).await?,
    };
    let target = Target {
        group: &group,
        location: &location,
        tags: args.tags.to_json(),
        no_wait: args.no_wait,
    };
    ensure(session, &request, &target).await
}

/// Makes the machine be there: its network first, then itself.
pub(crate) async fn ensure(
    session: &Session,
    request: &Request,
    target: &Target<'_>,
) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let id = request.id(target.group);
    let doing = format!("creating virtual machine '{}'", request.name);
    let subscription = target.group.subscription_id().unwrap_or_default();
    // All only read: side by side.
    let (there, facts, identities) = futures::join!(
        request.find(arm, &id),
        request.image.look_up(arm, subscription, target.location),
        request.look_up_identities(arm, target.group),
    );
    let assigned = request.identities.is_some();
    let _shown = session.progress(format!("Creating virtual machine {}", request.name));
    if let Some(there) = there.doing(&doing)? {
        request
            .compare(&there, target.group, target.location)
            .doing(&doing)?;
        if target.no_wait {
            return Ok(Value::Null);
        }
        arm.wait_for_resource(&id, versions::COMPUTE, there)
            .await
            .doing(&doing)?;
        return summary(arm, &id, assigned).await.doing(&doing);
    }
    let facts = facts.doing(&doing)?;
    identities.doing(&doing)?;
    let tags = target.tags.clone().unwrap_or_else(|| json!({}));
    let nic = request
        .network
        .ensure(arm, target.group, target.location, &tags, facts.windows)
        .await
        .doing(&doing)?;
    let body = request.body(&nic, target, &facts);
    let answer = arm.put(&id, versions::COMPUTE, body).await.doing(&doing)?;
    if target.no_wait || session.is_dry_run() {
        return Ok(Value::Null);
    }
    arm.wait(answer).await.doing(&doing)?;
    summary(arm, &id, assigned).await.doing(&doing)
}
