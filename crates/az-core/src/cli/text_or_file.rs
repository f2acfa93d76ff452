//! Values that are a text or a file's name, as `az` takes them.

use az_credential::Env;
use std::path::{Path, PathBuf};

/// A value, read.
#[derive(Debug, PartialEq, Eq)]
pub enum TextOrFile {
    /// The text itself.
    Text(String),
    /// What is in a file.
    File {
        /// The file.
        path: PathBuf,
        /// What is in it.
        text: String,
    },
}

/// Reads a value that may name a file: `@FILE` does, as everywhere in `az`; so does what is a file's name. What holds
/// white space and is none is the text. A leading `~` is the home folder: shells leave it alone after `=` and `@`.
pub fn text_or_file(env: &Env, value: &str) -> Result<TextOrFile, (PathBuf, std::io::Error)> {
    let named = value.strip_prefix('@');
    let path = home(env, named.unwrap_or(value));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(TextOrFile::File { path, text }),
        Err(_) if named.is_none() && value.contains([' ', '\n']) => {
            Ok(TextOrFile::Text(value.to_owned()))
        }
        Err(error) => Err((path, error)),
    }
}

/// A path whose leading `~` is the home folder, if one is known.
pub fn home(env: &Env, path: &str) -> PathBuf {
    let rest = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '\\']) => rest,
        _ => return PathBuf::from(path),
    };
    match env.get("HOME").or_else(|| env.get("USERPROFILE")) {
        Some(home) => Path::new(home).join(rest.trim_start_matches(['/', '\\'])),
        None => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_with_and_without_at_and_below_home() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("k.pub"), "key").expect("a file");
        let home = folder.path().display().to_string();
        let env = Env::from_pairs([("HOME", home.as_str())]);
        for value in [
            "~/k.pub",
            "@~/k.pub",
            &format!("{home}/k.pub"),
            &format!("@{home}/k.pub"),
        ] {
            let read = text_or_file(&env, value).expect(value);
            assert!(
                matches!(read, TextOrFile::File { text, .. } if text == "key"),
                "{value}"
            );
        }
        assert_eq!(
            text_or_file(&env, "ssh-ed25519 AAAA").expect("text"),
            TextOrFile::Text("ssh-ed25519 AAAA".to_owned())
        );
        for missing in ["none.pub", "@none", "@no file", "~none/x"] {
            assert!(text_or_file(&env, missing).is_err(), "{missing}");
        }
    }
}
