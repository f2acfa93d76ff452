//! The same act for each of several things: from standard input, or named.

use super::{
    failure::Failure,
    list::List,
    list_args::ListArgs,
    machine_args::{Machine, MachineArgs},
    session::Session,
    under_way::Bar,
};
use futures::{Stream, StreamExt, stream};
use serde_json::Value;
use std::{cell::Cell, future::Future, rc::Rc, sync::Arc};
use tokio::sync::Semaphore;

/// How many are under way at once where nobody asks for a number.
pub const SIDE_BY_SIDE: usize = 8;

/// What became of one thing of a list.
enum Done {
    So(Result<Value, Failure>),
    /// It was not begun, as another had failed.
    NotBegun,
}

/// What became of a list.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many things there were, or were begun where it was stopped.
    pub total: usize,
    /// How many of them failed.
    pub failed: usize,
    /// The first failure, with what it was of.
    pub first: Option<(String, Failure)>,
    /// What the first one is called that was not begun.
    pub stopped_before: Option<String>,
}

impl Outcome {
    /// What it is to the tool.
    ///
    /// # Errors
    /// Something failed: with the status of the first that did.
    pub fn result(self) -> Result<(), Failure> {
        let Some((called, first)) = self.first else {
            return Ok(());
        };
        let (failed, total) = (self.failed, self.total);
        let Some(next) = self.stopped_before else {
            let all = Failure::new(first.status, format!("{failed} of {total} failed"));
            return Err(if failed < total {
                all.hint("The others are done; run the failed ones again.")
            } else {
                all
            });
        };
        let others = match failed {
            1 => called,
            2 => format!("{called} and 1 more"),
            _ => format!("{called} and {} more", failed - 1),
        };
        let message =
            format!("stopped at the first failure: {failed} of the {total} that were begun failed");
        Err(Failure::new(first.status, message)
            .hint(format!("Run {others} again, and go on at {next}.")))
    }
}

/// Runs `act` for each machine that the arguments name, as [`for_each`] does.
///
/// # Errors
/// Those of [`for_each`], and arguments that name no machine.
pub async fn for_each_machine<F, Fut>(
    session: &Session,
    args: &ListArgs,
    machines: &MachineArgs,
    act: F,
) -> Result<(), Failure>
where
    F: Fn(Machine) -> Fut,
    Fut: Future<Output = Result<Value, Failure>>,
{
    for_each(session, args, machines.list().await?, act).await
}

/// Runs `act` for each thing of a list, so many side by side as the arguments say. One thing's result is printed like that of
/// a direct argument; several give a line each, in the order of the list. One that fails is reported with its line's number,
/// and does not stop the others unless the arguments say so. No more of a list is held than is worked on.
///
/// # Errors
/// The first failure, when any failed; its message tells how many did.
pub async fn for_each<T, F, Fut>(
    session: &Session,
    args: &ListArgs,
    list: List<'_, T>,
    act: F,
) -> Result<(), Failure>
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<Value, Failure>>,
{
    if list.is_one() {
        return one(session, args, list, act).await;
    }
    each(session, args, list, act, |_, _| {}).await?.result()
}

async fn one<T, F, Fut>(
    session: &Session,
    args: &ListArgs,
    mut list: List<'_, T>,
    act: F,
) -> Result<(), Failure>
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<Value, Failure>>,
{
    if args.unpaced {
        session.pacer.without_limits();
    }
    match list.next().await {
        Some(entry) => session.print(&act(entry.thing?).await?),
        None => Ok(()),
    }
}

/// As [`for_each`] for several things, telling `note` of each in their order, and what became of them all.
///
/// # Errors
/// A result cannot be printed.
pub async fn each<T, F, Fut>(
    session: &Session,
    args: &ListArgs,
    list: List<'_, T>,
    act: F,
    mut note: impl FnMut(&str, bool),
) -> Result<Outcome, Failure>
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<Value, Failure>>,
{
    if args.unpaced {
        session.pacer.without_limits();
    }
    let bar = session.bar();
    let mut results = std::pin::pin!(in_order(args, list, &bar, act));
    let mut outcome = Outcome::default();
    while let Some((called, done)) = results.next().await {
        // Each has the whole time.
        session.budget.renew();
        let Done::So(result) = done else {
            outcome.stopped_before = Some(called);
            break;
        };
        outcome.total += 1;
        note(&called, result.is_ok());
        match result {
            Ok(value) => session.print_line(&value, None)?,
            Err(failure) => {
                outcome.failed += 1;
                session.report(&failure.clone().doing(&called));
                outcome.first.get_or_insert((called, failure));
            }
        }
    }
    Ok(outcome)
}

/// What becomes of each thing, in the order of the list. They are begun in that order too, so what is behind one that was not
/// begun was not either.
fn in_order<'l, T, F, Fut>(
    args: &ListArgs,
    list: List<'l, T>,
    bar: &'l Bar,
    act: F,
) -> impl Stream<Item = (String, Done)> + use<'l, T, F, Fut>
where
    T: 'l,
    F: Fn(T) -> Fut + 'l,
    Fut: Future<Output = Result<Value, Failure>> + 'l,
{
    let fail_fast = args.fail_fast;
    // Those that are done wait for those before them; meanwhile others are worked on, up to a bound.
    let held = args.jobs() * 4;
    let running = Arc::new(Semaphore::new(args.jobs()));
    let has_failed = Rc::new(Cell::new(false));
    let stop = has_failed.clone();
    let begun = stream::unfold(Some(list), move |list| {
        let (running, stop) = (running.clone(), stop.clone());
        async move {
            let mut list = list?;
            let entry = list.next().await?;
            // Nobody closes it.
            let permit = running.acquire_owned().await.ok();
            bar.knows_of(list.total());
            if fail_fast && stop.get() {
                return Some(((entry, None), None));
            }
            Some(((entry, Some(permit)), Some(list)))
        }
    });
    begun
        .map(move |(entry, permit)| {
            let has_failed = has_failed.clone();
            let result = match (entry.thing, &permit) {
                (_, None) => None,
                (Ok(thing), Some(_)) => Some(Ok(act(thing))),
                (Err(failure), Some(_)) => Some(Err(failure)),
            };
            async move {
                let result = match result {
                    None => return (entry.called, Done::NotBegun),
                    Some(Ok(act)) => act.await,
                    Some(Err(failure)) => Err(failure),
                };
                if result.is_err() {
                    has_failed.set(true);
                }
                drop(permit);
                bar.advance();
                (entry.called, Done::So(result))
            }
        })
        .buffered(held)
}
