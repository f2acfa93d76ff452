//! Sets a user of a machine, by its agent's access extension.

use super::{keys, login, machine::id_of};
use crate::cli::UserUpdate;
use az_core::{
    arm::{Body, REDACTED, versions},
    cli::{Doing, Failure, Session, Status},
};
use secrecy::SecretString;
use serde_json::{Value, json};

/// Publisher, type and version, and the extension's name, as `az vm user update` has them
/// (azure-cli, `command_modules/vm/custom.py`).
const LINUX: (&str, &str, &str) = ("Microsoft.OSTCExtensions", "VMAccessForLinux", "1.5");
const WINDOWS: (&str, &str, &str) = ("Microsoft.Compute", "VMAccessAgent", "2.4");
const NAME: &str = "enablevmaccess";

/// `vm user update`.
pub(crate) async fn update(session: &Session, args: &UserUpdate) -> Result<Value, Failure> {
    let doing = format!(
        "setting user '{}' of virtual machine '{}'",
        args.username, args.act.name
    );
    let password = login::new_password(session, args)?;
    let key = match (&args.ssh_key_value, &password) {
        (Some(key), _) => Some(keys::one_key(session, key)?),
        (None, Some(_)) => None,
        (None, None) => Some(keys::own_key(session)?),
    };
    let arm = session.arm()?;
    let id = id_of(session, &args.act.name, args.act.resource_group.as_ref()).await?;
    let expand = [("$expand", "instanceView")];
    let machine = arm
        .get_with(&id, versions::COMPUTE, &expand)
        .await
        .doing(&doing)?;
    let system = machine["properties"]["storageProfile"]["osDisk"]["osType"].as_str();
    let windows = system.is_some_and(|system| system.eq_ignore_ascii_case("Windows"));
    if windows && key.is_some() {
        return Err(Failure::new(
            Status::Failed,
            format!("{doing}: Windows takes a password, and no key"),
        ));
    }
    let (publisher, kind, version) = if windows { WINDOWS } else { LINUX };
    // A handler is there once: the extension keeps the name that it has.
    let there = machine["resources"].as_array().into_iter().flatten();
    let name = there
        .filter(|one| {
            let is = &one["properties"]["type"];
            is.as_str().is_some_and(|is| is.eq_ignore_ascii_case(kind))
        })
        .find_map(|one| one["name"].as_str())
        .unwrap_or(NAME);
    let mut protected = json!({"username": args.username});
    let mut secrets: Vec<(&str, SecretString)> = Vec::new();
    if let Some(password) = password {
        // What Windows is told it calls by another case.
        let member = if windows { "Password" } else { "password" };
        protected[member] = REDACTED.into();
        secrets.push((member, password));
    }
    let mut settings = json!({});
    if windows {
        settings["UserName"] = args.username.as_str().into();
        if let Some(members) = protected.as_object_mut() {
            members.remove("username");
        }
    }
    if let Some(key) = key {
        protected["ssh_key"] = key.into();
    }
    let mut body = Body::from(json!({
        "location": machine["location"],
        "properties": {
            "publisher": publisher, "type": kind, "typeHandlerVersion": version,
            "settings": settings, "protectedSettings": protected,
        },
    }));
    for (member, secret) in secrets {
        body = body.with_secret(format!("/properties/protectedSettings/{member}"), secret);
    }
    let extension = id.child("extensions", name);
    let answer = arm
        .put(&extension, versions::COMPUTE, body)
        .await
        .doing(&doing)?;
    if args.act.no_wait {
        return Ok(Value::Null);
    }
    let _shown = session.progress(doing.clone());
    arm.wait(answer).await.doing(&doing)?;
    Ok(Value::Null)
}
