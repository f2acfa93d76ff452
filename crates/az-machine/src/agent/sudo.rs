//! `sudo`, as it is found on a machine whose computer has none.

use super::wish::{self, Answer, Wish};
use crate::channel;
use crate::message::Ended;
use crate::signals::Signals;
use rustix::event::{PollFd, PollFlags, poll};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What may be kept of a user's variables (sudoers' `env_keep` on Debian, and what it always keeps).
const KEPT: [&str; 9] = [
    "TERM",
    "LANG",
    "LANGUAGE",
    "COLORS",
    "COLORTERM",
    "DISPLAY",
    "LS_COLORS",
    "XAUTHORITY",
    "TZ",
];

/// What the command line says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    user: Option<String>,
    login: bool,
    shell: bool,
    keep_all: bool,
    keep: Vec<String>,
    own_home: bool,
    /// Nothing is to be run: `-v`, `-k`, `-l`, `-V`.
    nothing: bool,
    variables: Vec<(OsString, OsString)>,
    line: Vec<OsString>,
}

/// Reads a command line, without the program's name.
fn parse(words: impl Iterator<Item = OsString>) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut words = words.peekable();
    while let Some(word) = words.peek() {
        let Some(text) = word.to_str().filter(|text| text.starts_with('-')) else {
            // NAME=value before the command.
            let bytes = word.as_bytes();
            match bytes.iter().position(|byte| *byte == b'=') {
                Some(at) if at > 0 && !bytes[..at].contains(&b'/') => {
                    let (name, value) = (&bytes[..at], &bytes[at + 1..]);
                    let variable = (OsStr::from_bytes(name), OsStr::from_bytes(value));
                    asked.variables.push((variable.0.into(), variable.1.into()));
                    words.next();
                    continue;
                }
                _ => break,
            }
        };
        let text = text.to_owned();
        words.next();
        if text == "--" {
            break;
        }
        if let Some(long) = text.strip_prefix("--") {
            let (name, value_given) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let mut value = || {
                let given = value_given.clone();
                given
                    .or_else(|| words.next().and_then(|word| word.into_string().ok()))
                    .ok_or_else(|| format!("option '--{name}' requires an argument"))
            };
            match name {
                "user" => asked.user = Some(value()?),
                "login" => asked.login = true,
                "shell" => asked.shell = true,
                "preserve-env" => match &value_given {
                    Some(names) => asked.keep.extend(names.split(',').map(str::to_owned)),
                    None => asked.keep_all = true,
                },
                "set-home" => asked.own_home = true,
                "non-interactive" | "stdin" => {}
                "prompt" => drop(value()?),
                "validate" | "reset-timestamp" | "remove-timestamp" | "list" | "version" => {
                    asked.nothing = true;
                }
                _ => return Err(format!("unrecognized option '--{name}'")),
            }
            continue;
        }
        let mut letters = text[1..].chars();
        while let Some(letter) = letters.next() {
            match letter {
                'i' => asked.login = true,
                's' => asked.shell = true,
                'E' => asked.keep_all = true,
                'H' => asked.own_home = true,
                'n' | 'S' | 'A' | 'b' => {}
                'v' | 'k' | 'K' | 'l' | 'V' => asked.nothing = true,
                'u' | 'p' | 'g' => {
                    let rest = letters.as_str().to_owned();
                    letters = "".chars();
                    let value = if rest.is_empty() {
                        words.next().and_then(|word| word.into_string().ok())
                    } else {
                        Some(rest)
                    };
                    let value = value
                        .ok_or_else(|| format!("option requires an argument -- '{letter}'"))?;
                    if letter == 'u' {
                        asked.user = Some(value);
                    }
                }
                _ => return Err(format!("invalid option -- '{letter}'")),
            }
        }
    }
    asked.line = words.collect();
    Ok(asked)
}

