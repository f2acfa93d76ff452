//! Real, unmodified clients against the local Azure: `scripts/conformance.sh`.
//!
//! Each case has a local Azure of its own and prints a line; a case fails by a panic, as a test does. With
//! `--mutate` the local Azure answers wrongly on purpose, one way after another, and each must make a case fail.
#![forbid(unsafe_code)]

/// Prints a line. A closed pipe is no error.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

mod ansible;
mod apart;
mod az;
mod az_directory;
mod az_resources;
mod clients;
mod contract;
mod credentials;
mod go;
mod hosts;
mod mutations;
mod parity;
mod query;
mod sdks;
mod ssh;
mod suite;
mod tutorial;

use std::path::Path;
use std::process::ExitCode;
use suite::{Case, World};

/// A group's name, and its cases.
type Group = (&'static str, fn() -> Vec<Case>);

/// The groups of cases, in the order that they run in.
const GROUPS: &[Group] = &[
    ("az", az_cases),
    ("go", go::cases),
    ("python", sdks::python),
    ("js", sdks::javascript),
    ("java", sdks::java),
    ("ansible", ansible::cases),
    ("hosts", hosts::cases),
    ("ssh", ssh::cases),
    ("apart", apart::cases),
    ("query", query::cases),
    ("parity", parity::cases),
    ("credentials", credentials::cases),
    ("contract", contract::cases),
];

/// All of the Azure CLI's.
fn az_cases() -> Vec<Case> {
    let all = [az::cases(), az_directory::cases(), az_resources::cases()];
    all.into_iter().flatten().collect()
}

const USAGE: &str = "usage: conformance [--mutate] [--list] [az|go|python|js|java|ansible|hosts|ssh|apart|query|parity|credentials|contract|CASE ...]";

fn main() -> ExitCode {
    let mut wanted = Vec::new();
    let (mut mutate, mut list) = (false, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // How the program starts itself.
            ssh::INSIDE => {
                ssh::inside(Path::new(&arguments.next().unwrap_or_default()));
                return ExitCode::SUCCESS;
            }
            "--mutate" => mutate = true,
            "--list" => list = true,
            "-h" | "--help" => {
                say!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            group if GROUPS.iter().any(|(name, _)| *name == group) => wanted.push(argument),
            // A case by its name, as --list has it.
            case if case.contains('/') => wanted.push(argument),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let mut cases: Vec<Case> = GROUPS.iter().flat_map(|(_, cases)| cases()).collect();
    if !wanted.is_empty() {
        let group = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
        cases.retain(|case| wanted.contains(&case.name) || wanted.contains(&group(&case.name)));
    }
    cases.retain(|case| !case.named || list || wanted.contains(&case.name));
    if cases.is_empty() {
        eprintln!("no such case; --list names them");
        return ExitCode::from(2);
    }
    if list {
        for case in &cases {
            say!("{}", case.name);
        }
        return ExitCode::SUCCESS;
    }
    let world = World::new();
    let good = if mutate {
        mutations::run(&world, &cases)
    } else {
        suite::run(&world, &cases)
    };
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
