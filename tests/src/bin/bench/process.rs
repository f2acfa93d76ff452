//! What Linux says about a process.

use crate::Result;
use std::fs::read_to_string;
use std::path::Path;

/// Ticks a second of the times in `/proc/PID/stat`: Linux shows them in this unit whatever its own is.
const TICKS: f64 = 100.0;

/// A process's memory (kB) and threads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Status {
    pub(crate) resident: u64,
    pub(crate) peak: u64,
    pub(crate) threads: u64,
}

/// Reads `/proc/PID/status`.
pub(crate) fn status(pid: u32) -> Result<Status> {
    let text = read_to_string(format!("/proc/{pid}/status"))?;
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next());
        word.and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    Ok(Status {
        resident: number("VmRSS"),
        peak: number("VmHWM"),
        threads: number("Threads"),
    })
}

/// The memory (kB) that would be free if the process ended: what it shares with others is counted in parts.
pub(crate) fn proportional(pid: u32) -> Result<u64> {
    let text = read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    Ok(word.ok_or("/proc/PID/smaps_rollup has no Pss")?.parse()?)
}

/// How many processes have waited for a processor in the last minute, on average.
pub(crate) fn load() -> Result<String> {
    let text = read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().next().unwrap_or("?").to_owned())
}

/// The processor time that a process has used (seconds), from `/proc/PID/stat`.
pub(crate) fn cpu(pid: u32) -> Result<f64> {
    let text = read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name is in parentheses and may hold spaces.
    let (_, fields) = text.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || -> Result<f64> { Ok(fields.next().ok_or("no time")?.parse::<f64>()?) };
    Ok((next()? + next()?) / TICKS)
}

/// The bytes in a folder's files.
pub(crate) fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => bytes_in(&entry.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}