/// Runs what the command line says as another user; gives the status to end with.
pub fn main(words: impl Iterator<Item = OsString>) -> u8 {
    let ended = parse(words).and_then(|asked| {
        if asked.nothing {
            return Ok(Ended::Status(0));
        }
        if asked.line.is_empty() && !asked.login && !asked.shell {
            return Err(
                "usage: sudo [-EHinS] [-u user] [VAR=value] [-i | -s] [command]".to_owned(),
            );
        }
        run(asked)
    });
    match ended {
        Ok(Ended::Status(code)) => u8::try_from(code & 0xff).unwrap_or(1),
        Ok(Ended::Signal(signal, _)) => u8::try_from(128 + (signal & 0x7f)).unwrap_or(1),
        Ok(Ended::WithTheMachine) => 1,
        Err(why) => {
            eprintln!("sudo: {why}");
            1
        }
    }
}

fn run(asked: Asked) -> Result<Ended, String> {
    let words = |error: io::Error| error.to_string();
    let agent = wish::agent().map_err(|_| "this is no machine of az-local's".to_owned())?;
    let arriving = Signals::taken().map_err(words)?;
    let user = asked.user.clone().unwrap_or_else(|| "root".to_owned());
    let wish = Wish::Run {
        login: asked.login,
        variables: variables(&asked),
        line: asked.line,
        user,
        folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
    };
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    let files = [input.as_fd(), output.as_fd(), errors.as_fd()];
    channel::send(&agent, &wish, &files).map_err(words)?;
    loop {
        let mut ready = [
            PollFd::new(&arriving, PollFlags::IN),
            PollFd::new(&agent, PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.to_string()),
        }
        if !ready[0].revents().is_empty()
            && let Some(signal) = arriving.next()
        {
            channel::send(&agent, &Wish::Signal(signal), &[]).map_err(words)?;
        }
        if !ready[1].revents().is_empty() {
            return match channel::receive::<Answer>(&agent).map_err(words)? {
                Some((Answer::Ended(ended), _)) => Ok(ended),
                Some((Answer::Refused(why), _)) => Err(why),
                None => Ok(Ended::WithTheMachine),
            };
        }
    }
}

/// The variables that go along.
fn variables(asked: &Asked) -> Vec<(OsString, OsString)> {
    let kept = std::env::vars_os().filter(|(name, _)| {
        let Some(name) = name.to_str() else {
            return false;
        };
        let own = ["HOME", "USER", "LOGNAME", "SHELL", "PATH"];
        if own.contains(&name) {
            return name == "HOME" && asked.keep_all && !asked.own_home && !asked.login;
        }
        asked.keep_all
            || KEPT.contains(&name)
            || name.starts_with("LC_")
            || asked.keep.iter().any(|kept| kept == name)
    });
    kept.chain(asked.variables.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn a_command_line_is_read_as_sudo_reads_it() {
        let asked =
            read("-nu ada DEBIAN_FRONTEND=noninteractive apt-get -y install x=1").expect("read");
        assert_eq!(asked.user.as_deref(), Some("ada"));
        assert_eq!(asked.variables.len(), 1);
        assert_eq!(asked.line, ["apt-get", "-y", "install", "x=1"]);
        let asked = read("-uada -E -- -x").expect("read");
        assert!(asked.keep_all && asked.line == ["-x"]);
        let asked = read("--user=ada --preserve-env=A,B id -u").expect("read");
        assert_eq!((asked.user.as_deref(), asked.line.len()), (Some("ada"), 2));
        assert_eq!(asked.keep, ["A", "B"]);
        assert_eq!(
            read("--user ada id").expect("read").user.as_deref(),
            Some("ada")
        );
        assert!(read("-i").expect("read").login);
        assert!(read("-v").expect("read").nothing);
        assert!(read("-Z id").is_err() && read("-u").is_err() && read("--nonsense").is_err());
        assert_eq!(read("./a=b").expect("read").line, ["./a=b"]);
    }
}
