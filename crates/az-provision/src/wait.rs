//! Waits until something is as it is to be: `vm wait`, `group wait`, `keyvault wait`.

use crate::cli::Until;
use az_core::{
    arm::ResourceId,
    cli::{Doing, Failure, Query, Session, Status},
};
use serde_json::Value;
use std::time::Duration;

/// The pauses between two looks grow to this one: `az` looks every 30 seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is looked at.
pub(crate) struct Watched<'a> {
    /// In messages, as `virtual machine 'vm'`.
    pub(crate) what: String,
    pub(crate) id: ResourceId,
    pub(crate) version: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// How a `--custom` expression sees it.
    pub(crate) shape: fn(&Value) -> Value,
}

/// Looks until it is as asked for, or the time is over.
pub(crate) async fn until(
    session: &Session,
    watched: &Watched<'_>,
    until: &Until,
) -> Result<Value, Failure> {
    let custom = until
        .custom
        .as_deref()
        .map(|text| Query::compile_of("--custom", text))
        .transpose()?;
    let doing = format!("waiting for {}", watched.what);
    let arm = session.arm()?;
    let mut pause = until.interval.unwrap_or(Duration::from_secs(1));
    let _shown = session.progress(doing.clone());
    loop {
        let found = arm
            .find_with(&watched.id, watched.version, watched.query)
            .await
            .doing(&doing)?;
        if is_so(found.as_ref(), until, custom.as_ref(), watched.shape).doing(&doing)? {
            return Ok(Value::Null);
        }
        if pause >= session.budget.left() {
            return Err(Failure::new(
                Status::GaveUp,
                format!("{doing}: it is not so after {:?}", session.budget.total()),
            )
            .hint("Run the same command again to go on waiting, or give a longer --timeout."));
        }
        tokio::time::sleep(pause).await;
        if until.interval.is_none() {
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn is_so(
    found: Option<&Value>,
    until: &Until,
    custom: Option<&Query>,
    shape: fn(&Value) -> Value,
) -> Result<bool, Failure> {
    let Some(found) = found else {
        return Ok(until.deleted);
    };
    if until.deleted {
        return Ok(false);
    }
    if until.exists {
        return Ok(true);
    }
    if let Some(custom) = custom {
        let selected = custom.apply(&shape(found))?;
        return Ok(!selected.is_false());
    }
    // A state that is none of the known ones is one on the way.
    let state = found["properties"]["provisioningState"]
        .as_str()
        .unwrap_or("Succeeded");
    match state.to_ascii_lowercase().as_str() {
        "succeeded" => Ok(true),
        "failed" | "canceled" => Err(Failure::new(
            Status::Failed,
            format!("its provisioning ended as '{state}'"),
        )),
        _ => Ok(false),
    }
}
