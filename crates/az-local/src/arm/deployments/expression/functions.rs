//! The functions of the template language that depend on their arguments alone
//! (<https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions>).

use super::unique::unique_string;
use crate::arm::deployments::limits::LARGEST_TEMPLATE;
use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::collections::HashSet;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a URI component keeps as it is.
const URI_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The namespace of `guid` (<https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-string#guid>).
const GUID_NAMESPACE: Uuid = Uuid::from_u128(0x11fb06fb_712d_4ddd_98c7_e71bbd588830);

type Function = fn(&[Value]) -> Result<Value, String>;

/// Name, fewest and most arguments, what it does.
const FUNCTIONS: &[(&str, usize, usize, Function)] = &[
    ("add", 2, 2, |a| arithmetic(a, i64::checked_add)),
    ("array", 1, 1, |a| {
        Ok(match &a[0] {
            Value::Array(_) => a[0].clone(),
            one => json!([one]),
        })
    }),
    ("base64", 1, 1, |a| {
        Ok(json!(BASE64_STANDARD.encode(text(&a[0])?)))
    }),
    ("base64ToJson", 1, 1, |a| parsed(&decoded(&a[0])?)),
    ("base64ToString", 1, 1, |a| Ok(json!(decoded(&a[0])?))),
    ("bool", 1, 1, boolean),
    ("coalesce", 1, MANY, |a| {
        Ok(a.iter().find(|v| !v.is_null()).cloned().unwrap_or_default())
    }),
    ("concat", 1, MANY, concat),
    ("contains", 2, 2, contains),
    ("createArray", 0, MANY, |a| Ok(json!(a))),
    ("createObject", 0, MANY, create_object),
    ("dataUri", 1, 1, |a| {
        Ok(json!(format!(
            "data:text/plain;charset=utf8;base64,{}",
            BASE64_STANDARD.encode(text(&a[0])?)
        )))
    }),
    ("div", 2, 2, |a| arithmetic(a, i64::checked_div)),
    ("empty", 1, 1, |a| {
        Ok(json!(match &a[0] {
            Value::Null => true,
            other => length(other)? == 0,
        }))
    }),
    ("endsWith", 2, 2, |a| {
        Ok(json!(lower(&a[0])?.ends_with(&lower(&a[1])?)))
    }),
    ("equals", 2, 2, |a| Ok(json!(a[0] == a[1]))),
    ("false", 0, 0, |_| Ok(json!(false))),
    ("first", 1, 1, |a| edge(&a[0], true)),
    ("flatten", 1, 1, flatten),
    ("float", 1, 1, |a| match &a[0] {
        Value::String(text) => text
            .parse::<f64>()
            .map(|n| json!(n))
            .map_err(|_| format!("'{text}' is no number")),
        Value::Number(_) => Ok(a[0].clone()),
        other => Err(unfit(other, "a number or a string")),
    }),
    ("format", 1, MANY, format_text),
    ("greater", 2, 2, |a| {
        order(a).map(|o| json!(o == Ordering::Greater))
    }),
    ("greaterOrEquals", 2, 2, |a| {
        order(a).map(|o| json!(o != Ordering::Less))
    }),
    ("guid", 1, MANY, |a| {
        Ok(json!(
            Uuid::new_v5(&GUID_NAMESPACE, joined(a)?.as_bytes()).to_string()
        ))
    }),
    ("indexOf", 2, 2, |a| position(a, true)),
    ("int", 1, 1, |a| match &a[0] {
        Value::String(text) => text
            .trim()
            .parse::<i64>()
            .map(|n| json!(n))
            .map_err(|_| format!("'{text}' is no integer")),
        other => other
            .as_i64()
            .or_else(|| other.as_f64().map(|n| n as i64))
            .map(|n| json!(n))
            .ok_or_else(|| unfit(other, "a number or a string")),
    }),
    ("intersection", 2, MANY, intersection),
    ("items", 1, 1, |a| {
        let mut pairs: Vec<_> = object(&a[0])?.iter().collect();
        pairs.sort_by_key(|(key, _)| key.to_lowercase());
        Ok(pairs
            .into_iter()
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect())
    }),
    ("join", 2, 2, join),
    ("json", 1, 1, |a| parsed(text(&a[0])?)),
    ("last", 1, 1, |a| edge(&a[0], false)),
    ("lastIndexOf", 2, 2, |a| position(a, false)),
    ("length", 1, 1, |a| Ok(json!(length(&a[0])?))),
    ("less", 2, 2, |a| {
        order(a).map(|o| json!(o == Ordering::Less))
    }),
    ("lessOrEquals", 2, 2, |a| {
        order(a).map(|o| json!(o != Ordering::Greater))
    }),
    ("max", 1, MANY, |a| extreme(a, true)),
    ("min", 1, MANY, |a| extreme(a, false)),
    ("mod", 2, 2, |a| arithmetic(a, i64::checked_rem)),
    ("mul", 2, 2, |a| arithmetic(a, i64::checked_mul)),
    ("not", 1, 1, |a| Ok(json!(!truth(&a[0])?))),
    ("null", 0, 0, |_| Ok(Value::Null)),
    ("objectKeys", 1, 1, |a| {
        let mut keys: Vec<&String> = object(&a[0])?.keys().collect();
        keys.sort_by_key(|key| key.to_lowercase());
        Ok(json!(keys))
    }),
    ("padLeft", 2, 3, |a| {
        let text = shown(&a[0])?;
        let filler = match a.get(2) {
            Some(filler) => self::text(filler)?.chars().next().unwrap_or(' '),
            None => ' ',
        };
        let missing = count(&a[1])?.saturating_sub(text.chars().count());
        if missing > 10_000 {
            return Err("the length is too large".to_owned());
        }
        Ok(json!(format!(
            "{}{text}",
            filler.to_string().repeat(missing)
        )))
    }),
    ("range", 2, 2, |a| {
        let (from, count) = (integer(&a[0])?, integer(&a[1])?);
        if !(0..=10_000).contains(&count) {
            return Err("the count must be between 0 and 10000".to_owned());
        }
        let to = from.checked_add(count).ok_or("the range is too large")?;
        Ok(json!((from..to).collect::<Vec<i64>>()))
    }),
    ("replace", 3, 3, replace),
    ("shallowMerge", 1, 1, |a| {
        let mut merged = Map::new();
        for one in array(&a[0])? {
            merged.extend(object(one)?.clone());
        }
        Ok(Value::Object(merged))
    }),
    ("skip", 2, 2, |a| {
        cut(&a[0], integer(&a[1])?.max(0) as usize, usize::MAX)
    }),
    ("split", 2, 2, split),
    ("startsWith", 2, 2, |a| {
        Ok(json!(lower(&a[0])?.starts_with(&lower(&a[1])?)))
    }),
    ("string", 1, 1, |a| shown(&a[0]).map(|text| json!(text))),
    ("sub", 2, 2, |a| arithmetic(a, i64::checked_sub)),
    ("substring", 2, 3, |a| {
        let all = text(&a[0])?.chars().count();
        let from = count(&a[1])?;
        let length = match a.get(2) {
            Some(length) => count(length)?,
            None => all.saturating_sub(from),
        };
        if from.checked_add(length).is_none_or(|end| end > all) {
            return Err(
                "the index and length parameters must refer to a location within the string"
                    .to_owned(),
            );
        }
        cut(&a[0], from, length)
    }),
    ("take", 2, 2, |a| {
        cut(&a[0], 0, integer(&a[1])?.max(0) as usize)
    }),
    ("toLower", 1, 1, |a| Ok(json!(text(&a[0])?.to_lowercase()))),
    ("toUpper", 1, 1, |a| Ok(json!(text(&a[0])?.to_uppercase()))),
    ("trim", 1, 1, |a| Ok(json!(text(&a[0])?.trim()))),
    ("true", 0, 0, |_| Ok(json!(true))),
    ("tryGet", 2, MANY, |a| {
        Ok(a[1..]
            .iter()
            .try_fold(&a[0], |of, name| match (of, name) {
                (Value::Object(members), Value::String(name)) => members
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, v)| v),
                (Value::Array(values), index) => values.get(index.as_u64()? as usize),
                _ => None,
            })
            .cloned()
            .unwrap_or_default())
    }),
    ("union", 2, MANY, union),
    ("uniqueString", 1, MANY, |a| {
        Ok(json!(unique_string(&joined(a)?)))
    }),
    ("uri", 2, 2, |a| {
        url::Url::parse(text(&a[0])?)
            .and_then(|base| base.join(a[1].as_str().unwrap_or_default()))
            .map(|url| json!(url.as_str()))
            .map_err(|error| error.to_string())
    }),
    ("uriComponent", 1, 1, |a| {
        Ok(json!(
            utf8_percent_encode(text(&a[0])?, URI_COMPONENT).to_string()
        ))
    }),
    ("uriComponentToString", 1, 1, |a| {
        Ok(json!(percent_decode_str(text(&a[0])?).decode_utf8_lossy()))
    }),
];

