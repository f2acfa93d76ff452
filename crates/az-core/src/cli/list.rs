//! What a command works on: things that are named, or those of standard input as they come.

use super::{
    failure::Failure,
    lines::{self, Incoming, Item},
};
use std::collections::VecDeque;

/// How many lines are read and checked before the first is worked on: a list that ends within is refused as a whole for one
/// bad line, and nothing is sent. One that is longer is worked on as it comes.
const CHECKED_FIRST: usize = 1000;
/// The same in bytes.
const CHECKED_FIRST_BYTES: u64 = 1024 * 1024;

/// What is to be done, one after the other, with what each is called in messages, as `line 3`.
pub struct List<'a, T> {
    ahead: VecDeque<Entry<T>>,
    rest: Option<(Incoming, Check<'a, T>)>,
    /// How many were given out.
    taken: usize,
}

/// Makes of an item what is worked on.
type Check<'a, T> = Box<dyn Fn(&Item) -> Result<T, Failure> + 'a>;

/// One thing of a list.
pub(super) struct Entry<T> {
    pub(super) called: String,
    /// What is wrong with a line that was read after others were worked on.
    pub(super) thing: Result<T, Failure>,
}

impl<'a, T> List<'a, T> {
    /// Things that are known.
    pub fn of(things: impl IntoIterator<Item = (String, T)>) -> Self {
        let entry = |(called, thing)| Entry {
            called,
            thing: Ok(thing),
        };
        List {
            ahead: things.into_iter().map(entry).collect(),
            rest: None,
            taken: 0,
        }
    }

    /// One thing that is named by itself.
    pub fn one(thing: T) -> Self {
        List::of([(String::new(), thing)])
    }

    /// What standard input holds, one JSON object, several JSON lines, or bare values, a line each: `what` says in messages
    /// what it should be. `check` makes of each what is worked on.
    ///
    /// # Errors
    /// Standard input has nothing, or one of its first lines is wrong.
    pub async fn from_stdin(
        what: &str,
        check: impl Fn(&Item) -> Result<T, Failure> + 'a,
    ) -> Result<Self, Failure> {
        let mut incoming = Incoming::begin()?;
        let mut ahead = VecDeque::new();
        while ahead.len() < CHECKED_FIRST && incoming.read() < CHECKED_FIRST_BYTES {
            match incoming.next().await {
                None if ahead.is_empty() => return Err(lines::nothing(what)),
                None => {
                    return Ok(List {
                        ahead,
                        rest: None,
                        taken: 0,
                    });
                }
                Some(item) => {
                    let item = item.map_err(|error| lines::unreadable(what, &error))?;
                    let called = format!("line {}", item.line);
                    let thing = check(&item).map_err(|failure| failure.doing(&called))?;
                    ahead.push_back(Entry {
                        called,
                        thing: Ok(thing),
                    });
                }
            }
        }
        Ok(List {
            ahead,
            rest: Some((incoming, Box::new(check))),
            taken: 0,
        })
    }

    /// Whether it is one thing and no list.
    pub(super) fn is_one(&self) -> bool {
        self.ahead.len() == 1 && self.rest.is_none()
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Option<Entry<T>> {
        let next = match self.ahead.pop_front() {
            Some(next) => next,
            None => {
                let (incoming, check) = self.rest.as_mut()?;
                match incoming.next().await {
                    None => {
                        self.rest = None;
                        return None;
                    }
                    Some(Ok(item)) => Entry {
                        called: format!("line {}", item.line),
                        thing: check(&item),
                    },
                    Some(Err(error)) => Entry {
                        called: "standard input".to_owned(),
                        thing: Err(Failure::usage(error).hint("What is behind that is not read.")),
                    },
                }
            }
        };
        self.taken += 1;
        Some(next)
    }

    /// How many there are in all, as far as that is known: of a file, by the length of the lines so far.
    pub(super) fn total(&self) -> Option<u64> {
        let known = self.taken as u64 + self.ahead.len() as u64;
        let Some((incoming, _)) = &self.rest else {
            return Some(known);
        };
        let size = incoming.size?;
        let share = size as f64 / incoming.read().max(1) as f64;
        Some((known as f64 * share.max(1.0)) as u64)
    }
}
