//! How many requests are answered, and how soon, with few and with many clients at once.

use crate::Result;
use crate::arguments::Arguments;
use crate::base;
use crate::client::Client;
use crate::desk::Desk;
use crate::instance::Instance;
use crate::mix::{Hand, Mix, NAMES, OPERATIONS};
use crate::process::{self, Status};
use crate::table::{Table, mb, ms, quantile};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How often the server's threads and memory are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How long a slice is.
const SLICE: Duration = Duration::from_secs(5);
/// After an answer that is none, before the next request.
const PAUSE: Duration = Duration::from_millis(100);
/// From the last answer until the threads are counted that are left.
const CALM: Duration = Duration::from_secs(1);

/// What a client, or all of them, saw.
#[derive(Default)]
struct Seen {
    /// Microseconds of the answers that are good, for each operation.
    times: [Vec<u32>; OPERATIONS],
    /// By status, or `connection`.
    errors: BTreeMap<String, usize>,
}

/// A server under load: what it has been seen to do so far.
struct Side {
    name: &'static str,
    instance: Instance,
    desk: Arc<Desk>,
    clients: Vec<(Client, Hand)>,
    seen: Seen,
    /// All times, sorted, at the end.
    times: Vec<u32>,
    seconds: f64,
    server_cpu: f64,
    own_cpu: f64,
    before: Status,
    threads: u64,
    after: Status,
    calm: Status,
}

/// Measures with each number of clients.
pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    say!(
        "== throughput: {} s of mixed work ==",
        arguments.seconds().as_secs()
    );
    say!("");
    let mut servers = vec![("this", arguments.server.as_path())];
    if let Some(peer) = &arguments.peer {
        servers.push(("peer", peer));
    }
    // With a peer the time is cut in slices, which are taken in turns: what else the computer does falls on both.
    let slices = match servers.len() {
        1 => 1,
        _ => u32::try_from(arguments.seconds().as_secs() / SLICE.as_secs())?.max(1),
    };
    for clients in &arguments.clients {
        let mut sides = Vec::new();
        for (name, server) in &servers {
            sides.push(Side::prepare(name, server, clients.get()).await?);
        }
        for turn in 0..slices {
            for side in &mut sides {
                side.slice(arguments.seconds() / slices).await?;
            }
            // Neither is always the first.
            if turn + 1 < slices {
                sides.reverse();
            }
        }
        for side in &mut sides {
            side.finish();
        }
        sides.sort_by_key(|side| side.name != "this");
        print(clients.get(), &sides);
    }
    Ok(())
}

impl Side {
    /// Starts a server, and connects its clients.
    async fn prepare(name: &'static str, server: &Path, clients: usize) -> Result<Self> {
        let instance = Instance::start(server)?;
        let desk = Arc::new(Desk::new(instance.sign_in()?).await?);
        base::make(Arc::clone(&desk)).await?;
        let mix = Arc::new(Mix::new(&desk));
        let mut ready = Vec::new();
        for number in 0..clients {
            let mut client = desk.client();
            for host in mix.hosts() {
                client.reach(host).await?;
            }
            ready.push((client, Hand::new(Arc::clone(&mix), number)));
        }
        Ok(Side {
            name,
            desk,
            clients: ready,
            seen: Seen::default(),
            times: Vec::new(),
            seconds: 0.0,
            server_cpu: 0.0,
            own_cpu: 0.0,
            before: instance.status()?,
            threads: 0,
            after: Status::default(),
            calm: Status::default(),
            instance,
        })
    }

    /// All clients work for this long.
    async fn slice(&mut self, time: Duration) -> Result<()> {
        let (pid, own) = (self.instance.pid(), std::process::id());
        let (server_cpu, own_cpu) = (process::cpu(pid)?, process::cpu(own)?);
        let began = Instant::now();
        let mut workers = JoinSet::new();
        for (client, hand) in self.clients.drain(..) {
            let desk = Arc::clone(&self.desk);
            workers.spawn(work(client, hand, desk, began + time));
        }
        while began.elapsed() < time {
            tokio::time::sleep(LOOK.min(time)).await;
            self.threads = self.threads.max(self.instance.status()?.threads);
        }
        while let Some(ended) = workers.join_next().await {
            let (client, hand, seen) = ended?;
            self.clients.push((client, hand));
            self.seen.add(seen);
        }
        self.seconds += began.elapsed().as_secs_f64();
        self.server_cpu += process::cpu(pid)? - server_cpu;
        self.own_cpu += process::cpu(own)? - own_cpu;
        self.after = self.instance.status()?;
        tokio::time::sleep(CALM).await;
        self.calm = self.instance.status()?;
        Ok(())
    }

