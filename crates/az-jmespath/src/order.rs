//! Which of two values comes first.

use crate::error::EvaluationError;
use crate::value::Value;
use std::cmp::Ordering;

/// The order of two numbers or of two strings, which go by their code points.
pub(crate) fn order(
    left: &Value,
    right: &Value,
    operator: &'static str,
) -> Result<Ordering, EvaluationError> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Ok(left.compare(*right)),
        (Value::String(left), Value::String(right)) => Ok(left.cmp(right)),
        (left, right) => Err(EvaluationError::Incomparable {
            operator,
            left: left.type_name(),
            right: right.type_name(),
        }),
    }
}
