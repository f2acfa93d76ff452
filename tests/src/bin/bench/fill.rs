//! Many requests over many connections, for what has to be there before something is measured.

use crate::Result;
use crate::client::{Call, Client, Dialer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Connections at once.
const CONNECTIONS: usize = 32;
/// Answers that ask to come again, and how often and when it is done.
const AGAIN: [u16; 4] = [409, 429, 500, 503];
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// When to give up.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) time: Duration,
}

impl Limits {
    /// For the little that every instance has.
    pub(crate) fn of_base() -> Self {
        Limits {
            time: Duration::from_secs(120),
        }
    }
}

/// How far it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filled {
    pub(crate) wanted: usize,
    pub(crate) done: usize,
    pub(crate) took: Duration,
}

impl Filled {
    /// An error where it gave up.
    pub(crate) fn whole(self) -> Result<()> {
        if self.done < self.wanted {
            return Err(format!("gave up after {} of {} requests", self.done, self.wanted).into());
        }
        Ok(())
    }
}

/// Sends `count` requests; the time limit stops it.
pub(crate) async fn fill(
    dialer: &Arc<Dialer>,
    count: usize,
    limits: Limits,
    make: impl Fn(usize) -> Call + Send + Sync + 'static,
) -> Result<Filled> {
    let began = Instant::now();
    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let make = Arc::new(make);
    let mut workers = JoinSet::new();
    for _ in 0..CONNECTIONS.min(count) {
        let (next, done, make) = (Arc::clone(&next), Arc::clone(&done), Arc::clone(&make));
        let mut client = Client::new(Arc::clone(dialer));
        workers.spawn(async move {
            while began.elapsed() < limits.time {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    break;
                }
                insist(&mut client, &make(number)).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, String>(())
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(Filled {
        wanted: count,
        done: done.load(Ordering::Relaxed),
        took: began.elapsed(),
    })
}

async fn insist(client: &mut Client, call: &Call) -> std::result::Result<(), String> {
    let mut said = String::new();
    for _ in 0..TRIES {
        match client.send(call).await {
            Ok((status, _)) if (200..300).contains(&status) => return Ok(()),
            Ok((status, body)) => {
                said = format!("{status} {}", String::from_utf8_lossy(&body));
                if !AGAIN.contains(&status) {
                    break;
                }
            }
            Err(error) => said = error.to_string(),
        }
        tokio::time::sleep(PAUSE).await;
    }
    let line = String::from_utf8_lossy(&call.bytes);
    Err(format!(
        "{}: {said}",
        line.lines().next().unwrap_or_default()
    ))
}