    /// Sorts what was seen.
    fn finish(&mut self) {
        self.times = self.seen.times.concat();
        self.times.sort_unstable();
        for times in &mut self.seen.times {
            times.sort_unstable();
        }
    }
}

/// One client's requests, one after the other.
async fn work(
    mut client: Client,
    mut hand: Hand,
    desk: Arc<Desk>,
    until: Instant,
) -> (Client, Hand, Seen) {
    let mut seen = Seen::default();
    while Instant::now() < until {
        let (operation, call) = hand.next(&desk);
        let sent = Instant::now();
        let answer = client.send(&call).await;
        let took = sent.elapsed();
        let error = match answer {
            Ok((status, _)) if (200..300).contains(&status) => {
                seen.times[operation].push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
                continue;
            }
            Ok((status, _)) => status.to_string(),
            Err(_) => "connection".to_owned(),
        };
        *seen.errors.entry(error).or_default() += 1;
        tokio::time::sleep(PAUSE).await;
    }
    (client, hand, seen)
}

impl Seen {
    fn add(&mut self, other: Seen) {
        for (all, some) in self.times.iter_mut().zip(other.times) {
            all.extend(some);
        }
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
    }

    fn errors(&self) -> String {
        let words = self
            .errors
            .iter()
            .map(|(error, count)| format!("{error}: {count}"));
        let words: Vec<String> = words.collect();
        if words.is_empty() {
            "0".to_owned()
        } else {
            words.join(", ")
        }
    }
}

/// What is printed of a side.
impl Side {
    fn rate(&self) -> f64 {
        self.times.len() as f64 / self.seconds
    }

    fn cells(&self) -> Vec<String> {
        let at = |share| ms(quantile(&self.times, share));
        vec![
            format!("{:.0}", self.rate()),
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
            self.seen.errors(),
            format!("{} / {}", self.threads, self.calm.threads),
            format!(
                "{} / {} / {}",
                mb(self.before.resident),
                mb(self.after.peak),
                mb(self.after.resident)
            ),
            format!(
                "{:.2} / {:.2}",
                self.server_cpu / self.seconds,
                self.own_cpu / self.seconds
            ),
        ]
    }
}

fn print(clients: usize, sides: &[Side]) {
    let mut table = Table::new([
        format!("{clients} client{}", if clients == 1 { "" } else { "s" }).as_str(),
        "requests/s",
        "p50 ms",
        "p99",
        "p99.9",
        "max",
        "errors",
        "threads during / after",
        "MB start / peak / end",
        "CPUs server / generator",
    ]);
    for side in sides {
        let mut cells = vec![side.name.to_owned()];
        cells.extend(side.cells());
        table.row(cells);
    }
    if let [this, peer] = sides {
        let ratio = |of: fn(&Side) -> f64| format!("{:.2}", of(this) / of(peer));
        table.row([
            "this / peer".to_owned(),
            ratio(Side::rate),
            ratio(|side| quantile(&side.times, 0.5)),
            ratio(|side| quantile(&side.times, 0.99)),
            ratio(|side| quantile(&side.times, 0.999)),
        ]);
    }
    table.print();
    let mut heading = vec!["  of these".to_owned()];
    for side in sides {
        heading.extend([
            format!("{}, count", side.name),
            "p50 ms".to_owned(),
            "p99".to_owned(),
        ]);
    }
    let mut table = Table::new(heading);
    for (operation, name) in NAMES.iter().enumerate() {
        let mut cells = vec![format!("  {name}")];
        for side in sides {
            let times = &side.seen.times[operation];
            cells.extend([
                times.len().to_string(),
                ms(quantile(times, 0.5)),
                ms(quantile(times, 0.99)),
            ]);
        }
        table.row(cells);
    }
    table.print();
}
