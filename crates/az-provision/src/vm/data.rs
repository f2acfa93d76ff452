//! Custom data and user data: what a new machine is given to set itself up with.

use az_core::{
    arm::base64,
    cli::{Failure, Session, home},
};
use az_credential::Env;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};

/// A flag that takes a file or the text itself, and how many bytes Azure takes there.
#[derive(Clone, Copy)]
pub(crate) struct Data {
    flag: &'static str,
    longest: usize,
}

/// <https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update#osprofile>
pub(crate) const CUSTOM: Data = Data {
    flag: "--custom-data",
    longest: 65_535,
};
/// <https://learn.microsoft.com/azure/virtual-machines/user-data>
pub(crate) const USER: Data = Data {
    flag: "--user-data",
    longest: 65_536,
};

impl Data {
    /// The data in base64, as a request carries it; `None` where there is none, as an empty file has none. It may
    /// hold secrets, though it should not: nothing shows it.
    pub(crate) fn read(
        self,
        session: &Session,
        given: Option<&SecretString>,
    ) -> Result<Option<SecretString>, Failure> {
        let Some(given) = given.map(ExposeSecret::expose_secret) else {
            return Ok(None);
        };
        // `az` takes what is no file's name for the text, so a slip in the name goes unnoticed there.
        let named = given.starts_with('@');
        if !named && is_like_a_name(given) && !home(&session.env, given).exists() {
            session.warn(format!(
                "{}: there is no file of that name, so these words are the data",
                self.flag
            ));
        }
        Ok(self.encoded(&session.env, given)?.map(SecretString::from))
    }

    /// `@FILE` is a file, as everywhere in `az`; so is what is a file's name.
    fn encoded(self, env: &Env, given: &str) -> Result<Option<String>, Failure> {
        let named = given.strip_prefix('@');
        let path = home(env, named.unwrap_or(given));
        let bytes = Zeroizing::new(if named.is_some() || path.exists() {
            std::fs::read(&path).map_err(|error| {
                Failure::usage(format!("{} {}: {error}", self.flag, path.display()))
            })?
        } else {
            given.as_bytes().to_vec()
        });
        if bytes.len() > self.longest {
            return Err(Failure::usage(format!(
                "{} has {} bytes; Azure takes at most {}",
                self.flag,
                bytes.len(),
                self.longest
            )));
        }
        Ok((!bytes.is_empty()).then(|| base64::encode(&*bytes)))
    }
}

/// Scripts and configurations have white space; a file's name seldom has.
fn is_like_a_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_as_it_stands() {
        let encoded = CUSTOM
            .encoded(&Env::default(), "#!/bin/sh\necho hä\n")
            .expect("text");
        assert_eq!(encoded.as_deref(), Some("IyEvYmluL3NoCmVjaG8gaMOkCg=="));
        assert_eq!(USER.encoded(&Env::default(), "").expect("nothing"), None);
    }

    #[test]
    fn a_file_is_taken_byte_for_byte() {
        let path = std::env::temp_dir().join(format!("custom-data-{}", std::process::id()));
        std::fs::write(&path, [0xff, b'\r', b'\n']).expect("a file");
        let encoded = CUSTOM.encoded(&Env::default(), &format!("@{}", path.display()));
        std::fs::remove_file(&path).expect("a file");
        assert_eq!(encoded.expect("bytes").as_deref(), Some("/w0K"));
        assert!(
            CUSTOM.encoded(&Env::default(), "@none").is_err(),
            "a file is meant"
        );
        let folder = std::env::temp_dir().display().to_string();
        assert!(
            CUSTOM.encoded(&Env::default(), &folder).is_err(),
            "a folder is no data"
        );
    }

    #[test]
    fn what_azure_would_refuse_for_its_length_is_not_sent() {
        for (data, base64_length) in [(CUSTOM, 87_380), (USER, 87_384)] {
            let longest = "x ".repeat(data.longest).split_off(data.longest);
            let encoded = data
                .encoded(&Env::default(), &longest)
                .expect("the longest");
            assert_eq!(encoded.map(|text| text.len()), Some(base64_length));
            let error = data
                .encoded(&Env::default(), &format!("{longest}x"))
                .expect_err("too long");
            assert!(error.message.contains(data.flag), "{}", error.message);
        }
    }

    #[test]
    fn only_one_word_can_be_a_slip_in_a_files_name() {
        assert!(is_like_a_name("cloud-init.txt"));
        assert!(!is_like_a_name("#cloud-config\n"));
        assert!(!is_like_a_name(""));
    }
}
