//! From a program's start until its first secret, and what memory it has then.

use super::emulator::{Emulators, Kind};
use super::{Goals, print};
use crate::Result;
use crate::arguments::PeersArguments;
use crate::process;
use crate::table::{Table, mb, ms, quantile};
use std::time::Duration;

/// After the first secret, before memory is looked at.
const REST: Duration = Duration::from_millis(500);
/// How much less az-local is to need.
const TIMES: f64 = 5.0;

/// What was seen of one emulator, a value a start: microseconds, kB.
struct Seen {
    kind: Kind,
    listening: Vec<u32>,
    secret: Vec<u32>,
    resident: Vec<u32>,
    proportional: Vec<u32>,
    threads: u64,
}

pub(crate) async fn measure(
    arguments: &PeersArguments,
    emulators: &Emulators,
    goals: &mut Goals,
) -> Result<()> {
    let mut all: Vec<Seen> = emulators.all.iter().map(|one| Seen::of(one.kind)).collect();
    for _ in 0..arguments.runs() {
        for (emulator, seen) in emulators.all.iter().zip(&mut all) {
            let running = emulators.start(emulator).await?;
            seen.listening.push(micros(running.times.listening));
            seen.secret.push(micros(running.times.secret));
            tokio::time::sleep(REST).await;
            let status = process::status(running.pid())?;
            seen.resident.push(u32::try_from(status.resident)?);
            let proportional = process::proportional(running.pid())?;
            seen.proportional.push(u32::try_from(proportional)?);
            seen.threads = seen.threads.max(status.threads);
        }
    }
    for seen in &mut all {
        for values in [
            &mut seen.listening,
            &mut seen.secret,
            &mut seen.resident,
            &mut seen.proportional,
        ] {
            values.sort_unstable();
        }
    }
    let mut table = Table::new([
        "emulator",
        "listens, ms",
        "first secret, ms",
        "least - most",
        "times az-local's",
        "resident, MB",
        "proportional",
        "times az-local's",
        "threads",
    ]);
    for seen in &all {
        let ours = all.iter().find(|one| one.kind.stands_for(seen.kind));
        let ours = ours.ok_or("az-local is not among them")?;
        let ratio = |of: fn(&Seen) -> f64| match seen.kind.is_ours() {
            true => String::new(),
            false => format!("{:.1}", of(seen) / of(ours)),
        };
        table.row([
            seen.kind.name().to_owned(),
            ms(quantile(&seen.listening, 0.5)),
            ms(seen.ready()),
            format!(
                "{} - {}",
                ms(quantile(&seen.secret, 0.0)),
                ms(quantile(&seen.secret, 1.0))
            ),
            ratio(Seen::ready),
            mb(quantile(&seen.resident, 0.5) as u64),
            mb(seen.memory() as u64),
            ratio(Seen::memory),
            seen.threads.to_string(),
        ]);
        if !seen.kind.is_ours() {
            let name = seen.kind.name();
            goals.less("ready", name, seen.ready(), ours.ready(), TIMES);
            goals.less("memory at rest", name, seen.memory(), ours.memory(), TIMES);
        }
    }
    let about = format!("ready and at rest: medians of {} starts", arguments.runs());
    print(&about, &table)
}

impl Seen {
    fn of(kind: Kind) -> Self {
        Seen {
            kind,
            listening: Vec::new(),
            secret: Vec::new(),
            resident: Vec::new(),
            proportional: Vec::new(),
            threads: 0,
        }
    }

    fn ready(&self) -> f64 {
        quantile(&self.secret, 0.5)
    }

    fn memory(&self) -> f64 {
        quantile(&self.proportional, 0.5)
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
