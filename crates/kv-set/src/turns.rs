//! Several values for one secret: one after the other, in the order of their lines.

use crate::secret::NewSecret;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};
use tokio::sync::watch;

/// The secrets whose lines were read and are not done. One that is done is not kept.
#[derive(Default)]
pub(crate) struct Turns {
    last: RefCell<HashMap<String, Last>>,
    count: Cell<u64>,
}

/// The last line of a secret.
struct Last {
    number: u64,
    /// Closed once it is done.
    done: watch::Receiver<()>,
}

/// A line's turn. Dropping it lets the next one of the same secret begin.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    name: String,
    number: u64,
    before: Option<watch::Receiver<()>>,
    _done: watch::Sender<()>,
}

impl Turns {
    /// The turn of the next line, which is for this secret.
    pub(crate) fn next(&self, secret: &NewSecret) -> Turn<'_> {
        // A vault does not tell a from A.
        let name = secret.name.as_str().to_lowercase();
        let number = self.count.get();
        self.count.set(number + 1);
        let (sender, done) = watch::channel(());
        let last = Last { number, done };
        let before = self.last.borrow_mut().insert(name.clone(), last);
        Turn {
            turns: self,
            name,
            number,
            before: before.map(|before| before.done),
            _done: sender,
        }
    }
}

impl Turn<'_> {
    /// Waits until all lines before it are done that are for the same secret.
    pub(crate) async fn comes(&mut self) {
        if let Some(mut before) = self.before.take() {
            // Nothing is ever sent: it ends when the other's turn does.
            while before.changed().await.is_ok() {}
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut last = self.turns.last.borrow_mut();
        let is_last = last
            .get(&self.name)
            .is_some_and(|last| last.number == self.number);
        if is_last {
            last.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Properties;
    use futures::future::join_all;

    #[tokio::test]
    async fn values_of_one_secret_are_written_in_their_order_and_nothing_is_left() {
        let (turns, written) = (Turns::default(), RefCell::new(vec![]));
        let names = ["a", "A", "b", "a", "B", "a"];
        let mut lines: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let name = name.parse().expect("valid");
                let secret = NewSecret::new(name, "v".into(), &Properties::default());
                (number, turns.next(&secret.expect("good")))
            })
            .collect();
        // Whoever comes first.
        lines.reverse();
        join_all(lines.into_iter().map(|(number, mut turn)| {
            let written = &written;
            async move {
                turn.comes().await;
                // Later ones are sooner done.
                for _ in 0..10 - number {
                    tokio::task::yield_now().await;
                }
                written.borrow_mut().push((turn.name.clone(), number));
            }
        }))
        .await;
        let of = |wanted: &str| -> Vec<usize> {
            let written = written.borrow();
            let of_it = written.iter().filter(|(name, _)| name == wanted);
            of_it.map(|(_, number)| *number).collect()
        };
        assert_eq!((of("a"), of("b")), (vec![0, 1, 3, 5], vec![2, 4]));
        assert!(turns.last.borrow().is_empty());
    }
}
