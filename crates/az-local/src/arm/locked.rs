//! What locks prevent: looked at once a caller may do what it wants, for every change and every action of Resource Manager
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources>). Data is not locked.

use super::error::Error;
use crate::request::Context;
use crate::state::locks::{Level, Lock};
use crate::state::role_assignments::chain;
use crate::state::{Range, Resource};

/// How many locks a refusal names.
const MOST_NAMED: usize = 10;

/// Refuses an action at a scope that a lock prevents.
pub(super) fn check(cx: &Context<'_>, scope: &str, action: &str) -> Result<(), Error> {
    let (subject, kind) = action.rsplit_once('/').unwrap_or((action, ""));
    let word = match kind.to_ascii_lowercase().as_str() {
        "delete" => "delete",
        "write" | "action" => "write",
        _ => return Ok(()),
    };
    // Locks do not lock themselves.
    if subject.eq_ignore_ascii_case("Microsoft.Authorization/locks")
        || !cx.tx.any(&Range::<Lock>::Below(""))?
    {
        return Ok(());
    }
    let prevents = |lock: &Lock| word == "delete" || lock.level == Level::ReadOnly;
    let mut locked = Vec::new();
    for above in chain(scope) {
        let there = cx.tx.all(&Range::Equal(Lock::BY_SCOPE, &above))?;
        locked.extend(there.into_iter().filter(prevents).map(|lock| lock.scope));
    }
    if word == "delete" {
        // What goes takes along what is below it.
        let below = Resource::key_of(scope) + "/";
        let range = Range::Beginning(Lock::BY_SCOPE, below.as_str());
        let there = cx.tx.page(&range, None, MOST_NAMED)?.items;
        locked.extend(there.into_iter().map(|lock| lock.scope));
    }
    locked.dedup();
    if locked.is_empty() {
        return Ok(());
    }
    Err(Error::conflict(
        "ScopeLocked",
        format!(
            "The scope '{scope}' cannot perform {word} operation because following scope(s) are locked: '{}'. Please remove \
             the lock and try again.",
            locked.join(",")
        ),
    ))
}
