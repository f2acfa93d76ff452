//! Files of variables (`.env`): what is in one, and what to write so that a shell and this module read the same.
//!
//! There is no standard. What is read is what shells, Docker and the usual libraries agree on: `KEY=VALUE`, `export` in
//! front, comments, single and double quotes over several lines, either line end. Nothing is expanded.

mod names;
mod parse;
mod write;

pub use names::{secret_name, variable_name};
pub use parse::{Entry, InvalidLine, parse};
pub use write::{HasNul, line};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(values in prop::collection::vec("[^\\x00]{0,40}|[ #='\"\\\\\r\n$`a]{0,20}", 0..5)) {
            let mut text = String::new();
            for (at, value) in values.iter().enumerate() {
                text.push_str(&line(&format!("KEY_{at}"), value).expect("no NUL"));
            }
            let read = parse(&text).expect("parses");
            prop_assert_eq!(read.len(), values.len());
            for (at, (entry, value)) in read.iter().zip(&values).enumerate() {
                prop_assert_eq!(&entry.key, &format!("KEY_{at}"));
                prop_assert_eq!(entry.value.expose_secret(), value);
            }
        }
    }
}
