//! What is kept: typed documents, each type a table, with the columns that it is looked up by.

use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;

/// Something that is kept. [`Document::KIND`] names its table, [`Document::key`] the one.
///
/// Keys order: those of resources are their ids in lower case, so a prefix finds what is below a scope.
pub(crate) trait Document: Serialize + DeserializeOwned {
    const KIND: &'static str;
    /// The columns that it is looked up by, beside its key.
    const COLUMNS: &'static [&'static str] = &[];
    fn key(&self) -> String;
    /// What stands in the columns, in their order. What is `None` is not found by that column.
    fn columns(&self) -> Vec<Option<String>> {
        Vec::new()
    }
}

/// A column of a type of documents.
pub(crate) struct Index<T> {
    pub(super) column: &'static str,
    of: PhantomData<fn() -> T>,
}

impl<T> Index<T> {
    pub(crate) const fn new(column: &'static str) -> Self {
        Index {
            column,
            of: PhantomData,
        }
    }
}

impl<T> Clone for Index<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Index<T> {}

/// Which documents of a type are meant.
pub(crate) enum Range<'a, T> {
    /// Those whose keys begin so, in the order of keys.
    Below(&'a str),
    /// Those that have this in a column, in the order of keys.
    Equal(Index<T>, &'a str),
    /// Those that have what begins so in a column, in the order of the column, then of keys.
    Beginning(Index<T>, &'a str),
}

/// A part of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Where the next part begins, if there is one.
    pub(crate) next: Option<String>,
}
