//! What a command's help ends with: examples, what becomes of each flag when it is run again, exit statuses.

use super::{failure::EXIT_STATUS, usage::is_plain};
use crate::{examples, run_again};
use clap::{Command, builder::Styles};
use std::ffi::OsString;

/// How wide a help is at most.
const WIDEST: usize = 80;

/// The command line of a tool with its whole help. `-h` has the flags, `--help` all of it.
pub fn dressed(command: Command) -> Command {
    let name = command.get_name().to_owned();
    within(command.max_term_width(WIDEST), &name, &|_, _| true)
}

/// The same for the command that these words name, which is whose help is asked for: the others stay as they are.
pub(super) fn dressed_along(command: Command, words: &[String]) -> Command {
    let name = command.get_name().to_owned();
    let named = |above: &Command, below: &Command| {
        let mut names = words.iter().filter_map(|word| above.find_subcommand(word));
        names
            .next()
            .is_some_and(|first| first.get_name() == below.get_name())
    };
    let command = if is_plain() {
        command.styles(Styles::plain())
    } else {
        command
    };
    within(command.max_term_width(WIDEST), &name, &named)
}

/// Whether somebody asks for help, as far as that can be told before anything is parsed; then the words that may be commands.
pub(super) fn asked(words: impl Iterator<Item = OsString>) -> Option<Vec<String>> {
    let words: Vec<String> = words
        .take_while(|word| word != "--")
        .filter_map(|word| word.into_string().ok())
        .collect();
    let asked = words.iter().any(|word| word == "--help" || word == "-h")
        || words.first().is_some_and(|word| word == "help");
    asked.then(|| {
        words
            .into_iter()
            .filter(|word| !word.starts_with('-'))
            .collect()
    })
}

fn within(command: Command, path: &str, which: &impl Fn(&Command, &Command) -> bool) -> Command {
    let command = command.mut_args(|argument| match argument.get_long() {
        // Its own name would make the line of usage too long.
        Some("resource-group") => argument.value_name("GROUP"),
        _ => argument,
    });
    if command.has_subcommands() {
        let names: Vec<String> = command
            .get_subcommands()
            .filter(|below| which(&command, below))
            .map(|below| below.get_name().to_owned())
            .collect();
        return names
            .into_iter()
            .fold(command.after_help(filled(EXIT_STATUS)), |command, name| {
                let path = format!("{path} {name}");
                command.mut_subcommand(name, |below| within(below, &path, which))
            });
    }
    let usage = command.clone().bin_name(path).render_usage().to_string();
    let command = if usage.chars().count() > WIDEST {
        let usage = usage.trim_start_matches("Usage: ");
        // Room for the word before it, and for what is set in below it.
        let lines = broken(usage, WIDEST - "Usage:   ".len());
        command.override_usage(lines.replace("\n  ", "\n         "))
    } else {
        command
    };
    // What a command says of itself there comes first.
    let own = command.get_after_help().map(ToString::to_string);
    let own = own.unwrap_or_default();
    let own = own.split("\n\n").map(|paragraph| {
        let lines = paragraph.lines().map(filled);
        lines.collect::<Vec<_>>().join("\n")
    });
    let examples = examples::help(path);
    let again = run_again::help(path);
    let parts = [
        own.collect::<Vec<_>>().join("\n\n"),
        examples,
        filled(&again),
        filled(EXIT_STATUS),
    ];
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    command
        .after_help("'--help' has examples and exit statuses.")
        .after_long_help(parts.join("\n\n"))
}

/// A paragraph, broken to the width of a help; clap leaves alone what stands behind it.
fn filled(text: &str) -> String {
    broken(text, WIDEST)
}

fn broken(text: &str, widest: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > widest {
            out.push_str("\n  ");
            column = 2;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_no_wider_than_a_help() {
        let text = filled(EXIT_STATUS);
        assert!(text.lines().all(|line| line.chars().count() <= WIDEST));
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>().join(" "),
            EXIT_STATUS
        );
    }
}
