//! How many secrets are written and read in a second, and how soon, with few and with many clients at once.

use super::emulator::{Emulators, Running, Vault};
use super::{Goals, print};
use crate::Result;
use crate::arguments::PeersArguments;
use crate::base;
use crate::client::{Call, Client};
use crate::process::{self, Status};
use crate::table::{Table, mb, ms, quantile};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Secrets that are there to be read.
const THERE: usize = 1_000;
/// Turns that the time is cut in.
const TURNS: u32 = 3;
/// After an answer that is none, before the next request.
const PAUSE: Duration = Duration::from_millis(100);

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Set,
    Get,
}

/// What the clients of an emulator saw.
#[derive(Default)]
struct Seen {
    /// Microseconds of the good answers.
    times: Vec<u32>,
    errors: usize,
    seconds: f64,
    /// Seconds of a processor.
    server_cpu: f64,
    own_cpu: f64,
}

/// An emulator under load.
struct Side {
    running: Running,
    clients: Vec<(Client, usize)>,
    set: Seen,
    get: Seen,
    before: u64,
    peak: u64,
}

pub(crate) async fn measure(
    arguments: &PeersArguments,
    emulators: &Emulators,
    goals: &mut Goals,
) -> Result<()> {
    let turn = arguments.seconds() / TURNS;
    for clients in &arguments.clients {
        let mut sides = Vec::new();
        for emulator in &emulators.all {
            sides.push(Side::prepare(emulators.start(emulator).await?, clients.get()).await?);
        }
        for _ in 0..TURNS {
            for side in &mut sides {
                side.slice(Work::Set, turn).await?;
                side.slice(Work::Get, turn).await?;
            }
            // None is always the first.
            sides.rotate_left(1);
        }
        for side in &mut sides {
            side.set.times.sort_unstable();
            side.get.times.sort_unstable();
        }
        let place = |side: &Side| {
            let of = |one: &super::emulator::Emulator| one.kind == side.running.kind;
            emulators.all.iter().position(of)
        };
        sides.sort_by_key(place);
        let words = match clients.get() {
            1 => "1 client".to_owned(),
            many => format!("{many} clients"),
        };
        table(arguments, &words, &sides)?;
        judge(&words, &sides, goals)?;
    }
    Ok(())
}

impl Side {
    async fn prepare(running: Running, clients: usize) -> Result<Self> {
        let vault = &running.vault;
        let mut first = vault.client();
        for number in 0..THERE {
            first.send(&there(vault, number)).await?;
        }
        let mut ready = Vec::new();
        for number in 0..clients {
            let mut client = vault.client();
            // Connected, and warm.
            client.send(&vault.get(&name(number % THERE))).await?;
            ready.push((client, number << 40));
        }
        Ok(Side {
            before: process::proportional(running.pid())?,
            peak: 0,
            running,
            clients: ready,
            set: Seen::default(),
            get: Seen::default(),
        })
    }

    /// All clients work for this long.
    async fn slice(&mut self, work: Work, time: Duration) -> Result<()> {
        let (pid, own) = (self.running.pid(), std::process::id());
        let (server_cpu, own_cpu) = (process::cpu(pid)?, process::cpu(own)?);
        let began = Instant::now();
        let mut workers = JoinSet::new();
        for (client, count) in self.clients.drain(..) {
            let vault = self.running.vault.clone();
            workers.spawn(one(client, count, vault, work, began + time));
        }
        let seen = match work {
            Work::Set => &mut self.set,
            Work::Get => &mut self.get,
        };
        while let Some(ended) = workers.join_next().await {
            let (client, count, times, errors) = ended?;
            self.clients.push((client, count));
            seen.times.extend(times);
            seen.errors += errors;
        }
        seen.seconds += began.elapsed().as_secs_f64();
        seen.server_cpu += process::cpu(pid)? - server_cpu;
        seen.own_cpu += process::cpu(own)? - own_cpu;
        self.peak = process::status(pid).map(|Status { peak, .. }| peak)?;
        Ok(())
    }
}

fn name(number: usize) -> String {
    format!("there-{number:04}")
}

fn there(vault: &Vault, number: usize) -> Call {
    vault.set(&name(number), &base::value(number))
}

/// One client's requests, one after the other.
async fn one(
    mut client: Client,
    mut count: usize,
    vault: Vault,
    work: Work,
    until: Instant,
) -> (Client, usize, Vec<u32>, usize) {
    let (mut times, mut errors) = (Vec::new(), 0);
    while Instant::now() < until {
        count += 1;
        // Reads jump about among what is there; writes are of new names.
        let call = match work {
            Work::Set => vault.set(&format!("fresh-{count:x}"), &base::value(count)),
            Work::Get => vault.get(&name(count.wrapping_mul(0x9e37_79b9_7f4a_7c15) % THERE)),
        };
        let sent = Instant::now();
        match client.send(&call).await {
            Ok((status, _)) if (200..300).contains(&status) => {
                let took = u32::try_from(sent.elapsed().as_micros());
                times.push(took.unwrap_or(u32::MAX));
            }
            _ => {
                errors += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    (client, count, times, errors)
}

impl Seen {
    fn rate(&self) -> f64 {
        self.times.len() as f64 / self.seconds
    }

    fn late(&self) -> f64 {
        quantile(&self.times, 0.99)
    }

    fn cells(&self) -> [String; 5] {
        [
            format!("{:.0}", self.rate()),
            ms(quantile(&self.times, 0.5)),
            ms(self.late()),
            self.errors.to_string(),
            format!(
                "{:.2} / {:.2}",
                self.server_cpu / self.seconds,
                self.own_cpu / self.seconds
            ),
        ]
    }
}

fn table(arguments: &PeersArguments, words: &str, sides: &[Side]) -> Result<()> {
    let mut table = Table::new([
        words,
        "set/s",
        "p50 ms",
        "p99",
        "errors",
        "CPUs its / ours",
        "get/s",
        "p50 ms",
        "p99",
        "errors",
        "CPUs its / ours",
        "MB before",
        "most",
        "after",
    ]);
    for side in sides {
        let mut cells = vec![side.running.kind.name().to_owned()];
        cells.extend(side.set.cells());
        cells.extend(side.get.cells());
        cells.push(mb(side.before));
        cells.push(mb(side.peak));
        cells.push(mb(process::proportional(side.running.pid())?));
        table.row(cells);
    }
    let about = format!(
        "{words}, {} s of writing and as much of reading, in {TURNS} turns",
        arguments.seconds().as_secs()
    );
    print(&about, &table)
}

/// More answers, sooner, and less memory.
fn judge(words: &str, sides: &[Side], goals: &mut Goals) -> Result<()> {
    for other in sides.iter().filter(|side| !side.running.kind.is_ours()) {
        let ours = sides
            .iter()
            .find(|one| one.running.kind.stands_for(other.running.kind));
        let ours = ours.ok_or("az-local is not among them")?;
        let name = other.running.kind.name();
        for (what, theirs, ours) in [
            ("set", &other.set, &ours.set),
            ("get", &other.get, &ours.get),
        ] {
            let rate = format!("{what}/s, {words}");
            goals.more(&rate, name, theirs.rate(), ours.rate(), 1.0);
            let late = format!("{what} p99, {words}");
            goals.less(&late, name, theirs.late(), ours.late(), 1.0);
        }
        let after = |side: &Side| process::proportional(side.running.pid());
        goals.less(
            &format!("memory after load, {words}"),
            name,
            after(other)? as f64,
            after(ours)? as f64,
            5.0,
        );
    }
    Ok(())
}
