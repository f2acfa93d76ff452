//! Creates a virtual machine.

use super::{
    compare,
    machine::{Addresses, summary},
    request::{Request, Target},
    size,
};
use crate::{cli::VmCreate, keyvault::group_location};
use az_core::{
    arm::{Body, REDACTED, ResourceId, versions},
    cli::{Doing, Failure, Session},
};
use az_core::{cli::SIDE_BY_SIDE, name::MachineName};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// `vm create`.
pub(crate) async fn run(session: &Session, args: VmCreate) -> Result<Value, Failure> {
    let names = match args.count {
        None => vec![args.name.clone()],
        // As `az` names them: vm0, vm1, …
        Some(count) => (0..count)
            .map(|number| format!("{}{number}", args.name).parse())
            .collect::<Result<Vec<MachineName>, _>>()?,
    };
    let first = Request::checked(session, &args.name, args.machine)?;
    let requests = names
        .into_iter()
        .map(|name| first.renamed(name))
        .collect::<Result<Vec<_>, _>>()?;
    session.show_each_resource();
    let group = session.group_id(args.resource_group.as_str()).await?;
    let location = match args.location {
        Some(location) => location,
        None => group_location(session.arm()?, &group).await?,
    };
    let target = &Target {
        group: &group,
        location: &location,
        tags: args.tags.to_json(),
        no_wait: args.no_wait,
    };
    if args.count.is_none() {
        // There is one.
        return match requests.first() {
            Some(request) => ensure(session, request, target).await,
            None => Ok(Value::Null),
        };
    }
    let made: Vec<Result<Value, Failure>> = stream::iter(&requests)
        .map(|request| ensure(session, request, target))
        .buffered(SIDE_BY_SIDE)
        .collect()
        .await;
    let failed = made.iter().filter(|one| one.is_err()).count();
    let mut machines = Vec::new();
    let mut first = None;
    for one in made {
        match one {
            Ok(machine) => machines.push(machine),
            Err(failure) if failed == 1 => first = Some(failure),
            Err(failure) => {
                session.report(&failure);
                first.get_or_insert(failure);
            }
        }
    }
    match first {
        None if target.no_wait || session.is_dry_run() => Ok(Value::Null),
        None => Ok(machines.into()),
        Some(failure) if failed == 1 => Err(failure),
        Some(failure) => Err(Failure::new(
            failure.status,
            format!("{failed} of {} machines were not made", requests.len()),
        )
        .hint("The others are there: run the same command again to go on.")),
    }
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
    let expand = request.expand();
    let (there, facts, size, identities) = futures::join!(
        arm.find_with(&id, versions::COMPUTE, &expand),
        request.image.look_up(arm, subscription, target.location),
        size::look_up(arm, subscription, target.location, &request.size),
        request.look_up_identities(arm, target.group),
    );
    let assigned = request.identities.is_some();
    if let Some(there) = there.doing(&doing)? {
        let machine = again(session, request, target, &id, there)
            .await
            .doing(&doing)?;
        return match machine {
            Some((machine, addresses)) => Ok(summary(&id, &machine, &addresses, assigned)),
            None => Ok(Value::Null),
        };
    }
    let facts = facts.doing(&doing)?;
    size.doing(&doing)?;
    identities.doing(&doing)?;
    let keys = request.login.keys.made(session).doing(&doing)?;
    let tags = target.tags.clone().unwrap_or_else(|| json!({}));
    let nic = request
        .network
        .ensure(arm, target.group, target.location, &tags, facts.windows)
        .await
        .doing(&doing)?;
    let body = request.body(&nic, target, &facts, &keys);
    let answer = arm.put(&id, versions::COMPUTE, body).await.doing(&doing)?;
    if target.no_wait || session.is_dry_run() {
        return Ok(Value::Null);
    }
    arm.wait(answer).await.doing(&doing)?;
    let machine = arm
        .get_with(&id, versions::COMPUTE, &expand)
        .await
        .doing(&doing)?;
    let addresses = Addresses::read(arm, &machine).await.doing(&doing)?;
    Ok(summary(&id, &machine, &addresses, assigned))
}

/// A machine that is there: compared with the wanted one, then waited for, then given its tags. Gives it with its
/// addresses, unless nobody waits for it.
async fn again(
    session: &Session,
    request: &Request,
    target: &Target<'_>,
    id: &ResourceId,
    there: Value,
) -> Result<Option<(Value, Addresses)>, Failure> {
    let arm = session.arm()?;
    let mut differences = compare::machine(request, &there, target.group, target.location);
    let addresses = Addresses::read(arm, &there).await?;
    let interface = addresses.first();
    differences.extend(request.network.differences(arm, interface).await?);
    differences.result()?;
    let tags = target.tags.as_ref();
    let retag = tags.filter(|tags| **tags != there.get("tags").cloned().unwrap_or(json!({})));
    let secrets = request.login.password.is_some() || request.custom_data.is_some();
    if target.no_wait && retag.is_none() && !secrets {
        return Ok(None);
    }
    // An earlier run may have been interrupted while the machine was still being made.
    let settled = arm
        .wait_for_resource(id, versions::COMPUTE, there.clone())
        .await?;
    let mut stale = settled != there;
    compare_secrets(session, request, id).await?;
    if let Some(tags) = retag {
        let answer = arm
            .patch(id, versions::COMPUTE, json!({"tags": tags}))
            .await?;
        if target.no_wait {
            return Ok(None);
        }
        arm.wait(answer).await?;
        stale = true;
    }
    if target.no_wait {
        return Ok(None);
    }
    if !stale {
        return Ok(Some((there, addresses)));
    }
    let machine = arm
        .get_with(id, versions::COMPUTE, &request.expand())
        .await?;
    let addresses = Addresses::read(arm, &machine).await?;
    Ok(Some((machine, addresses)))
}

/// Has Azure compare what it shows to nobody, by a change that changes nothing: it refuses another password or other
/// custom data with `PropertyChangeNotAllowed`.
async fn compare_secrets(
    session: &Session,
    request: &Request,
    id: &ResourceId,
) -> Result<(), Failure> {
    let arm = session.arm()?;
    let mut profile = json!({});
    let mut secrets = Vec::new();
    for (member, secret) in [
        ("adminPassword", &request.login.password),
        ("customData", &request.custom_data),
    ] {
        if let Some(secret) = secret {
            profile[member] = REDACTED.into();
            secrets.push((format!("/properties/osProfile/{member}"), secret.clone()));
        }
    }
    if secrets.is_empty() {
        return Ok(());
    }
    let mut body = Body::from(json!({"properties": {"osProfile": profile}}));
    for (pointer, secret) in secrets {
        body = body.with_secret(pointer, secret);
    }
    let answer = async {
        arm.wait(arm.patch(id, versions::COMPUTE, body).await?)
            .await
    };
    match answer.await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("PropertyChangeNotAllowed") => Err(Failure::from(error)
            .doing("it exists already, and is to be another one")
            .hint("A machine is not overwritten: give the same settings, or another name.")),
        // Who may see a machine need not be allowed to change it.
        Err(error) => {
            session.warn(format!(
                "'{}' exists already, and whether its password and its custom data are the same is not known: {}",
                request.name,
                Failure::from(error)
            ));
            Ok(())
        }
    }
}
