//! Numbers: whole ones stay whole.

use std::cmp::Ordering;
use std::fmt;

/// A number.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A whole number.
    Integer(i128),
    /// Any other, or the result of a division.
    Float(f64),
}

impl Number {
    /// The nearest floating-point number.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Integer(number) => number as f64,
            Number::Float(number) => number,
        }
    }

    pub(crate) fn is_zero(self) -> bool {
        self.as_f64() == 0.0
    }

    pub(crate) fn is_zero_or_one(self) -> bool {
        self.is_zero() || self.as_f64() == 1.0
    }

    pub(crate) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(left), Number::Integer(right)) => left.cmp(&right),
            (left, right) => left
                .as_f64()
                .total_cmp(&right.as_f64())
                .then(Ordering::Equal),
        }
    }

    pub(crate) fn plus(self, other: Number) -> Number {
        if let (Number::Integer(left), Number::Integer(right)) = (self, other)
            && let Some(sum) = left.checked_add(right)
        {
            return Number::Integer(sum);
        }
        Number::Float(self.as_f64() + other.as_f64())
    }

    pub(crate) fn absolute(self) -> Number {
        match self {
            Number::Integer(number) => Number::Integer(number.saturating_abs()),
            Number::Float(number) => Number::Float(number.abs()),
        }
    }

    /// Rounded by `round`, to a whole number.
    pub(crate) fn rounded(self, round: fn(f64) -> f64) -> Number {
        match self {
            Number::Integer(_) => self,
            Number::Float(number) => Number::Integer(round(number) as i128),
        }
    }

    /// The number that a text is, as Python's `int` and then `float` read it.
    pub(crate) fn read(text: &str) -> Option<Number> {
        let text = text.trim();
        let digits = without_underscores(text)?;
        if let Ok(number) = digits.parse::<i128>() {
            return Some(Number::Integer(number));
        }
        // Rust reads `inf` and `nan`, which JSON cannot hold.
        let number = digits.parse::<f64>().ok()?;
        number.is_finite().then_some(Number::Float(number))
    }
}

/// Python takes single underscores between digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_digit);
    for (at, byte) in bytes.iter().enumerate() {
        let between = at > 0 && digit(bytes.get(at - 1)) && digit(bytes.get(at + 1));
        if *byte == b'_' && !between {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        match (self, other) {
            (Number::Integer(left), Number::Integer(right)) => left == right,
            (left, right) => left.as_f64() == right.as_f64(),
        }
    }
}

/// As Python prints it, and JSON takes it: `2`, `2.0`, `1e-05`.
impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Number::Integer(number) => return write!(out, "{number}"),
            Number::Float(number) => *number,
        };
        // Shortest digits that give the same number again, in the form that Python chooses by the exponent.
        let scientific = format!("{number:e}");
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        match exponent.parse::<i32>() {
            Ok(exponent) if !(-4..16).contains(&exponent) => {
                let sign = if exponent < 0 { '-' } else { '+' };
                write!(out, "{mantissa}e{sign}{:02}", exponent.abs())
            }
            _ => write!(out, "{number:?}"),
        }
    }
}

impl From<&serde_json::Number> for Number {
    fn from(number: &serde_json::Number) -> Self {
        if let Some(number) = number.as_i64() {
            Number::Integer(number.into())
        } else if let Some(number) = number.as_u64() {
            Number::Integer(number.into())
        } else {
            Number::Float(number.as_f64().unwrap_or_default())
        }
    }
}

impl From<Number> for serde_json::Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(number) => i64::try_from(number)
                .map(serde_json::Value::from)
                .or_else(|_| u64::try_from(number).map(serde_json::Value::from))
                .unwrap_or_else(|_| serde_json::Value::from(number as f64)),
            Number::Float(number) => serde_json::Value::from(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_python() {
        for (number, text) in [
            (1.0, "1.0"),
            (0.5, "0.5"),
            (1e16, "1e+16"),
            (1.5e15, "1500000000000000.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.25e-7, "1.25e-07"),
            (1e300, "1e+300"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(Number::Float(number).to_string(), text);
        }
    }

    #[test]
    fn texts_are_read_as_in_python() {
        let read = |text| Number::read(text).map(|number| number.to_string());
        assert_eq!(read(" 12 ").as_deref(), Some("12"));
        assert_eq!(read("+1_000").as_deref(), Some("1000"));
        assert_eq!(read("1.50").as_deref(), Some("1.5"));
        assert_eq!(read("1e3").as_deref(), Some("1000.0"));
        for wrong in ["", "a", "1__0", "_1", "inf", "nan", "0x1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
