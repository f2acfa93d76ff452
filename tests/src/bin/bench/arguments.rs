//! The command line.

use crate::populate::{KINDS, Kind};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

/// What requests cost, and how many are answered.
#[derive(Debug, Parser)]
#[command(
    name = "bench.sh",
    bin_name = "scripts/bench.sh",
    disable_version_flag = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) what: What,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// What requests cost at az-local however much there is (part flat), and how many it answers (part throughput)
    Local(Arguments),
    /// az-local beside other emulators of Key Vault, in turns
    Peers(PeersArguments),
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Flat,
    Throughput,
    Both,
}

/// What is asked for.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// What is measured
    #[arg(long, value_enum, default_value_t = Part::Both)]
    part: Part,
    /// Small sizes, few seconds: to see that it runs
    #[arg(long)]
    quick: bool,
    /// What a median may be at a size, measured by that at the first
    #[arg(long, value_name = "RATIO", default_value_t = 1.5)]
    pub(crate) limit: f64,
    /// Flat: how much there is [default: 0,1000,10000,100000]
    #[arg(long, value_delimiter = ',', value_name = "N,N,...")]
    sizes: Vec<usize>,
    /// Flat: of what [default: all]
    #[arg(long, value_delimiter = ',', value_name = "KIND,...", value_parser = kinds())]
    kinds: Vec<Kind>,
    /// Flat: requests of a kind at a size [default: 400]
    #[arg(long, value_name = "N")]
    samples: Option<NonZero<usize>>,
    /// Flat: when to give up filling an instance
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    populate_limit: u64,
    /// Throughput: how long [default: 30]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<NonZero<u64>>,
    /// Throughput: how many at once
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "N,N,...",
        default_value = "1,16,256"
    )]
    pub(crate) clients: Vec<NonZero<usize>>,
    /// Throughput: another az-local, measured in turns with this one
    #[arg(long, value_name = "PATH", value_parser = program)]
    pub(crate) peer: Option<PathBuf>,
    /// An az-local that is built already
    #[arg(long, value_name = "PATH", value_parser = program)]
    pub(crate) server: PathBuf,
}

impl Arguments {
    pub(crate) fn flat(&self) -> bool {
        self.part != Part::Throughput
    }

    pub(crate) fn throughput(&self) -> bool {
        self.part != Part::Flat
    }

    /// How much there is, the least first.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes = match (self.sizes.is_empty(), self.quick) {
            (false, _) => self.sizes.clone(),
            (true, true) => vec![0, 1_000],
            (true, false) => vec![0, 1_000, 10_000, 100_000],
        };
        sizes.sort_unstable();
        sizes
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        if self.kinds.is_empty() {
            return KINDS.iter().map(|(kind, _, _)| *kind).collect();
        }
        self.kinds.clone()
    }

    pub(crate) fn samples(&self) -> usize {
        let usual = if self.quick { 200 } else { 400 };
        self.samples.map_or(usual, NonZero::get)
    }

    pub(crate) fn populate_limit(&self) -> Duration {
        Duration::from_secs(self.populate_limit)
    }

    pub(crate) fn seconds(&self) -> Duration {
        let usual = if self.quick { 3 } else { 30 };
        Duration::from_secs(self.seconds.map_or(usual, NonZero::get))
    }
}

/// A part of the measurement beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PeersPart {
    Ready,
    Load,
    Growth,
    All,
}

