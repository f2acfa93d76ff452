//! Creates a virtual machine.

use super::{
    image::Facts,
    look::{self, Found, Looked},
    machine::{Addresses, summary},
    network::parts::Parts,
    request::Request,
    target::Target,
};
use crate::{cli::VmCreate, group};
use az_core::{
    arm::{Body, REDACTED, ResourceId, versions},
    cli::{Doing, Failure, SIDE_BY_SIDE, Session},
    name::MachineName,
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// What was made, and what it ended in if it was not all.
pub(crate) struct Made {
    pub(crate) made: Value,
    pub(crate) failure: Option<Failure>,
}

/// `vm create`.
pub(crate) async fn run(session: &Session, args: VmCreate) -> Result<Made, Failure> {
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
    let arm = session.arm()?;
    let group = session.group_id(args.resource_group.as_str()).await?;
    let location = match args.location {
        Some(location) => location,
        None => group::location(arm, &group).await?,
    };
    let target = &Target {
        group: &group,
        location: &location,
        tags: args.tags.to_json(),
        no_wait: args.no_wait,
    };
    let looked = look::all(arm, &requests, target, true).await?;
    session.none_of(look::refused(&looked, &group))?;
    let keys = look::keys(session, &looked)?;
    let mut results = stream::iter(looked)
        .map(|one| make(session, one, target, &keys))
        .buffered(SIDE_BY_SIDE);
    let (mut made, mut failed) = (Vec::new(), Vec::new());
    while let Some(result) = results.next().await {
        match result {
            Ok(machine) => made.push(machine),
            Err(failure) => failed.push(failure),
        }
    }
    let (total, of) = (requests.len(), failed.len());
    let failure = session.none_of(failed).err().map(|failure| match total {
        1 => failure,
        _ => failure.hint_also(&format!(
            "{of} of {total} machines were not made; run the same command again to go on."
        )),
    });
    if let (Some(failure), true) = (&failure, made.is_empty()) {
        return Err(failure.clone());
    }
    let made = match made {
        _ if target.no_wait || session.is_dry_run() => Value::Null,
        mut made if args.count.is_none() => made.pop().unwrap_or(Value::Null),
        made => made.into(),
    };
    Ok(Made { made, failure })
}

/// Makes a machine be there that was looked at and not refused: its network first, then itself.
pub(crate) async fn make(
    session: &Session,
    looked: Looked<'_>,
    target: &Target<'_>,
    keys: &[String],
) -> Result<Value, Failure> {
    let Looked { request, id, found } = looked;
    let assigned = request.identities.is_some();
    let machine = match found {
        Found::There {
            machine, addresses, ..
        } => again(session, request, target, &id, (machine, addresses)).await,
        Found::New { facts, parts } => match facts {
            Ok(facts) => new(session, request, target, &id, &facts, keys, parts).await,
            Err(failure) => Err(failure),
        },
    };
    Ok(match machine.doing(request.doing())? {
        Some((machine, addresses)) => summary(&id, &machine, &addresses, assigned),
        None => Value::Null,
    })
}

/// A machine with its addresses; `None` where nobody waits for it.
type Known = Option<(Value, Addresses)>;

async fn new(
    session: &Session,
    request: &Request,
    target: &Target<'_>,
    id: &ResourceId,
    facts: &Facts,
    keys: &[String],
    parts: Parts,
) -> Result<Known, Failure> {
    let arm = session.arm()?;
    let nic = request
        .network
        .make(arm, target, facts.windows, parts)
        .await?;
    let body = request.body(&nic, target, facts, keys);
    let answer = arm.put(id, versions::COMPUTE, body).await?;
    if target.no_wait || session.is_dry_run() {
        return Ok(None);
    }
    arm.wait_until_done(answer).await?;
    let (expand, interfaces) = (request.expand(), [nic.as_str()]);
    let (machine, addresses) = futures::join!(
        arm.get_with(id, versions::COMPUTE, &expand),
        Addresses::of(arm, &interfaces),
    );
    Ok(Some((machine?, addresses?)))
}

/// A machine that is there as it is wanted: waited for, then given its tags.
async fn again(
    session: &Session,
    request: &Request,
    target: &Target<'_>,
    id: &ResourceId,
    (there, addresses): (Value, Addresses),
) -> Result<Known, Failure> {
    let arm = session.arm()?;
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