/// Functions that need the deployment, not only their arguments.
pub(in crate::arm::deployments) const CONTEXTUAL: &[&str] = &[
    "and",
    "copyIndex",
    "deployer",
    "deployment",
    "environment",
    "extensionResourceId",
    "if",
    "newGuid",
    "or",
    "parameters",
    "reference",
    "resourceGroup",
    "resourceId",
    "subscription",
    "subscriptionResourceId",
    "tenant",
    "tenantResourceId",
    "utcNow",
    "variables",
];

const MANY: usize = usize::MAX;

/// Whether there is a function with this name here; names compare without case.
pub(in crate::arm::deployments) fn is_known(name: &str) -> bool {
    FUNCTIONS
        .iter()
        .any(|(known, ..)| known.eq_ignore_ascii_case(name))
}

/// The names of all functions.
#[cfg(test)]
pub(in crate::arm::deployments) fn names() -> Vec<&'static str> {
    let own = FUNCTIONS.iter().map(|(name, ..)| *name);
    own.chain(CONTEXTUAL.iter().copied()).collect()
}

/// Calls a function that [`is_known`].
pub(in crate::arm::deployments) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let Some((name, fewest, most, function)) = FUNCTIONS
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name))
    else {
        return Err(format!("The template function '{name}' is not valid."));
    };
    if !(*fewest..=*most).contains(&arguments.len()) {
        return Err(format!(
            "Unable to evaluate template language function '{name}': the function does not take '{}' argument(s).",
            arguments.len()
        ));
    }
    function(arguments).map_err(|reason| {
        format!("Unable to evaluate template language function '{name}': {reason}.")
    })
}

