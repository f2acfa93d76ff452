//! Identities of machines, as arguments name them.

use super::{failure::Failure, lines};
use crate::identity::Word;

/// The words of an argument, with `-` replaced by what is on standard input: names, ids, or what
/// `az-identity create` prints.
///
/// # Errors
/// A word that names no identity, or nothing usable on standard input.
pub fn read_identities(given: &[String]) -> Result<Vec<Word>, Failure> {
    let mut words = Vec::new();
    for word in given {
        if word != "-" {
            words.push(word.parse()?);
            continue;
        }
        for item in lines::read_stdin("identities")? {
            let text = item.text("id").ok_or_else(|| {
                Failure::usage(format!(
                    "line {}: a name, an id, or an object with 'id' was expected",
                    item.line
                ))
            })?;
            words.push(text.parse()?);
        }
    }
    Ok(words)
}
