//! Whether a request costs the same however much there is.
//!
//! An instance for each size is filled, and then all are measured in turns, a few requests of each kind at a time, so
//! that what else the computer does falls on all sizes alike.

use crate::Result;
use crate::arguments::Arguments;
use crate::base::{self, Base};
use crate::client::Client;
use crate::desk::Desk;
use crate::fill::{Filled, Limits};
use crate::instance::Instance;
use crate::populate::{Kind, populate};
use crate::process::{self, Status};
use crate::rows::{self, Row};
use crate::table::{Table, mb, ms, quantile};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Turns that the requests are spread over.
const ROUNDS: usize = 8;
/// Requests before a turn's first one that counts.
const WARM_UP: usize = 5;
/// How long a turn may take with one kind of request at one size; one request counts even so.
const TURN: Duration = Duration::from_secs(1);
/// Starts that are timed.
const STARTS: usize = 3;

/// An instance of one size.
struct Place {
    size: usize,
    instance: Instance,
    base: Base,
    client: Client,
    filled: Filled,
    rows: Vec<Row>,
    notes: Vec<String>,
    /// Microseconds, for each row.
    samples: Vec<Vec<u32>>,
    memory: Status,
}

/// Measures a kind of population at all sizes. How many rows passed, and how many there are.
pub(crate) async fn measure(arguments: &Arguments, kind: Kind) -> Result<(usize, usize)> {
    let (name, what) = kind.words();
    say!("== {name}: {what} ==");
    let mut places = Vec::new();
    for size in &arguments.sizes() {
        places.push(Place::make(arguments, kind, *size).await?);
    }
    for round in 0..ROUNDS {
        for place in &mut places {
            place
                .turn(round, arguments.samples().div_ceil(ROUNDS))
                .await?;
        }
    }
    say!("");
    let mut score = print_rows(&mut places, arguments.limit);
    // A size that was not reached has not passed.
    score.1 += places
        .iter()
        .filter(|place| place.filled.done < place.size)
        .count();
    for place in &places {
        for note in &place.notes {
            say!("at {}: {note}\n", place.label());
        }
        let few = place.fewer_than(arguments.samples());
        if !few.is_empty() {
            say!(
                "at {}: fewer requests, their time was over: {few}\n",
                place.label()
            );
        }
    }
    print_machines(&mut places).await?;
    Ok(score)
}

impl Place {
    async fn make(arguments: &Arguments, kind: Kind, size: usize) -> Result<Self> {
        let instance = Instance::start(&arguments.server)?;
        let desk = Arc::new(Desk::new(instance.sign_in()?).await?);
        let base = base::make(desk).await?;
        let limits = Limits {
            time: arguments.populate_limit(),
        };
        let filled = populate(&base, kind, size, limits).await?;
        let (rows, notes) = rows::all(&base, filled.done).await?;
        let seconds = filled.took.as_secs_f64();
        let place = Place {
            size,
            client: base.desk.client(),
            base,
            filled,
            samples: vec![Vec::new(); rows.len()],
            rows,
            notes,
            memory: instance.status()?,
            instance,
        };
        if filled.done < filled.wanted {
            say!("{size}: gave up after {} in {seconds:.1} s", filled.done);
        } else if size > 0 {
            say!(
                "{size}: filled in {seconds:.1} s, {:.0} a second",
                filled.done as f64 / seconds
            );
        }
        Ok(place)
    }

    fn label(&self) -> String {
        match self.filled.done {
            done if done < self.size => format!("{done} (of {})", self.size),
            _ => self.size.to_string(),
        }
    }

    /// The rows with fewer samples than this, with how many they have.
    fn fewer_than(&self, samples: usize) -> String {
        let rows = self.rows.iter().zip(&self.samples);
        let few = rows.filter(|(row, there)| row.make.is_some() && there.len() < samples);
        let few = few.map(|(row, there)| format!("{} {}", row.name, there.len()));
        few.collect::<Vec<_>>().join("; ")
    }