/// A member of a value: `value.name`, `value['name']`, `value[0]`.
pub(in crate::arm::deployments) fn member<'v>(
    of: &'v Value,
    name: &Value,
) -> Result<&'v Value, String> {
    match (of, name) {
        (Value::Object(members), Value::String(name)) => members
            .get(name)
            .or_else(|| {
                members
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value)
            })
            .ok_or_else(|| {
                format!(
                    "The language expression property '{name}' doesn't exist, available properties are '{}'.",
                    members.keys().cloned().collect::<Vec<_>>().join(", ")
                )
            }),
        (Value::Array(values), index) => {
            let index = integer(index)?;
            usize::try_from(index)
                .ok()
                .and_then(|index| values.get(index))
                .ok_or_else(|| {
                    format!(
                        "The language expression property array index '{index}' is out of bounds."
                    )
                })
        }
        _ => Err(format!(
            "The language expression property '{}' can't be evaluated: its base is no object and no array.",
            name.as_str().unwrap_or_default()
        )),
    }
}

/// The date as `utcNow(format)` shows it. The custom forms of .NET's dates are understood as far as they are of
/// year, month, day, hour, minute, second and fractions.
pub(in crate::arm::deployments) fn date(
    time: OffsetDateTime,
    format: &str,
) -> Result<String, String> {
    let format = match format {
        "u" => "yyyy-MM-dd HH:mm:ssZ",
        "s" => "yyyy-MM-ddTHH:mm:ss",
        "o" | "O" => "yyyy-MM-ddTHH:mm:ss.fffffffZ",
        "d" => "M/d/yyyy",
        other => other,
    };
    let mut shown = String::new();
    let mut rest = format;
    while let Some(letter) = rest.chars().next() {
        let run = rest.chars().take_while(|c| *c == letter).count();
        if letter.is_alphabetic() && run > 7 {
            return Err(format!("the date format '{format}' is not supported"));
        }
        let number = match letter {
            'y' => time.year() as u32 % 10u32.saturating_pow(run as u32).max(1),
            'M' => u32::from(u8::from(time.month())),
            'd' => u32::from(time.day()),
            'H' => u32::from(time.hour()),
            'h' => u32::from((time.hour() + 11) % 12 + 1),
            'm' => u32::from(time.minute()),
            's' => u32::from(time.second()),
            'f' if run <= 7 => time.nanosecond() / 10u32.pow(9 - run as u32),
            'T' | 'Z' | '-' | '/' | ':' | '.' | ' ' | '_' => {
                shown.extend(std::iter::repeat_n(letter, run));
                rest = &rest[run..];
                continue;
            }
            _ => return Err(format!("the date format '{format}' is not supported")),
        };
        if run > 4 && letter != 'f' || (run > 2 && !"yf".contains(letter)) {
            return Err(format!("the date format '{format}' is not supported"));
        }
        shown += &format!("{number:0run$}");
        rest = &rest[run..];
    }
    Ok(shown)
}

