//! Command-line habits that every tool shares: arguments, output, errors, exit statuses, prompts, lists on
//! standard input.

mod args;
mod failure;
mod habits;
mod identities;
pub mod lines;
mod many;
mod output;
pub mod prompt;
mod reasons;
mod report;
mod run;
mod secret_args;
mod session;
mod text_or_file;

pub use args::{ErrorFormat, GlobalArgs, parse_duration};
pub use failure::{Doing, EXIT_STATUS, Failure, Status};
pub use identities::read_identities;
pub use many::{SIDE_BY_SIDE, for_each};
pub use output::{Format, Query};
pub use run::{CommandLine, main};
pub use secret_args::SecretArgs;
pub use session::Session;
pub use text_or_file::{TextOrFile, home, text_or_file};
