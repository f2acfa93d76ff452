//! Where the value comes from.

use crate::{
    cli::Source,
    encoding::Encoding,
    error::{Error, LONGEST_VALUE},
};
use az_core::cli::{Failure, prompt};
use az_credential::Env;
use secrecy::{ExposeSecret, SecretString};
use std::{
    io::{IsTerminal, Read},
    path::Path,
};
use zeroize::Zeroizing;

/// The value: of the argument that was given, else of standard input, else of the person at the terminal, who is asked
/// `question`.
///
/// A file counts byte for byte. Of standard input one line end at its end is left out, unless the encoding keeps any bytes:
/// `echo` adds one, and `$(…)` leaves it out too.
pub(crate) fn read(
    source: &Source,
    encoding: Encoding,
    question: &str,
    env: &Env,
) -> Result<SecretString, Failure> {
    if let Some(value) = &source.value {
        if value.expose_secret().starts_with('@') {
            return Err(Error::AtFile.into());
        }
        check_end(value.expose_secret(), || "--value".to_owned())?;
        return Ok(value.clone());
    }
    if let Some(variable) = &source.value_env {
        let value = env
            .get(variable)
            .ok_or_else(|| Error::Variable(variable.clone()))?;
        check_end(value, || format!("the environment variable '{variable}'"))?;
        return Ok(SecretString::from(value));
    }
    match source.value_file.as_deref() {
        Some(path) if path != Path::new("-") => {
            let unreadable = |reason| Error::File {
                flag: "--value-file",
                path: path.display().to_string(),
                reason,
            };
            let file = std::fs::File::open(path).map_err(unreadable)?;
            let bytes = bounded(file, encoding).map_err(unreadable)?;
            Ok(text(bytes, encoding)?)
        }
        Some(_) => Ok(stdin(encoding)?),
        None if std::io::stdin().is_terminal() => {
            if encoding.keeps_bytes() {
                return Err(Error::NoFile(encoding.name()).into());
            }
            let value = prompt::secret(question, "Give --value-file.")?;
            Ok(value)
        }
        None => Ok(stdin(encoding)?),
    }
}

fn check_end(value: &str, of: impl FnOnce() -> String) -> Result<(), Error> {
    if value.ends_with('\r') {
        return Err(Error::CarriageReturn(of()));
    }
    Ok(())
}

fn stdin(encoding: Encoding) -> Result<SecretString, Error> {
    let mut bytes = bounded(std::io::stdin().lock(), encoding).map_err(Error::Stdin)?;
    if !encoding.keeps_bytes() {
        let kept = without_line_end(&bytes).len();
        bytes.truncate(kept);
    }
    if bytes.is_empty() {
        Err(Error::Empty)
    } else {
        text(bytes, encoding)
    }
}

/// The most bytes that a value is made of: those of UTF-16 are twice as many as its text's.
fn most(encoding: Encoding) -> usize {
    match encoding {
        Encoding::Utf16Le | Encoding::Utf16Be => LONGEST_VALUE * 2 + 2,
        _ => LONGEST_VALUE,
    }
}

/// All that there is, up to more than a vault takes: a device or a runaway pipe has no end. The room is taken at once,
/// so that growing leaves no copy behind.
fn bounded(from: impl Read, encoding: Encoding) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // One byte too many, after a line end of two that is left out.
    let enough = most(encoding) + 3;
    let mut bytes = Zeroizing::new(Vec::with_capacity(enough + 1));
    from.take(enough as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn text(bytes: Zeroizing<Vec<u8>>, encoding: Encoding) -> Result<SecretString, Error> {
    // Before the text is looked at: the bound may have cut a character in two.
    if bytes.len() > most(encoding) {
        return Err(Error::TooLong);
    }
    encoding.text(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTF8: Encoding = Encoding::Utf8;

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
            UTF8,
            "Value",
            &Env::default(),
        );
        std::fs::remove_file(path).expect("removed");
        assert_eq!(value.expect("read").expose_secret(), "a\n");
    }

    #[test]
    fn a_stream_without_end_is_read_no_further_than_needed() {
        let bytes = bounded(std::io::repeat(b'a'), UTF8).expect("read");
        assert!(bytes.len() > LONGEST_VALUE && bytes.len() < LONGEST_VALUE + 10);
    }

    #[test]
    fn a_variable_must_be_set() {
        let source = Source {
            value_env: Some("V".to_owned()),
            ..source()
        };
        let env = Env::from_pairs([("V", "v")]);
        let read = |env| read(&source, UTF8, "Value", env);
        assert_eq!(read(&env).expect("read").expose_secret(), "v");
        assert!(
            read(&Env::default())
                .expect_err("not set")
                .message
                .contains("'V'")
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(matches!(
            text(Zeroizing::new(vec![0xff]), UTF8),
            Err(Error::NotText)
        ));
    }

    #[test]
    fn what_a_flag_would_hide_is_refused() {
        let given = |value: &str| Source {
            value: Some(value.into()),
            ..source()
        };
        for bad in ["@secret.txt", "hunter2\r"] {
            let refused = read(&given(bad), UTF8, "Value", &Env::default()).expect_err(bad);
            assert!(!refused.to_string().contains(bad), "{refused}");
        }
        let env = Env::from_pairs([("V", "v\r")]);
        let source = Source {
            value_env: Some("V".to_owned()),
            ..source()
        };
        let refused = read(&source, UTF8, "Value", &env).expect_err("a carriage return");
        assert!(refused.message.contains("'V' ends in"), "{refused}");
    }
}