fn unfit(value: &Value, wanted: &str) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    format!("an argument is {kind} where {wanted} is expected")
}

pub(in crate::arm::deployments) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| unfit(value, "a string"))
}

fn lower(value: &Value) -> Result<String, String> {
    Ok(text(value)?.to_lowercase())
}

fn array(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| unfit(value, "an array"))
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| unfit(value, "an object"))
}

fn integer(value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| unfit(value, "an integer"))
}

fn count(value: &Value) -> Result<usize, String> {
    usize::try_from(integer(value)?).map_err(|_| "an argument is negative".to_owned())
}

pub(in crate::arm::deployments) fn truth(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| unfit(value, "a boolean"))
}

/// A value as text, as `string` and `format` show it.
fn shown(value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

fn joined(arguments: &[Value]) -> Result<String, String> {
    let texts: Result<Vec<&str>, String> = arguments.iter().map(text).collect();
    Ok(texts?.join("-"))
}

fn decoded(value: &Value) -> Result<String, String> {
    BASE64_STANDARD
        .decode(text(value)?)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| "the argument is no base64 of a text".to_owned())
}

fn parsed(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn arithmetic(a: &[Value], work: fn(i64, i64) -> Option<i64>) -> Result<Value, String> {
    work(integer(&a[0])?, integer(&a[1])?)
        .map(|n| json!(n))
        .ok_or_else(|| "the result is no integer of 64 bits".to_owned())
}

fn boolean(a: &[Value]) -> Result<Value, String> {
    match &a[0] {
        Value::Bool(_) => Ok(a[0].clone()),
        Value::Number(number) => Ok(json!(number.as_f64() != Some(0.0))),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(json!(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text == "0" => {
            Ok(json!(false))
        }
        other => Err(unfit(other, "a boolean, a number or a string")),
    }
}

fn concat(a: &[Value]) -> Result<Value, String> {
    if a[0].is_array() {
        let mut all = Vec::new();
        for one in a {
            all.extend(array(one)?.iter().cloned());
        }
        return Ok(Value::Array(all));
    }
    let mut all = String::new();
    for one in a {
        match one {
            Value::Array(_) | Value::Object(_) => return Err(unfit(one, "a string")),
            other => all += &shown(other)?,
        }
    }
    Ok(json!(all))
}

fn contains(a: &[Value]) -> Result<Value, String> {
    Ok(json!(match &a[0] {
        Value::String(container) => container.contains(&shown(&a[1])?),
        Value::Array(values) => values.contains(&a[1]),
        Value::Object(members) => {
            let name = text(&a[1])?;
            members.keys().any(|key| key.eq_ignore_ascii_case(name))
        }
        other => return Err(unfit(other, "a string, an array or an object")),
    }))
}

fn create_object(a: &[Value]) -> Result<Value, String> {
    let (pairs, rest) = a.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a name has no value".to_owned());
    }
    let mut made = Map::new();
    for [name, value] in pairs {
        made.insert(text(name)?.to_owned(), value.clone());
    }
    Ok(Value::Object(made))
}

/// Refuses to make a text that would be too large: before it is made.
fn fits(bytes: usize) -> Result<(), String> {
    if bytes > LARGEST_TEMPLATE {
        return Err(format!(
            "the result is too large (limit '{LARGEST_TEMPLATE}', actual '{bytes}')"
        ));
    }
    Ok(())
}

fn join(a: &[Value]) -> Result<Value, String> {
    let parts: Result<Vec<String>, String> = array(&a[0])?.iter().map(shown).collect();
    let (parts, delimiter) = (parts?, text(&a[1])?);
    fits(delimiter.len().saturating_mul(parts.len()))?;
    Ok(json!(parts.join(delimiter)))
}

fn replace(a: &[Value]) -> Result<Value, String> {
    let (within, from, to) = (text(&a[0])?, text(&a[1])?, text(&a[2])?);
    let count = within.matches(from).count();
    fits(to.len().saturating_mul(count))?;
    Ok(json!(within.replace(from, to)))
}

fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::String(text) => Ok(text.chars().count()),
        Value::Array(values) => Ok(values.len()),
        Value::Object(members) => Ok(members.len()),
        other => Err(unfit(other, "a string, an array or an object")),
    }
}

