//! Command lines that clap refuses.

use super::{
    args::ErrorFormat,
    failure::{Failure, Status},
    habits, report,
};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::process::ExitCode;

/// The error without most of an argument that is no flag anybody would type: it may be a key that follows its flag
/// and begins with hyphens itself.
pub(super) fn shortened(mut error: clap::Error) -> clap::Error {
    const LONGEST: usize = 40;
    let shown = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => {
            let line = word.lines().next().unwrap_or_default();
            let kept: String = line.chars().take(LONGEST).collect();
            (kept.len() < word.len()).then(|| kept + "…")
        }
        _ => None,
    };
    if let Some(shown) = shown {
        error.insert(ContextKind::InvalidArg, ContextValue::String(shown));
        // It would repeat the word.
        error.remove(ContextKind::Suggested);
    }
    error
}

/// Prints the help or the version that was asked for, or says what is wrong; gives the exit status.
pub(super) fn report(tool: &str, error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // a closed pipe is no error
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    let text = text.trim_start_matches("error: ").trim_end();
    let failure = match error_format() {
        // The usage and the tips of clap's are for people.
        ErrorFormat::Json => {
            let first = text.split("\n\n").next().unwrap_or_default();
            let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
            Failure::usage(line).hint("See --help.")
        }
        ErrorFormat::Text => Failure::usage(text),
    };
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let failure = match habits::meant(tool, &words) {
        // In place of what clap guesses.
        Some(line) => {
            let first = failure.message.split("\n\n").next().unwrap_or_default();
            Failure::usage(first).hint(format!("Here it is '{line}'."))
        }
        None => failure,
    };
    report::report(tool, &failure, error_format());
    ExitCode::from(Status::Usage as u8)
}

/// How errors are to be written, where the command line could not be read as a whole.
pub(super) fn error_format() -> ErrorFormat {
    let words: Vec<_> = std::env::args_os().collect();
    let json = words.iter().any(|word| word == "--error-format=json")
        || words
            .windows(2)
            .any(|pair| pair[0] == "--error-format" && pair[1] == "json");
    if json {
        ErrorFormat::Json
    } else {
        ErrorFormat::Text
    }
}
