//! The command line.

use crate::populate::{KINDS, Kind};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: scripts/bench.sh local [OPTION ...]

What requests cost at az-local however much there is (part flat), and how many it answers (part throughput).

  --part flat|throughput|both   [both]
  --quick                       small sizes, few seconds: to see that it runs
  --limit RATIO                 what a median may be at a size, measured by that at the first [1.5]

  --sizes N,N,...               flat: how much there is [0,1000,10000,100000]
  --kinds KIND,KIND,...         flat: of what [all of resources, secrets, versions, groups, assignments,
                                assignments-near, assignments-own, operations]
  --samples N                   flat: requests of a kind at a size [400]
  --populate-limit SECONDS      flat: when to give up filling an instance [300]

  --seconds N                   throughput: how long [30]
  --clients N,N,...             throughput: how many at once [1,16,256]
  --peer PATH                   throughput: another az-local, measured in turns with this one

  --server PATH                 an az-local that is built already";

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) server: PathBuf,
    pub(crate) peer: Option<PathBuf>,
    pub(crate) flat: bool,
    pub(crate) throughput: bool,
    pub(crate) limit: f64,
    pub(crate) sizes: Vec<usize>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) samples: usize,
    pub(crate) populate_limit: Duration,
    pub(crate) seconds: Duration,
    pub(crate) clients: Vec<usize>,
}

impl Arguments {
    fn usual() -> Self {
        Arguments {
            server: PathBuf::new(),
            peer: None,
            flat: true,
            throughput: true,
            limit: 1.5,
            sizes: vec![0, 1_000, 10_000, 100_000],
            kinds: KINDS.iter().map(|(kind, _, _)| *kind).collect(),
            samples: 400,
            populate_limit: Duration::from_secs(300),
            seconds: Duration::from_secs(30),
            clients: vec![1, 16, 256],
        }
    }

    /// Reads the command line; none where it is wrong. What stands later counts.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut read = Arguments::usual();
        if words.next()? != "local" {
            return None;
        }
        while let Some(word) = words.next() {
            if word == "--quick" {
                read.sizes = vec![0, 1_000];
                read.samples = 200;
                read.seconds = Duration::from_secs(3);
                continue;
            }
            read.option(&word, &words.next()?)?;
        }
        let complete = !read.server.as_os_str().is_empty() && !read.sizes.is_empty();
        complete.then_some(read)
    }

    fn option(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "--server" => self.server = value.into(),
            "--peer" => self.peer = Some(value.into()),
            "--part" => {
                self.flat = value != "throughput";
                self.throughput = value != "flat";
                ["flat", "throughput", "both"]
                    .contains(&value)
                    .then_some(())?;
            }
            "--limit" => self.limit = value.parse().ok()?,
            "--sizes" => {
                self.sizes = numbers(value)?;
                self.sizes.sort_unstable();
            }
            "--kinds" => self.kinds = value.split(',').map(Kind::parse).collect::<Option<_>>()?,
            "--samples" => self.samples = value.parse().ok()?,
            "--populate-limit" => self.populate_limit = Duration::from_secs(value.parse().ok()?),
            "--seconds" => self.seconds = Duration::from_secs(value.parse().ok()?),
            "--clients" => self.clients = numbers(value)?,
            _ => return None,
        }
        Some(())
    }
}

fn numbers(text: &str) -> Option<Vec<usize>> {
    text.split(',').map(|one| one.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Arguments> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_stands_later_counts() {
        let read = parse("local --server x --quick --sizes 10,0 --part flat").expect("arguments");
        assert_eq!(read.sizes, [0, 10]);
        assert_eq!(read.seconds, Duration::from_secs(3));
        assert!(read.flat && !read.throughput);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for bad in [
            "",
            "local",
            "far --server x",
            "local --server x --kinds moons",
            "local --server x --seconds",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