fn edge(value: &Value, first: bool) -> Result<Value, String> {
    match value {
        Value::String(text) => {
            let found = if first {
                text.chars().next()
            } else {
                text.chars().last()
            };
            Ok(json!(found.map(String::from).unwrap_or_default()))
        }
        Value::Array(values) => {
            let found = if first { values.first() } else { values.last() };
            Ok(found.cloned().unwrap_or_default())
        }
        other => Err(unfit(other, "a string or an array")),
    }
}

fn flatten(a: &[Value]) -> Result<Value, String> {
    let mut all = Vec::new();
    for one in array(&a[0])? {
        match one {
            Value::Array(values) => all.extend(values.iter().cloned()),
            other => all.push(other.clone()),
        }
    }
    Ok(Value::Array(all))
}

fn cut(value: &Value, from: usize, length: usize) -> Result<Value, String> {
    match value {
        Value::String(text) => Ok(json!(
            text.chars().skip(from).take(length).collect::<String>()
        )),
        Value::Array(values) => Ok(values.iter().skip(from).take(length).cloned().collect()),
        other => Err(unfit(other, "a string or an array")),
    }
}

fn position(a: &[Value], first: bool) -> Result<Value, String> {
    let found = match &a[0] {
        Value::Array(values) if first => values.iter().position(|value| *value == a[1]),
        Value::Array(values) => values.iter().rposition(|value| *value == a[1]),
        _ => {
            let (within, wanted) = (lower(&a[0])?, lower(&a[1])?);
            let at = if first {
                within.find(&wanted)
            } else {
                within.rfind(&wanted)
            };
            at.map(|at| within[..at].chars().count())
        }
    };
    Ok(found.map_or(json!(-1), |at| json!(at)))
}

fn order(a: &[Value]) -> Result<Ordering, String> {
    match (&a[0], &a[1]) {
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (a, b) => Ok(integer(a)?.cmp(&integer(b)?)),
    }
}

fn extreme(a: &[Value], largest: bool) -> Result<Value, String> {
    let all = match a {
        [Value::Array(values)] => values,
        values => values,
    };
    let numbers: Result<Vec<i64>, String> = all.iter().map(integer).collect();
    let numbers = numbers?;
    let found = if largest {
        numbers.iter().max()
    } else {
        numbers.iter().min()
    };
    found
        .map(|n| json!(n))
        .ok_or_else(|| "there is no number".to_owned())
}

