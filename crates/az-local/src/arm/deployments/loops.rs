//! The turns of loops, and what they are numbered.

use super::error::invalid;
use crate::arm::error::Error;
use serde_json::{Value, json};

/// One turn of a loop, within that of another.
#[derive(Clone, Copy)]
pub(super) struct Loop<'s> {
    pub(super) name: &'s str,
    pub(super) index: usize,
    /// It is the one that `copyIndex()` means: that of a resource or of an output.
    pub(super) nameless: bool,
    pub(super) outer: Option<&'s Loop<'s>>,
}

/// A turn of a resource's loop.
#[derive(Clone)]
pub(super) struct Turn {
    pub(super) name: String,
    pub(super) index: usize,
}

impl Turn {
    pub(super) fn as_loop(&self) -> Loop<'_> {
        Loop {
            name: &self.name,
            index: self.index,
            nameless: true,
            outer: None,
        }
    }
}

/// `copyIndex([name], [offset])`
pub(super) fn index(loops: Option<&Loop<'_>>, arguments: &[Value]) -> Result<Value, Error> {
    let (name, offset) = match arguments {
        [] => (None, 0),
        [Value::String(name)] => (Some(name), 0),
        [Value::String(name), Value::Number(offset)] => {
            (Some(name), offset.as_i64().unwrap_or_default())
        }
        [Value::Number(offset)] => (None, offset.as_i64().unwrap_or_default()),
        _ => {
            return Err(invalid(
                "Unable to evaluate template language function 'copyIndex': it takes the name of a loop and an offset. \
                 Please see https://aka.ms/arm-copy for usage details",
            ));
        }
    };
    let mut next = loops;
    while let Some(one) = next {
        let is_meant = match name {
            Some(name) => one.name.eq_ignore_ascii_case(name),
            None => one.nameless,
        };
        if is_meant {
            return Ok(json!(offset.saturating_add(one.index as i64)));
        }
        next = one.outer;
    }
    // As quoted in <https://github.com/MicrosoftDocs/azure-docs/issues/56353>.
    Err(invalid(
        "The template function 'copyIndex' is not expected at this location. The function can only be used in a resource \
         with copy specified. Please see https://aka.ms/arm-copy for usage details.",
    ))
}
