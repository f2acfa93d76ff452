//! Lists that come in pages.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// A list whose pages lead back to one that was read.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("its list goes round in a circle")]
pub struct GoesRound;

/// The links that were followed to one list's pages: no page is read twice. In a request's context it says that the request is
/// for a page of that list.
#[derive(Clone, Debug, Default)]
pub struct Pages(Arc<Mutex<HashSet<String>>>);

impl Pages {
    /// Notes that a link is followed.
    ///
    /// # Errors
    /// It was followed before.
    pub fn follow(&self, link: &str) -> Result<(), GoesRound> {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        followed
            .insert(link.to_owned())
            .then_some(())
            .ok_or(GoesRound)
    }
}
