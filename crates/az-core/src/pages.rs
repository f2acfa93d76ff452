//! Lists that come in pages.

use std::collections::HashSet;

/// What is said of a list whose pages lead back to one that was read.
pub(crate) const GOES_ROUND: &str = "its list goes round in a circle";

/// The links that were followed to a list's pages: no page is read twice.
#[derive(Debug, Default)]
pub struct Pages(HashSet<String>);

impl Pages {
    /// Whether the link leads to another page than all before; it counts as followed from now on.
    pub fn is_new(&mut self, link: &str) -> bool {
        self.0.insert(link.to_owned())
    }
}
