//! The same act for each of several things from standard input.

use super::{
    failure::Failure,
    lines::Item,
    machine_args::{Machine, MachineArgs},
    session::Session,
};
use futures::{StreamExt, stream};
use serde_json::Value;
use std::future::Future;

/// How many are under way at once.
pub const SIDE_BY_SIDE: usize = 8;

/// Runs `act` for each machine that the arguments name, as [`for_each`] does.
///
/// # Errors
/// Those of [`for_each`], and arguments that name no machine.
pub async fn for_each_machine<F, Fut>(
    session: &Session,
    args: &MachineArgs,
    act: F,
) -> Result<(), Failure>
where
    F: Fn(Machine) -> Fut,
    Fut: Future<Output = Result<Value, Failure>>,
{
    for_each_of(session, args.machines()?, act).await
}

/// Runs `act` for each item, some side by side. One item's result is printed like that of a direct argument;
/// several give a line each, in the same order. An item that fails is reported with its line number and does
/// not stop the others.
///
/// # Errors
/// The first failure, when any item failed; its message tells how many did.
pub async fn for_each<F, Fut>(session: &Session, items: Vec<Item>, act: F) -> Result<(), Failure>
where
    F: Fn(Item) -> Fut,
    Fut: Future<Output = Result<Value, Failure>>,
{
    let items = items
        .into_iter()
        .map(|item| (format!("line {}", item.line), item))
        .collect();
    for_each_of(session, items, act).await
}

/// Runs `act` for each of several things, some side by side, with what they are called in messages, as `line 3`; see
/// [`for_each`].
///
/// # Errors
/// Those of [`for_each`].
pub async fn for_each_of<T, F, Fut>(
    session: &Session,
    items: Vec<(String, T)>,
    act: F,
) -> Result<(), Failure>
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<Value, Failure>>,
{
    if items.len() == 1 {
        for (_, item) in items {
            session.print(&act(item).await?)?;
        }
        return Ok(());
    }
    let total = items.len();
    let act = &act;
    let mut results = stream::iter(items)
        .map(|(called, item)| async move { (called, act(item).await) })
        .buffered(SIDE_BY_SIDE);
    let mut failed = 0;
    let mut first: Option<Failure> = None;
    while let Some((called, result)) = results.next().await {
        // Each has the whole time.
        session.budget.renew();
        match result {
            Ok(value) => session.print_line(&value, None)?,
            Err(failure) => {
                failed += 1;
                session.report(&failure.clone().doing(called));
                first.get_or_insert(failure);
            }
        }
    }
    match first {
        None => Ok(()),
        Some(first) => {
            let all = Failure::new(first.status, format!("{failed} of {total} failed"));
            Err(if failed < total {
                all.hint("The others are done; run the failed ones again.")
            } else {
                all
            })
        }
    }
}
