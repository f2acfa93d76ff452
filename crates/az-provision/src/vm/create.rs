//! Creates a virtual machine.

use super::{
    image::{Facts, Image},
    login::Login,
    network::Network,
    summary,
};
use crate::{
    cli::{DEFAULT_SIZE, Machine, VmCreate},
    group::same_location,
    keyvault::group_location,
};
use az_core::{
    arm::{Body, REDACTED, ResourceId, versions},
    cli::{Doing, Failure, Session, Status},
    name::{Location, MachineName},
};
use serde_json::{Value, json};

/// A machine that is wanted, checked as far as it can be without asking Azure.
pub(crate) struct Request {
    name: MachineName,
    image: Image,
    size: String,
    login: Login,
    network: Network,
    disk_gb: Option<u32>,
    zone: Option<String>,
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
        Ok(Request {
            name: name.clone(),
            image,
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
        let body = Body::from(body);
        match &login.password {
            Some(password) => {
                body.with_secret("/properties/osProfile/adminPassword", password.clone())
            }
            None => body,
        }
    }

    /// The machine's name without the characters that a host name cannot have, as `az` makes it.
    fn computer_name(&self) -> String {
        self.name.as_str().replace('_', "")
    }

    /// Says how a machine that is there differs from the wanted one, if it does. A password cannot be
    /// compared: Azure never gives it back.
    fn compare(&self, there: &Value, location: &Location) -> Result<(), Failure> {
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
        if differences.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Status::Conflict,
            format!("it exists already, and its {}", differences.join(", its ")),
        )
        .hint("A machine is not overwritten: give the same settings, or another name."))
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
    // Both only read: side by side.
    let (there, facts) = futures::join!(
        arm.find(&id, versions::COMPUTE),
        request.image.look_up(arm, subscription, target.location),
    );
    let _shown = session.progress(format!("Creating virtual machine {}", request.name));
    if let Some(there) = there.doing(&doing)? {
        request.compare(&there, target.location).doing(&doing)?;
        if target.no_wait {
            return Ok(Value::Null);
        }
        arm.wait_for_resource(&id, versions::COMPUTE, there)
            .await
            .doing(&doing)?;
        return summary(arm, &id).await.doing(&doing);
    }
    let facts = facts.doing(&doing)?;
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
    summary(arm, &id).await.doing(&doing)
}
