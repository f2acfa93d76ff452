//! Secrets that the process knows, kept out of everything that it says: whoever repeats one, in an error or in a log, it is not
//! shown.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};
use zeroize::Zeroizing;

/// What is shown in place of a secret.
pub const CONCEALED: &str = "<redacted>";

/// The fewest letters of a secret that is looked for: a shorter one is part of many words.
const FEWEST: usize = 6;
/// The most that are known at a time. Of many things that are written, those that are under way are the last.
const MOST: usize = 512;

/// What is said is said by the whole process, the log and the thread that watches for signals among it: so is what is not.
static KNOWN: Mutex<VecDeque<Zeroizing<String>>> = Mutex::new(VecDeque::new());

/// From now on, this secret is not shown, whole or one of its lines.
pub fn conceal(secret: &str) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = secret.lines().filter(|_| secret.contains('\n'));
    for secret in lines.chain([secret]).map(str::trim) {
        if secret.len() < FEWEST || known.iter().any(|one| one.as_str() == secret) {
            continue;
        }
        if known.len() == MOST {
            known.pop_front();
        }
        known.push_back(Zeroizing::new(secret.to_owned()));
    }
}

/// The text without the secrets that are known, and without anything that looks like a token.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut text = without_tokens(text);
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    for secret in known.iter() {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), CONCEALED).into();
        }
    }
    text
}

/// JSON Web Tokens begin with an object's `{"`, encoded.
fn without_tokens(text: &str) -> Cow<'_, str> {
    const BEGIN: &str = "eyJ";
    const FEWEST: usize = 40;
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let (before, token) = rest.split_at(at);
        let is_of_it = |letter: char| letter.is_ascii_alphanumeric() || "-_.=+/".contains(letter);
        let end = token
            .find(|letter| !is_of_it(letter))
            .unwrap_or(token.len());
        shown.push_str(before);
        shown.push_str(if end < FEWEST {
            &token[..end]
        } else {
            CONCEALED
        });
        rest = &token[end..];
    }
    if shown.is_empty() {
        return text.into();
    }
    shown.push_str(rest);
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_is_not_shown_and_one_of_its_lines_neither() {
        conceal("correct horse\n  battery staple\n\nab");
        assert_eq!(
            without_secrets("'battery staple' is not ab, correct horse"),
            "'<redacted>' is not ab, <redacted>"
        );
        assert_eq!(without_secrets("nothing of it"), "nothing of it");
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = format!("eyJ0eXAiOiJKV1Qi{}.c2ln-_", "a".repeat(40));
        assert_eq!(
            without_secrets(&format!("Bearer {token}, eyJ is short")),
            "Bearer <redacted>, eyJ is short"
        );
        assert_eq!(without_secrets(&token), "<redacted>");
    }

    proptest! {
        #[test]
        fn whatever_is_around_it_it_is_not_shown(before in "\\PC{0,20}", secret in "[!-~]{6,40}", after in "\\PC{0,20}") {
            conceal(&secret);
            let said = format!("{before}{secret}{after}");
            prop_assert!(!without_secrets(&said).contains(&secret) || CONCEALED.contains(&secret));
        }
    }
}
