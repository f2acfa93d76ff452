//! What can be wrong with an expression.

/// An expression that cannot be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("at column {}: {reason}", .at + 1)]
pub struct ParseError {
    /// Where, in characters from the beginning.
    pub at: usize,
    /// Why.
    pub reason: String,
}

impl ParseError {
    pub(crate) fn at(at: usize, reason: impl Into<String>) -> Self {
        ParseError {
            at,
            reason: reason.into(),
        }
    }
}

/// An expression that does not fit the document.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EvaluationError {
    /// A function was given what it does not take.
    #[error("{function}() takes {wanted}, and was given {found}")]
    Type {
        /// The function.
        function: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What it was given.
        found: String,
    },
    /// Two values of different types were ordered.
    #[error("'{operator}' does not compare {left} with {right}")]
    Incomparable {
        /// The operator, or the function that orders.
        operator: &'static str,
        /// The type of the first.
        left: &'static str,
        /// The type of the second.
        right: &'static str,
    },
    /// A number too large to be rounded, or other arithmetic without a result.
    #[error("{function}() has no result for {number}")]
    Arithmetic {
        /// The function.
        function: &'static str,
        /// The number.
        number: String,
    },
    /// A function was given too few arguments, which reading the expression finds out already.
    #[error("{function}() was given too few arguments")]
    TooFew {
        /// The function.
        function: &'static str,
    },
    /// `&expression` where no function takes it.
    #[error("an expression reference ('&…') is an argument of a function, not a value")]
    Reference,
}