/// What is asked for beside others.
#[derive(Clone, Debug, Args)]
pub(crate) struct PeersArguments {
    /// What is measured
    #[arg(long, value_enum, default_value_t = PeersPart::All)]
    part: PeersPart,
    /// Few starts, few seconds, few secrets: to see that it runs
    #[arg(long)]
    quick: bool,
    /// Ready: how often each is started [default: 11]
    #[arg(long, value_name = "N")]
    runs: Option<NonZero<usize>>,
    /// Load: how long each writes, and how long it reads [default: 15]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<NonZero<u64>>,
    /// Load: how many at once
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "N,N,...",
        default_value = "1,16,128"
    )]
    pub(crate) clients: Vec<NonZero<usize>>,
    /// Growth: how many secrets [default: 1000,10000,100000,1000000]
    #[arg(long, value_delimiter = ',', value_name = "N,N,...")]
    sizes: Vec<usize>,
    /// Growth: when to give up filling one [default: 600]
    #[arg(long, value_name = "SECONDS")]
    growth_limit: Option<NonZero<u64>>,
    /// An az-local that is built already
    #[arg(long, value_name = "PATH", value_parser = program)]
    pub(crate) server: PathBuf,
    /// lowkey-vault's jar, which is run with `java`
    #[arg(long, value_name = "JAR", value_parser = program)]
    pub(crate) lowkey_vault: Option<PathBuf>,
    /// azure-keyvault-emulator's program
    #[arg(long, value_name = "PATH", value_parser = program)]
    pub(crate) keyvault_emulator: Option<PathBuf>,
    /// miniblue's program
    #[arg(long, value_name = "PATH", value_parser = program)]
    pub(crate) miniblue: Option<PathBuf>,
}

impl PeersArguments {
    fn has(&self, part: PeersPart) -> bool {
        self.part == part || self.part == PeersPart::All
    }

    pub(crate) fn ready(&self) -> bool {
        self.has(PeersPart::Ready)
    }

    pub(crate) fn load(&self) -> bool {
        self.has(PeersPart::Load)
    }

    pub(crate) fn growth(&self) -> bool {
        self.has(PeersPart::Growth)
    }

    pub(crate) fn runs(&self) -> usize {
        let usual = if self.quick { 3 } else { 11 };
        self.runs.map_or(usual, NonZero::get)
    }

    pub(crate) fn seconds(&self) -> Duration {
        let usual = if self.quick { 3 } else { 15 };
        Duration::from_secs(self.seconds.map_or(usual, NonZero::get))
    }

    pub(crate) fn growth_limit(&self) -> Duration {
        let usual = if self.quick { 10 } else { 600 };
        Duration::from_secs(self.growth_limit.map_or(usual, NonZero::get))
    }

    /// How many secrets, the least first.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes = match (self.sizes.is_empty(), self.quick) {
            (false, _) => self.sizes.clone(),
            (true, true) => vec![1_000],
            (true, false) => vec![1_000, 10_000, 100_000, 1_000_000],
        };
        sizes.sort_unstable();
        sizes
    }
}

fn kinds() -> impl clap::builder::TypedValueParser<Value = Kind> {
    let named = KINDS
        .iter()
        .map(|(_, name, what)| PossibleValue::new(*name).help(*what));
    PossibleValuesParser::new(named)
        .try_map(|name| Kind::parse(&name).ok_or_else(|| format!("there is no kind '{name}'")))
}

fn program(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    if path.is_file() {
        // Whole: some are run in a folder of their own.
        return path.canonicalize().map_err(|error| error.to_string());
    }
    Err("there is no such file".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        let words = std::iter::once("bench").chain(line.split_whitespace());
        Cli::try_parse_from(words).map(|cli| match cli.what {
            What::Local(arguments) => arguments,
            What::Peers(arguments) => panic!("not local: {arguments:?}"),
        })
    }

    #[test]
    fn what_is_said_counts_beside_quick() {
        let read = parse(
            "local --server Cargo.toml --quick --sizes 10,0 --part flat --kinds versions,assignments-near",
        );
        let read = read.expect("arguments");
        assert_eq!(read.sizes(), [0, 10]);
        assert_eq!(read.seconds(), Duration::from_secs(3));
        assert_eq!(read.kinds().len(), 2);
        assert!(read.flat() && !read.throughput());
    }

    #[test]
    fn what_is_not_known_is_refused_by_its_name() {
        for (bad, word) in [
            ("local", "--server"),
            ("far --server Cargo.toml", "far"),
            ("local --server Cargo.toml --kinds moons", "moons"),
            ("local --server Cargo.toml --seconds", "--seconds"),
            ("local --server Cargo.toml --seconds 0", "--seconds"),
            ("local --server Cargo.toml --clients 1,0", "--clients"),
            ("local --server /no/such/az-local", "/no/such/az-local"),
            (
                "local --server Cargo.toml --peer /no/such/peer",
                "/no/such/peer",
            ),
        ] {
            let error = parse(bad).expect_err(bad).to_string();
            assert!(error.contains(word), "{bad}: {error}");
        }
    }
}
