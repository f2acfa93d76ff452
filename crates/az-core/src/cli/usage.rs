//! Command lines that clap refuses.

use super::{
    args::ErrorFormat,
    failure::{Failure, Status},
    habits, report,
};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

/// The error without an argument that is no flag anybody would type: it may be a secret that was given without its flag, or
/// one that follows its flag and begins with hyphens itself.
pub(super) fn without_secrets(mut error: clap::Error) -> clap::Error {
    let hidden = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => {
            !looks_like_a_flag(word)
        }
        _ => false,
    };
    if hidden {
        error.insert(
            ContextKind::InvalidArg,
            ContextValue::String("…".to_owned()),
        );
        // They would repeat the word.
        error.remove(ContextKind::Suggested);
        error.remove(ContextKind::SuggestedArg);
    }
    error
}

/// `-x`, or words of letters with hyphens between them and before.
fn looks_like_a_flag(word: &str) -> bool {
    const LONGEST: usize = 40;
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase());
    match word.strip_prefix("--") {
        Some(name) => name.len() <= LONGEST && name.split('-').all(is_word),
        None => word.len() == 2 && word.starts_with('-'),
    }
}

/// Prints the help or the version that was asked for, or says what is wrong; gives the exit status.
pub(super) fn report(tool: &str, error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // a closed pipe is no error
        let _ = print(error);
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

/// Whether a help has no colours, whatever the terminal's settings say: clap looks at more, but takes time for that.
pub(super) fn is_plain() -> bool {
    !io::stdout().is_terminal() && std::env::var_os("CLICOLOR_FORCE").is_none()
}

fn print(error: &clap::Error) -> io::Result<()> {
    let text = error.render().ansi().to_string();
    if is_plain() && !text.contains('\u{1b}') {
        // clap would look at each letter, for what there is none of.
        return io::stdout().write_all(text.as_bytes());
    }
    error.print()
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, Command};
    use proptest::prelude::*;

    #[test]
    fn a_mistyped_flag_is_shown() {
        for word in ["--admin-passwrd", "--vaule", "-x", "--force-string"] {
            assert!(looks_like_a_flag(word), "{word}");
        }
        for word in [
            "hunter2",
            "--hunter2",
            "-----BEGIN",
            "--Secret",
            "-xy",
            "--",
            "-",
        ] {
            assert!(!looks_like_a_flag(word), "{word}");
        }
    }

    proptest! {
        #[test]
        fn what_is_no_flag_is_not_repeated(secret in "[A-Za-z0-9+/=_-]{0,20}[0-9A-Z]{4}[A-Za-z0-9+/=_-]{0,20}") {
            let command = Command::new("tool").arg(Arg::new("name")).arg(Arg::new("v").long("value"));
            let words = ["tool", "a", secret.as_str()];
            if let Err(error) = command.try_get_matches_from(words) {
                let said = without_secrets(error).render().to_string();
                let flag = secret.split('=').next().unwrap_or_default();
                prop_assert!(!said.contains(&secret) || looks_like_a_flag(flag), "{}", said);
            }
        }
    }
}