fn split(a: &[Value]) -> Result<Value, String> {
    let delimiters: Vec<&str> = match &a[1] {
        Value::Array(all) => all.iter().map(text).collect::<Result<_, _>>()?,
        one => vec![text(one)?],
    };
    let mut parts = vec![text(&a[0])?];
    // Each delimiter is looked for in the whole text.
    fits(parts[0].len().saturating_mul(delimiters.len()) / 16)?;
    for delimiter in delimiters.into_iter().filter(|d| !d.is_empty()) {
        parts = parts
            .iter()
            .flat_map(|part| part.split(delimiter))
            .collect();
    }
    Ok(json!(parts))
}

/// `{0}`, `{1}`; a doubled brace stands for itself. A format behind a colon is refused, not ignored.
fn format_text(a: &[Value]) -> Result<Value, String> {
    let mut shown_text = String::new();
    let mut rest = text(&a[0])?;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        shown_text += before;
        if let Some(more) = after
            .strip_prefix("{{")
            .or_else(|| after.strip_prefix("}}"))
        {
            shown_text.push_str(&after[..1]);
            rest = more;
            continue;
        }
        let end = after.find('}').filter(|_| after.starts_with('{'));
        let end = end.ok_or("a brace stands alone in the format string")?;
        let inner = &after[1..end];
        let index: usize = inner
            .trim()
            .parse()
            .map_err(|_| format!("the format item '{{{inner}}}' is not supported"))?;
        let value = index.checked_add(1).and_then(|index| a.get(index));
        let value = value.ok_or("the format string names an argument that is not there")?;
        shown_text += &shown(value)?;
        fits(shown_text.len())?;
        rest = &after[end + 1..];
    }
    Ok(json!(shown_text + rest))
}

fn intersection(a: &[Value]) -> Result<Value, String> {
    if a[0].is_object() {
        let mut kept = object(&a[0])?.clone();
        for other in &a[1..] {
            let other = object(other)?;
            kept.retain(|key, value| other.get(key) == Some(value));
        }
        return Ok(Value::Object(kept));
    }
    let mut kept = array(&a[0])?.clone();
    for other in &a[1..] {
        let other: HashSet<&Value> = array(other)?.iter().collect();
        kept.retain(|value| other.contains(value));
    }
    Ok(Value::Array(kept))
}

