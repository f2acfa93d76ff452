//! Writing lines that a shell reads.

use zeroize::Zeroizing;

/// A value that no variable can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value holds a NUL character, which no environment variable can")]
pub struct HasNul;

/// One line, `KEY='value'` and its end. All that is special to a shell stands in single quotes, where nothing is; a single
/// quote of the value's own stands outside, as `'\''`. So a value of several lines is several lines here, too.
///
/// # Errors
/// The value holds a NUL character.
pub fn line(key: &str, value: &str) -> Result<Zeroizing<String>, HasNul> {
    const QUOTE: &str = r"'\''";
    if value.contains('\0') {
        return Err(HasNul);
    }
    // All the room at once, so that growing leaves no copy behind.
    let room = key.len() + value.len() + value.matches('\'').count() * QUOTE.len() + 4;
    let mut line = Zeroizing::new(String::with_capacity(room));
    line.push_str(key);
    line.push_str("='");
    for (at, part) in value.split('\'').enumerate() {
        if at > 0 {
            line.push_str(QUOTE);
        }
        line.push_str(part);
    }
    line.push_str("'\n");
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_value_is_special_to_a_shell() {
        let line = |value| line("KEY", value).map(|line| line.to_string());
        assert_eq!(line("").as_deref(), Ok("KEY=''\n"));
        assert_eq!(line("$a `b` \"c\"").as_deref(), Ok("KEY='$a `b` \"c\"'\n"));
        assert_eq!(line("it's\n'").as_deref(), Ok("KEY='it'\\''s\n'\\'''\n"));
        assert_eq!(line("a\0b"), Err(HasNul));
    }
}
