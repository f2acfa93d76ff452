//! Sends the deployments of a fleet, side by side, each after those that it needs.
//!
//! A deployment's name comes of its content. One of that name that succeeded is done, one that runs is waited for, and
//! one that failed is sent again: so a run goes on where the one before it was cut.

use super::{deployment::Deployment, look::each};
use az_core::{
    arm::{Client, ResourceId, described, versions},
    cli::{Doing, Failure, Session, Status},
};
use futures::{StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// What is there of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It was never sent, or it failed.
    Missing,
    Running,
    Succeeded,
}

impl Found {
    fn of(there: Option<&Value>) -> Self {
        let state = there.and_then(|there| there["properties"]["provisioningState"].as_str());
        match state.map(str::to_ascii_lowercase).as_deref() {
            None | Some("failed" | "canceled") => Found::Missing,
            Some("succeeded") => Found::Succeeded,
            Some(_) => Found::Running,
        }
    }
}

/// What would become of a deployment.
pub(super) struct Outlook {
    pub(super) found: Found,
    /// What it would change of what is there; `None` where that is known only once another deployment is done.
    pub(super) changes: Option<Vec<Change>>,
}

/// A resource that is there and would be changed.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) id: String,
    /// The members that would be changed.
    members: Vec<String>,
}

impl Change {
    pub(super) fn shown(&self) -> String {
        let what = match self.id.parse::<ResourceId>() {
            Ok(id) => described(&id),
            Err(_) => self.id.clone(),
        };
        format!("{what} ({})", self.members.join(", "))
    }
}

/// Looks at what is there of the deployments, and asks Azure what those would change that are still to be sent. Nothing
/// is there in a place that `is_new`.
pub(super) async fn look(
    arm: &Client,
    all: &[Deployment],
    is_new: impl Fn(&Deployment) -> bool,
    jobs: usize,
) -> Result<Vec<Outlook>, Failure> {
    let is_new = &is_new;
    let found = each(all, jobs, |one| async move {
        match is_new(one) {
            true => Ok(Found::Missing),
            false => find(arm, one).await,
        }
    });
    let found = found.await?;
    let pending = |one: &Deployment| {
        let mut after = one.after.iter();
        after.any(|at| found[*at] != Found::Succeeded)
    };
    let changes = each(all.iter().zip(&found), jobs, |(one, found)| async move {
        if *found != Found::Missing || is_new(one) {
            return Ok(Some(vec![]));
        }
        match pending(one) {
            true => Ok(None),
            false => what_if(arm, one).await.map(Some),
        }
    });
    let changes = changes.await?.into_iter();
    let outlooks = changes
        .zip(found.iter().cloned())
        .map(|(changes, found)| Outlook { found, changes });
    Ok(outlooks.collect())
}

async fn find(arm: &Client, one: &Deployment) -> Result<Found, Failure> {
    let found = arm.find(one.id(), versions::RESOURCES).await;
    let found = found.doing(format!("reading deployment '{}'", one.name))?;
    Ok(Found::of(found.as_ref()))
}

/// What a deployment would change of what is there.
/// <https://learn.microsoft.com/azure/azure-resource-manager/templates/deploy-what-if>
async fn what_if(arm: &Client, one: &Deployment) -> Result<Vec<Change>, Failure> {
    let path = format!("{}/whatIf", one.id());
    let asked = arm
        .ask_and_wait(path, versions::RESOURCES, &one.body())
        .await
        .doing(format!(
            "asking what deployment '{}' would change",
            one.name
        ))?;
    if let Some(error) = asked.get("error").filter(|error| error.is_object()) {
        let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
        let mut failure = Failure::new(
            Status::Failed,
            format!("deployment '{}' would fail: {}", one.name, text("message")),
        );
        failure.code = Some(text("code"));
        return Err(failure);
    }
    let changes = asked["properties"]["changes"].as_array();
    let changes = changes.into_iter().flatten();
    let changed =
        changes.filter(|change| matches!(change["changeType"].as_str(), Some("Modify" | "Delete")));
    let changed = changed.map(|change| {
        let delta = change["delta"].as_array();
        let paths = delta.into_iter().flatten();
        let paths = paths.filter_map(|change| change["path"].as_str());
        Change {
            id: change["resourceId"].as_str().unwrap_or_default().to_owned(),
            members: paths.map(str::to_owned).collect(),
        }
    });
    Ok(changed.collect())
}

/// What became of a deployment.
pub(super) struct Ended {
    pub(super) at: usize,
    pub(super) result: Result<&'static str, Failure>,
}