fn union(a: &[Value]) -> Result<Value, String> {
    if a[0].is_object() {
        let mut all = Value::Object(Map::new());
        for one in a {
            object(one)?;
            merge(&mut all, one);
        }
        return Ok(all);
    }
    let mut known: HashSet<&Value> = HashSet::new();
    let mut all: Vec<Value> = Vec::new();
    for one in a {
        for value in array(one)? {
            if known.insert(value) {
                all.push(value.clone());
            }
        }
    }
    Ok(Value::Array(all))
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn gives(name: &str, arguments: &Value, wanted: &Value) {
        let arguments = arguments.as_array().expect("arguments");
        assert_eq!(
            call(name, arguments).as_ref(),
            Ok(wanted),
            "{name}{arguments:?}"
        );
    }

    /// Most results stand in the reference's own examples.
    #[test]
    fn results_are_those_of_the_reference() {
        for (name, arguments, wanted) in [
            ("concat", json!(["prefix", "-", 5]), json!("prefix-5")),
            ("concat", json!([["1-1"], ["2-1"]]), json!(["1-1", "2-1"])),
            ("contains", json!(["OneTwoThree", "e"]), json!(true)),
            ("contains", json!([{"One": 1}, "one"]), json!(true)),
            ("contains", json!([["one", "two"], "three"]), json!(false)),
            (
                "createObject",
                json!(["a", 1, "b", [2]]),
                json!({"a": 1, "b": [2]}),
            ),
            ("empty", json!([""]), json!(true)),
            ("endsWith", json!(["abcdef", "EF"]), json!(true)),
            ("first", json!(["One Two"]), json!("O")),
            ("flatten", json!([[[1, 2], [3]]]), json!([1, 2, 3])),
            (
                "format",
                json!(["{0}, {1}. {{Number}}: {2}", "Hello", "User", 8175133]),
                json!("Hello, User. {Number}: 8175133"),
            ),
            ("indexOf", json!(["abcdef", "CD"]), json!(2)),
            ("indexOf", json!(["abcdef", "z"]), json!(-1)),
            ("int", json!(["4"]), json!(4)),
            ("intersection", json!([[1, 2, 3], [3, 4]]), json!([3])),
            (
                "items",
                json!([{"b": 2, "A": 1}]),
                json!([{"key": "A", "value": 1}, {"key": "b", "value": 2}]),
            ),
        ] {
            gives(name, &arguments, &wanted);
        }
    }

    #[test]
    fn more_results_are_those_of_the_reference() {
        for (name, arguments, wanted) in [
            ("join", json!([["one", "two"], ","]), json!("one,two")),
            ("json", json!(["{\"a\":\"b\"}"]), json!({"a": "b"})),
            ("last", json!([["one", "two"]]), json!("two")),
            ("lastIndexOf", json!(["test", "t"]), json!(3)),
            ("max", json!([[0, 3, 2]]), json!(3)),
            ("min", json!([5, 3, 2]), json!(2)),
            ("mod", json!([7, 3]), json!(1)),
            ("padLeft", json!(["123", 10, "0"]), json!("0000000123")),
            ("range", json!([5, 3]), json!([5, 6, 7])),
            (
                "replace",
                json!(["123-123-1234", "-", ""]),
                json!("1231231234"),
            ),
            ("skip", json!(["one two three", 4]), json!("two three")),
            (
                "split",
                json!(["one;two,three", [",", ";"]]),
                json!(["one", "two", "three"]),
            ),
            ("string", json!([{"a": 1}]), json!("{\"a\":1}")),
            ("string", json!([true]), json!("True")),
            ("substring", json!(["one two three", 4, 3]), json!("two")),
            (
                "take",
                json!([["one", "two", "three"], 2]),
                json!(["one", "two"]),
            ),
            ("trim", json!(["  a "]), json!("a")),
            ("tryGet", json!([{"a": {"b": 1}}, "a", "c"]), json!(null)),
            (
                "union",
                json!([{"a": {"x": 1}}, {"a": {"y": 2}}]),
                json!({"a": {"x": 1, "y": 2}}),
            ),
            (
                "uri",
                json!(["http://contoso.com/resources/", "nested/azuredeploy.json"]),
                json!("http://contoso.com/resources/nested/azuredeploy.json"),
            ),
            (
                "uriComponent",
                json!(["http://a.b/c d"]),
                json!("http%3A%2F%2Fa.b%2Fc%20d"),
            ),
            ("base64ToString", json!(["b25lLCB0d28="]), json!("one, two")),
        ] {
            gives(name, &arguments, &wanted);
        }
    }

    #[test]
    fn a_wrong_call_names_the_function() {
        for (name, arguments) in [
            ("add", json!([1])),
            ("add", json!(["1", 2])),
            ("div", json!([1, 0])),
            ("substring", json!(["abc", 2, 5])),
            ("format", json!(["{0:N2}", 1])),
            ("json", json!(["{"])),
            ("nonsense", json!([])),
        ] {
            let arguments = arguments.as_array().expect("arguments");
            let error = call(name, arguments).expect_err(name);
            assert!(error.contains(&format!("'{name}'")), "{error}");
        }
    }

    #[test]
    fn dates_have_the_form_that_is_asked_for() {
        let time = datetime!(2026-03-04 05:06:07.89 UTC);
        assert_eq!(
            date(time, "yyyyMMddTHHmmssZ").as_deref(),
            Ok("20260304T050607Z")
        );
        assert_eq!(date(time, "yyyy-M-d").as_deref(), Ok("2026-3-4"));
        assert_eq!(date(time, "u").as_deref(), Ok("2026-03-04 05:06:07Z"));
        assert!(date(time, "dddd").is_err());
    }
}
