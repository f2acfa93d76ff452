//! The command that was run, as a shell takes it.

use clap::builder::ValueParser;
use secrecy::SecretString;
use std::ffi::OsString;

/// The command as it could be typed again, with `…` for what was given to a flag for a secret.
pub(super) fn typed<C: clap::CommandFactory>(
    tool: &str,
    arguments: impl Iterator<Item = OsString>,
) -> String {
    let mut flags = Vec::new();
    collect_secret_flags(&C::command(), &mut flags);
    let mut line = tool.to_owned();
    let mut is_secret = false;
    for word in arguments.map(|word| word.to_string_lossy().into_owned()) {
        line.push(' ');
        let given = word.split_once('=').map(|(flag, _)| flag);
        if std::mem::replace(&mut is_secret, flags.contains(&word)) {
            line.push('…');
        } else if let Some(flag) = given.filter(|flag| flags.iter().any(|one| one == flag)) {
            line.push_str(&format!("{flag}=…"));
        } else {
            line.push_str(&quoted(&word));
        }
    }
    line
}

fn collect_secret_flags(command: &clap::Command, flags: &mut Vec<String>) {
    let secret =
        ValueParser::from(|text: &str| Ok::<_, String>(SecretString::from(text))).type_id();
    for argument in command.get_arguments() {
        if argument.get_value_parser().type_id() == secret {
            flags.extend(
                argument
                    .get_long_and_visible_aliases()
                    .into_iter()
                    .flatten()
                    .map(|name| format!("--{name}")),
            );
        }
    }
    for inner in command.get_subcommands() {
        collect_secret_flags(inner, flags);
    }
}

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@+%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Tool {
        #[command(subcommand)]
        _command: Inner,
    }

    #[derive(clap::Subcommand)]
    enum Inner {
        Make {
            #[arg(long, value_parser = secret)]
            _password: Option<SecretString>,
            #[arg(long)]
            _name: Option<String>,
        },
    }

    fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
        Ok(text.into())
    }

    #[test]
    fn a_secret_is_left_out_however_it_is_given() {
        for (given, typed_again) in [
            (
                "make --password hunter2 --name n",
                "tool make --password … --name n",
            ),
            ("make --password=hunter2", "tool make --password=…"),
            ("make --name it's", "tool make --name 'it'\\''s'"),
            ("make --name ", "tool make --name ''"),
        ] {
            let words = given.split(' ').map(OsString::from);
            assert_eq!(typed::<Tool>("tool", words), typed_again);
        }
    }
}
