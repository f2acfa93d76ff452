//! What many secrets cost: memory, and the time of a write and a read.

use super::emulator::{Emulators, Running};
use super::{Goals, print};
use crate::Result;
use crate::arguments::PeersArguments;
use crate::base;
use crate::client::{Call, Client};
use crate::fill::{Limits, fill};
use crate::process;
use crate::table::{Table, mb, ms, quantile};
use std::time::Instant;

/// Requests of a kind at a size.
const SAMPLES: usize = 300;
/// Names that are written at every size.
const WRITTEN: usize = 16;

/// What there was at a size: microseconds, kB.
struct Seen {
    there: usize,
    /// Seconds from the first secret until there were as many.
    took: f64,
    memory: u64,
    set: f64,
    get: f64,
}

pub(crate) async fn measure(
    arguments: &PeersArguments,
    emulators: &Emulators,
    goals: &mut Goals,
) -> Result<()> {
    let mut all = Vec::new();
    for emulator in &emulators.all {
        let running = emulators.start(emulator).await?;
        let seen = grow(arguments, &running).await;
        let seen = seen.map_err(|error| format!("{}: {error}", emulator.kind.name()))?;
        all.push((emulator.kind, seen));
    }
    let mut table = Table::new([
        "emulator",
        "secrets",
        "s",
        "secrets/s",
        "set, ms",
        "get, ms",
        "MB",
        "bytes a secret",
    ]);
    for (kind, seen) in &all {
        let empty = seen.first().map_or(0, |first| first.memory);
        for (turn, one) in seen.iter().enumerate() {
            let name = if turn == 0 { kind.name() } else { "" };
            let each = 1024.0 * one.memory.saturating_sub(empty) as f64 / one.there.max(1) as f64;
            let filled = turn > 0;
            let only = |text: String| if filled { text } else { String::new() };
            table.row([
                name.to_owned(),
                one.there.to_string(),
                only(format!("{:.1}", one.took)),
                only(format!("{:.0}", one.there as f64 / one.took)),
                ms(one.set),
                ms(one.get),
                mb(one.memory),
                only(format!("{each:.0}")),
            ]);
        }
    }
    let about = format!(
        "growth, by 32 clients, {} s at most each",
        arguments.growth_limit().as_secs()
    );
    print(&about, &table)?;
    for (kind, seen) in all.iter().filter(|(kind, _)| !kind.is_ours()) {
        let ours = all.iter().find(|(one, _)| one.stands_for(*kind));
        let (_, ours) = ours.ok_or("az-local is not among them")?;
        // The most that both reached.
        let common = |one: &&Seen| ours.iter().any(|other| other.there == one.there);
        let Some(theirs) = seen.iter().rev().find(common) else {
            continue;
        };
        let Some(ours) = ours.iter().find(|one| one.there == theirs.there) else {
            continue;
        };
        let name = kind.name();
        let at = |what: &str| format!("{what} with {} secrets", theirs.there);
        let (memory, its) = (ours.memory as f64, theirs.memory as f64);
        goals.less(&at("memory"), name, its, memory, 5.0);
        goals.less(&at("set"), name, theirs.set, ours.set, 1.0);
        goals.less(&at("get"), name, theirs.get, ours.get, 1.0);
        if theirs.took > 0.0 {
            goals.less(&at("time to fill"), name, theirs.took, ours.took, 1.0);
        }
    }
    Ok(())
}

/// Fills an emulator, size by size, until it takes too long.
async fn grow(arguments: &PeersArguments, running: &Running) -> Result<Vec<Seen>> {
    let vault = running.vault.clone();
    let mut client = vault.client();
    let (mut there, mut took) = (0, 0.0);
    let mut all = Vec::new();
    for size in std::iter::once(0).chain(arguments.sizes()) {
        let left = arguments.growth_limit().as_secs_f64() - took;
        if left <= 0.0 {
            break;
        }
        let limits = Limits {
            time: std::time::Duration::from_secs_f64(left),
        };
        let (from, with) = (there, vault.clone());
        let filled = fill(&vault.dialer, size - there, limits, move |number| {
            let number = from + number;
            with.set(&name(number), &base::value(number))
        })
        .await?;
        there += filled.done;
        took += filled.took.as_secs_f64();
        let set = |turn: usize| {
            let name = format!("written-{}", turn % WRITTEN);
            vault.set(&name, &base::value(turn))
        };
        let get = |turn: usize| match there {
            0 => vault.get("first"),
            there => vault.get(&name(turn * 7_919 % there)),
        };
        all.push(Seen {
            there,
            took,
            memory: process::proportional(running.pid())?,
            set: median(&mut client, set).await?,
            get: median(&mut client, get).await?,
        });
        if there < size {
            break;
        }
    }
    Ok(all)
}

fn name(number: usize) -> String {
    format!("bulk-{number:07}")
}

/// The median of the times that requests take on one connection.
async fn median(client: &mut Client, call: impl Fn(usize) -> Call) -> Result<f64> {
    let mut times = Vec::with_capacity(SAMPLES);
    for turn in 0..SAMPLES {
        let call = call(turn);
        let sent = Instant::now();
        let (status, body) = client.send(&call).await?;
        if !(200..300).contains(&status) {
            return Err(format!("{status} {}", String::from_utf8_lossy(&body)).into());
        }
        times.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    times.sort_unstable();
    Ok(quantile(&times, 0.5))
}