/// Sends the deployments. `may_change` says whether what is there may be changed. `tell` hears of each as it ends.
pub(super) async fn send(
    session: &Session,
    all: &[Deployment],
    outlooks: &[Outlook],
    may_change: bool,
    jobs: usize,
    mut tell: impl FnMut(Ended) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let arm = session.arm()?;
    let mut missing: Vec<usize> = all.iter().map(|one| one.after.len()).collect();
    let mut followers = vec![Vec::new(); all.len()];
    for (at, one) in all.iter().enumerate() {
        for before in &one.after {
            followers[*before].push(at);
        }
    }
    let mut ready: VecDeque<usize> = (0..all.len()).filter(|at| missing[*at] == 0).collect();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < jobs
            && let Some(at) = ready.pop_front()
        {
            let (one, outlook) = (&all[at], &outlooks[at]);
            running.push(async move { (at, deploy(arm, one, outlook, may_change).await) });
        }
        let Some((at, result)) = running.next().await else {
            return Ok(());
        };
        // Each has the whole time.
        session.budget.renew();
        if result.is_ok() {
            for next in &followers[at] {
                missing[*next] -= 1;
                if missing[*next] == 0 {
                    ready.push_back(*next);
                }
            }
        } else {
            abandon(at, &followers, all, &mut tell)?;
        }
        tell(Ended { at, result })?;
    }
}

/// What comes after one that failed is not sent.
fn abandon(
    failed: usize,
    followers: &[Vec<usize>],
    all: &[Deployment],
    tell: &mut impl FnMut(Ended) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut left = followers[failed].clone();
    let mut told = std::collections::HashSet::new();
    while let Some(at) = left.pop() {
        if !told.insert(at) {
            continue;
        }
        left.extend(&followers[at]);
        let failure = Failure::new(
            Status::Failed,
            format!(
                "it was not sent: it comes after deployment '{}', which failed",
                all[failed].name
            ),
        );
        tell(Ended {
            at,
            result: Err(failure),
        })?;
    }
    Ok(())
}

/// Makes one be done; says how.
async fn deploy(
    arm: &Client,
    one: &Deployment,
    outlook: &Outlook,
    may_change: bool,
) -> Result<&'static str, Failure> {
    let id = one.id();
    match outlook.found {
        Found::Succeeded => return Ok("there"),
        Found::Running if wait(arm, &id).await?.is_some() => return Ok("waited for"),
        Found::Running | Found::Missing => {}
    }
    if outlook.changes.is_none() && !may_change && !arm.is_dry_run() {
        let changes = what_if(arm, one).await?;
        if let Some(change) = changes.first() {
            return Err(Failure::new(
                Status::Conflict,
                format!("it would change {}", change.shown()),
            )
            .hint("Look at it with --plan, and give --yes."));
        }
    }
    let doing = format!("deploying '{}'", one.name);
    match arm.put(&id, versions::RESOURCES, one.body()).await {
        Ok(answer) => {
            arm.wait(answer).await.doing(doing)?;
            Ok("deployed")
        }
        // Another run was faster.
        Err(error) if error.code() == Some("DeploymentActive") => match wait(arm, &id).await? {
            Some(()) => Ok("waited for"),
            None => Err(error).doing(doing),
        },
        Err(error) => Err(error).doing(doing),
    }
}

/// Waits for a deployment that runs; `None` where it did not succeed.
async fn wait(arm: &Client, id: &ResourceId) -> Result<Option<()>, Failure> {
    let latest = arm.get(id, versions::RESOURCES).await?;
    if Found::of(Some(&latest)) == Found::Running {
        // What it failed of is found again when it is sent again.
        let ended = arm.wait_for_resource(id, versions::RESOURCES, latest).await;
        if let Err(error) = ended
            && error.status().is_none()
        {
            return Err(error.into());
        }
    }
    let latest = arm.get(id, versions::RESOURCES).await?;
    Ok((Found::of(Some(&latest)) == Found::Succeeded).then_some(()))
}

/// What became of a deployment, as it is printed.
pub(super) fn shown(one: &Deployment, state: &str) -> Value {
    let mut shown = json!({"subscription": one.place.subscription_id()});
    if let Some(group) = one.place.resource_group() {
        shown["resourceGroup"] = group.into();
    }
    shown["name"] = one.name.as_str().into();
    shown["state"] = state.into();
    shown["resources"] = one.resources.len().into();
    shown
}
