//! JMESPath as the Azure CLI evaluates it.
//!
//! `az --query` is jmespath.py, and scripts rely on what that does beyond the specification (<https://jmespath.org>):
//! strings are compared by `<` and its kin, `` `text` `` without quotes is a string, a whole number stays whole through
//! `sum`, `ceil`, `floor` and `abs`, and the members of a multi-select hash keep the order in which they are written.
//! This crate does the same.
//!
//! It differs on purpose in three things. A function that is not known, or that is given too few or too many
//! arguments, is an error when the expression is read, not when it is first called, so that a command with a mistaken
//! query does nothing. An expression reference (`&name`) is an error wherever it is not an argument. `to_number` gives
//! null for what JSON cannot hold (`inf`, `nan`).
//!
//! ```
//! let machines = serde_json::json!([{"name": "a", "size": 2}, {"name": "b", "size": 4}]);
//! let query = az_jmespath::Expression::parse("[?size > `2`].{VM: name}").unwrap();
//! assert_eq!(query.search(&machines.into()).unwrap().to_string(), r#"[{"VM":"b"}]"#);
//! ```

#![forbid(unsafe_code)]

mod error;
mod evaluate;
mod function;
mod functions;
mod lexer;
mod number;
mod order;
mod parser;
mod tree;
mod value;

pub use error::{EvaluationError, ParseError};
pub use number::Number;
pub use value::{Object, Order, Value};

/// An expression, ready to be applied.
#[derive(Clone, Debug)]
pub struct Expression {
    root: tree::Node,
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Expression {
            root: parser::parse(text)?,
        })
    }

    /// What the expression selects of `document`; null where it selects nothing.
    pub fn search(&self, document: &Value) -> Result<Value, EvaluationError> {
        evaluate::evaluate(&self.root, document)
    }
}
