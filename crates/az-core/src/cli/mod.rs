//! Command-line habits that every tool shares: arguments, output, errors, exit statuses, prompts, lists on
//! standard input.

mod args;
mod command_line;
mod complete;
mod defaults;
mod failure;
mod fault;
pub mod habits;
mod help;
mod identities;
mod line_ends;
pub mod lines;
mod list;
mod list_args;
mod machine_args;
mod many;
pub(crate) mod output;
pub mod prompt;
mod reasons;
mod report;
mod run;
mod secret_args;
mod secret_habits;
mod secret_names;
mod session;
mod suggest;
mod tags;
mod text_or_file;
mod under_way;
mod usage;

pub use args::{ErrorFormat, FOR_ANSWERS, FOR_OPERATIONS, GlobalArgs, parse_duration};
pub use failure::{Doing, EXIT_STATUS, Failure, Status};
pub use help::dressed;
pub use identities::read_identities;
pub use list::List;
pub use list_args::ListArgs;
pub use machine_args::{Machine, MachineArgs};
pub use many::{Outcome, SIDE_BY_SIDE, each, for_each, for_each_machine};
pub use output::{Format, Query};
pub use run::{CommandLine, main};
pub use secret_args::{SecretArgs, secret_of_line};
pub use session::Session;
pub use tags::Tags;
pub use text_or_file::{TextOrFile, home, text_or_file};
