//! Where the value comes from.

use crate::{
    cli::Source,
    error::{Error, LONGEST_VALUE},
};
use az_core::cli::{Failure, prompt};
use az_credential::Env;
use secrecy::SecretString;
use std::{
    io::{IsTerminal, Read},
    path::Path,
};
use zeroize::{Zeroize, Zeroizing};

/// The value: of the argument that was given, else of standard input, else of the person at the terminal.
///
/// A file counts byte for byte. Of standard input one line end at its end is left out: `echo` adds one, and `$(…)` leaves
/// it out too.
pub(crate) fn read(source: &Source, env: &Env) -> Result<SecretString, Failure> {
    if let Some(value) = &source.value {
        return Ok(value.clone());
    }
    if let Some(variable) = &source.value_env {
        let value = env
            .get(variable)
            .ok_or_else(|| Error::Variable(variable.clone()))?;
        return Ok(SecretString::from(value));
    }
    match source.value_file.as_deref() {
        Some(path) if path != Path::new("-") => {
            let unreadable = |reason| Error::File {
                path: path.display().to_string(),
                reason,
            };
            let file = std::fs::File::open(path).map_err(unreadable)?;
            Ok(text(bounded(file).map_err(unreadable)?)?)
        }
        Some(_) => Ok(stdin()?),
        None if std::io::stdin().is_terminal() => {
            let value = prompt::secret("Value", "Give --value-file.")?;
            Ok(value)
        }
        None => Ok(stdin()?),
    }
}

fn stdin() -> Result<SecretString, Error> {
    let mut bytes = bounded(std::io::stdin().lock()).map_err(Error::Stdin)?;
    let kept = without_line_end(&bytes).len();
    bytes.truncate(kept);
    if bytes.is_empty() {
        Err(Error::Empty)
    } else {
        text(bytes)
    }
}

/// All that there is, up to more than a vault takes: a device or a runaway pipe has no end. The room is taken at once,
/// so that growing leaves no copy behind.
fn bounded(from: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // One byte too many, after a line end of two that is left out.
    const ENOUGH: usize = LONGEST_VALUE + 3;
    let mut bytes = Zeroizing::new(Vec::with_capacity(ENOUGH + 1));
    from.take(ENOUGH as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn text(mut bytes: Zeroizing<Vec<u8>>) -> Result<SecretString, Error> {
    // Before the text is looked at: the bound may have cut a character in two.
    if bytes.len() > LONGEST_VALUE {
        return Err(Error::TooLong);
    }
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(SecretString::from(text)),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(Error::NotText)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn source() -> Source {
        Source {
            value_file: None,
            value_env: None,
            value: None,
        }
    }

    #[test]
    fn one_line_end_is_left_out() {
        for (given, kept) in [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            ("a", "a"),
            ("a\nb", "a\nb"),
            ("\n", ""),
        ] {
            assert_eq!(without_line_end(given.as_bytes()), kept.as_bytes());
        }
    }

    #[test]
    fn a_file_counts_byte_for_byte() {
        let path = std::env::temp_dir().join(format!("kv-set-test-{}", std::process::id()));
        std::fs::write(&path, "a\n").expect("written");
        let value = read(
            &Source {
                value_file: Some(path.clone()),
                ..source()
            },
            &Env::default(),
        );
        std::fs::remove_file(path).expect("removed");
        assert_eq!(value.expect("read").expose_secret(), "a\n");
    }

    #[test]
    fn a_stream_without_end_is_read_no_further_than_needed() {
        let bytes = bounded(std::io::repeat(b'a')).expect("read");
        assert!(bytes.len() > LONGEST_VALUE && bytes.len() < LONGEST_VALUE + 10);
    }

    #[test]
    fn a_variable_must_be_set() {
        let source = Source {
            value_env: Some("V".to_owned()),
            ..source()
        };
        let env = Env::from_pairs([("V", "v")]);
        assert_eq!(read(&source, &env).expect("read").expose_secret(), "v");
        assert!(
            read(&source, &Env::default())
                .expect_err("not set")
                .message
                .contains("'V'")
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(matches!(
            text(Zeroizing::new(vec![0xff])),
            Err(Error::NotText)
        ));
    }
}