    /// One turn with each kind of request.
    async fn turn(&mut self, round: usize, count: usize) -> Result<()> {
        for (row, samples) in self.rows.iter().zip(&mut self.samples) {
            let Some(make) = &row.make else { continue };
            let began = Instant::now();
            let mut counted = 0;
            for number in 0..WARM_UP + count {
                // Where a request takes long, the warm-up is short.
                let warm_up = number < WARM_UP && (number == 0 || began.elapsed() < TURN / 4);
                let call = make(round * (WARM_UP + count) + number);
                if row.dials {
                    self.client.hang_up();
                }
                let mut sent = Instant::now();
                let mut answer = self.client.send(&call).await;
                if answer.is_err() && number == 0 {
                    // The connection was closed while the other sizes had their turns; this opens a new one.
                    sent = Instant::now();
                    answer = self.client.send(&call).await;
                }
                let (status, body) = answer?;
                let took = sent.elapsed();
                if status != row.status {
                    let body = String::from_utf8_lossy(&body).into_owned();
                    return Err(format!("{}: {status} {body}", row.name).into());
                }
                if !warm_up {
                    counted += 1;
                    samples.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
                }
                if counted == count || (counted > 0 && began.elapsed() > TURN) {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Prints what each request costs at each size. How many rows passed, and how many there are.
fn print_rows(places: &mut [Place], limit: f64) -> (usize, usize) {
    for samples in places.iter_mut().flat_map(|place| &mut place.samples) {
        samples.sort_unstable();
    }
    let mut heading = vec!["ms: median, p99, ratio of medians".to_owned()];
    for (at, place) in places.iter().enumerate() {
        heading.extend([place.label(), "p99".to_owned()]);
        if at > 0 {
            heading.push("ratio".to_owned());
        }
    }
    heading.extend(["worst".to_owned(), String::new()]);
    let mut table = Table::new(heading);
    let mut score = (0, 0);
    for row in 0..places[0].rows.len() {
        let mut cells = vec![places[0].rows[row].name.clone()];
        let first = quantile(&places[0].samples[row], 0.5);
        let mut worst = f64::NAN;
        for (at, place) in places.iter().enumerate() {
            let samples = &place.samples[row];
            if samples.is_empty() {
                cells.extend(["-".to_owned(), "-".to_owned()]);
            } else {
                cells.extend([ms(quantile(samples, 0.5)), ms(quantile(samples, 0.99))]);
            }
            if at > 0 {
                let ratio = quantile(samples, 0.5) / first;
                worst = worst.max(ratio);
                cells.push(if ratio.is_nan() {
                    "-".to_owned()
                } else {
                    format!("{ratio:.2}")
                });
            }
        }
        let verdict = match worst {
            worst if worst.is_nan() => "-",
            worst if worst > limit => "FAIL",
            _ => "PASS",
        };
        score.0 += usize::from(verdict == "PASS");
        score.1 += usize::from(verdict != "-");
        cells.extend([
            if worst.is_nan() {
                "-".to_owned()
            } else {
                format!("{worst:.2}")
            },
            verdict.to_owned(),
        ]);
        table.row(cells);
    }
    table.print();
    score
}

/// Prints memory, the folder's size, and how long a start takes, for which the servers are killed.
async fn print_machines(places: &mut [Place]) -> Result<()> {
    let mut table = Table::new([
        "size",
        "resident MB, filled",
        "after the requests",
        "most (VmHWM)",
        "after a start",
        "folder MB",
        "start ms",
    ]);
    for place in places {
        let measured = place.instance.status()?;
        let folder = process::bytes_in(&place.instance.data_dir()) / 1024;
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            let began = place.instance.restart()?;
            first_answer(place).await?;
            starts.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        starts.sort_unstable();
        let started = place.instance.status()?;
        table.row([
            place.label(),
            mb(place.memory.resident),
            mb(measured.resident),
            mb(measured.peak),
            mb(started.resident),
            mb(folder),
            ms(quantile(&starts, 0.5)),
        ]);
    }
    table.print();
    Ok(())
}

/// Asks until the server answers.
async fn first_answer(place: &mut Place) -> Result<()> {
    let began = Instant::now();
    let desk = &place.base.desk;
    let call = desk.secret("GET", base::VAULT, &format!("/{}", base::SMALL), None);
    place.client.hang_up();
    loop {
        match place.client.send(&call).await {
            Ok((200, _)) => return Ok(()),
            other if began.elapsed() > Duration::from_secs(60) => {
                return Err(format!("no answer after a start: {other:?}").into());
            }
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}
