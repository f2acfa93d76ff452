//! Questions to the person at the terminal.

use super::failure::Failure;
use super::report::say;
use secrecy::SecretString;
use std::io::{BufRead, IsTerminal, Write};

/// The terminal's settings at one time. A prompt without echo that is interrupted leaves none behind otherwise.
pub(super) struct Terminal {
    #[cfg(unix)]
    settings: Option<rustix::termios::Termios>,
}

impl Terminal {
    #[cfg(unix)]
    pub(super) fn now() -> Self {
        Terminal {
            settings: rustix::termios::tcgetattr(std::io::stdin()).ok(),
        }
    }

    /// Puts the settings back, if standard input is a terminal.
    #[cfg(unix)]
    pub(super) fn put_back(&self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(settings) = &self.settings {
            // The tool ends now, with or without echo.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, settings);
        }
    }

    #[cfg(not(unix))]
    pub(super) fn now() -> Self {
        Terminal {}
    }

    /// The console has its own settings back when a process ends.
    #[cfg(not(unix))]
    pub(super) fn put_back(&self) {}
}

/// Asks for a secret without echo.
///
/// # Errors
/// There is no terminal to ask on; `otherwise` says which flag to use instead.
pub fn secret(question: &str, otherwise: &str) -> Result<SecretString, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(
            Failure::usage(format!("{question}: there is no terminal to ask on")).hint(otherwise),
        );
    }
    let answer = rpassword::prompt_password(format!("{question}: "))
        .map_err(|error| unanswered(question, otherwise, &error))?;
    Ok(answer.into())
}

/// Without echo the terminal makes no signal of Ctrl-C: the prompt reads it.
fn unanswered(question: &str, otherwise: &str, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::Interrupted => Failure::interrupted(),
        _ => Failure::usage(format!("{question}: {error}")).hint(otherwise),
    }
}

/// Asks for a secret twice, until both answers are the same.
pub fn new_secret(question: &str, otherwise: &str) -> Result<SecretString, Failure> {
    use secrecy::ExposeSecret;
    loop {
        let first = secret(question, otherwise)?;
        let second = secret("The same again", otherwise)?;
        if first.expose_secret() == second.expose_secret() {
            return Ok(first);
        }
        say("The two do not match. Once more.");
    }
}

/// Has a destructive act confirmed by typing `word`, the name of what will be destroyed. `question` is one sentence
/// or more.
///
/// # Errors
/// Another word was typed, or there is no terminal to ask on.
pub fn confirm_by_name(question: &str, word: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(
            Failure::usage(format!("{question} There is no terminal to confirm it on"))
                .hint("Give --yes to do it without being asked."),
        );
    }
    let mut terminal = std::io::stderr();
    let _ = write!(terminal, "{question}\nType '{word}' to go on: ");
    let _ = terminal.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_err() || answer.trim() != word {
        return Err(Failure::usage("not confirmed; nothing was done"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Status;
    use std::io::{Error, ErrorKind};

    #[test]
    fn an_interrupted_prompt_is_an_interrupt() {
        let status = |kind| unanswered("Value", "Give a file.", &Error::from(kind)).status;
        assert_eq!(status(ErrorKind::Interrupted), Status::Interrupted);
        assert_eq!(status(ErrorKind::NotFound), Status::Usage);
    }
}
