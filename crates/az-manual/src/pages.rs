//! Manual pages: one for each tool, and one for each of its commands.

use az_core::cli::EXIT_STATUS;
use az_core::{examples, run_again};
use clap::Command;
use clap_mangen::Man;
use roff::{Roff, bold, roman};
use std::path::Path;

/// Writes the pages of a tool.
pub(crate) fn write(folder: &Path, mut tool: Command) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // Global arguments reach the commands, and everything has its name.
    tool.build();
    let name = tool.get_name().to_owned();
    page(folder, &tool, &name)
}

/// The page of a command, and those of the commands below it; `path` is its words, as `az-provision vm create`.
fn page(folder: &Path, command: &Command, path: &str) -> std::io::Result<()> {
    // clap keeps names for as long as the program runs.
    let name: &'static str = path.replace(' ', "-").leak();
    // The command is called by all of its words, the page by one.
    let shown = command.clone().name(name).bin_name(path);
    let man = Man::new(shown)
        .title(name.to_uppercase())
        .section("1")
        .source(format!("az-tools {}", env!("CARGO_PKG_VERSION")))
        .manual("Azure tools");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    synopsis(command, path).to_writer(&mut out)?;
    man.render_description_section(&mut out)?;
    if command
        .get_arguments()
        .any(|argument| !argument.is_hide_set())
    {
        man.render_options_section(&mut out)?;
    }
    if command.has_subcommands() {
        commands(command, path).to_writer(&mut out)?;
    }
    sections(command, path).to_writer(&mut out)?;
    std::fs::write(folder.join(format!("{name}.1")), out)?;
    for below in command.get_subcommands() {
        if below.get_name() != "help" && !below.is_hide_set() {
            page(folder, below, &format!("{path} {}", below.get_name()))?;
        }
    }
    Ok(())
}

/// The usage in one line: the options stand in a section of their own.
fn synopsis(command: &Command, path: &str) -> Roff {
    let mut shown = command.clone().bin_name(path.to_owned());
    let usage = shown.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let (words, rest) = usage.split_at(path.len().min(usage.len()));
    roff.text([bold(words), roman(rest)]);
    roff
}

/// The commands below one, with what each does and where its page is.
fn commands(command: &Command, path: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for below in command.get_subcommands() {
        if below.get_name() == "help" || below.is_hide_set() {
            continue;
        }
        let page = format!("{path} {}", below.get_name()).replace(' ', "-");
        roff.control("TP", []);
        roff.text([bold(below.get_name())]);
        let about = below.get_about().map(ToString::to_string);
        roff.text([roman(format!(
            "{}; see {page}(1)",
            about.unwrap_or_default()
        ))]);
    }
    roff
}

/// What stands behind the options: notes, examples, what becomes of each flag when it is run again, exit statuses.
fn sections(command: &Command, path: &str) -> Roff {
    let mut roff = Roff::new();
    if let Some(notes) = command.get_after_help() {
        roff.control("SH", ["NOTES"]);
        for paragraph in notes.to_string().split("\n\n") {
            roff.control("PP", []);
            for line in paragraph.lines() {
                roff.text([roman(line)]);
            }
        }
    }
    let mut own = examples::EXAMPLES
        .iter()
        .filter(|example| example.command == path)
        .peekable();
    if own.peek().is_some() {
        roff.control("SH", ["EXAMPLES"]);
    }
    for example in own {
        roff.control("PP", []);
        roff.text([roman(example.what)]);
        roff.control("RS", ["4"]);
        roff.control("nf", []);
        for line in examples::broken(example.line).lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
        roff.control("RE", []);
    }
    let again = run_again::help(path);
    if !again.is_empty() {
        roff.control("SH", ["RUN AGAIN"]);
        roff.text([roman(again)]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman(EXIT_STATUS)]);
    roff
}
