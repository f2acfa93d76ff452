//! The secrets of a file: variables, or the members of a JSON object.

use crate::error::{Error, Place};
use az_core::dotenv;
use az_core::name::SecretName;
use secrecy::SecretString;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{Read, stdin},
    path::Path,
};
use zeroize::Zeroizing;

/// More than any list of secrets has, in bytes.
const LONGEST_FILE: u64 = 16 * 1024 * 1024;

/// One secret of a file.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) place: Place,
    pub(crate) name: SecretName,
    pub(crate) value: SecretString,
}

/// What a file holds, in its order, each with the name that a vault takes; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<Variable>, Error> {
    let unreadable = |reason| Error::File {
        flag: "--from",
        path: path.display().to_string(),
        reason,
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let mut from: Box<dyn Read> = if path == Path::new("-") {
        Box::new(stdin().lock())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    from.by_ref()
        .take(LONGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(Error::LongFile);
    }
    parse(std::str::from_utf8(&bytes).map_err(|_| Error::FileNotText)?)
}

fn parse(text: &str) -> Result<Vec<Variable>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let given = if text.trim_start().starts_with('{') {
        members(text)?
    } else {
        variables(text)?
    };
    if given.is_empty() {
        return Err(Error::NoVariables);
    }
    // A vault takes no two names that differ in case only.
    let mut known: BTreeMap<String, (Place, String)> = BTreeMap::new();
    let mut found = Vec::with_capacity(given.len());
    for (place, key, value) in given {
        let name = dotenv::secret_name(&key).map_err(|reason| Error::Key {
            place: place.clone(),
            reason,
        })?;
        let here = (place.clone(), key);
        if let Some((other, other_key)) = known.insert(name.as_str().to_lowercase(), here.clone()) {
            return Err(Error::SameName {
                name: name.to_string(),
                keys: [other_key, here.1],
                places: [other, place],
            });
        }
        found.push(Variable { place, name, value });
    }
    Ok(found)
}

type Given = Vec<(Place, String, SecretString)>;

fn variables(text: &str) -> Result<Given, Error> {
    let entries = dotenv::parse(text)?;
    let given = |entry: dotenv::Entry| (Place::Line(entry.line), entry.key, entry.value);
    Ok(entries.into_iter().map(given).collect())
}

/// The members of a JSON object, all of which are to be strings. A message of the parser's own could show a value.
fn members(text: &str) -> Result<Given, Error> {
    let Members(members) = serde_json::from_str(text).map_err(|error| Error::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    members
        .into_iter()
        .map(|(key, value)| {
            let place = Place::Member(key.clone());
            match value {
                Text(Some(value)) => Ok((place, key, value)),
                Text(None) => Err(Error::NoString(place)),
            }
        })
        .collect()
}

/// An object's members, also those of one name.
struct Members(Vec<(String, Text)>);

/// A string; None for any other value.
struct Text(Option<SecretString>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Some(SecretString::from(text))))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
                Ok(Text(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
                Ok(Text(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
                Ok(Text(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
                Ok(Text(None))
            }
            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Text, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let found = parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        found
            .iter()
            .map(|one| (one.name.to_string(), one.value.expose_secret().to_owned()))
            .collect()
    }

    #[test]
    fn variables_and_members_are_read_alike() {
        let expected = [("DB-PASSWORD", "a\nb"), ("api-key", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs("DB_PASSWORD=\"a\\nb\"\napi-key=''\n"), expected);
        assert_eq!(
            pairs(r#" {"DB_PASSWORD": "a\nb", "api-key": ""}"#),
            expected
        );
    }

    #[test]
    fn what_cannot_be_written_is_told_by_its_place_and_never_shown() {
        for (text, told) in [
            ("A=hunter2\na.b=hunter2", "line 2: 'a.b'"),
            (
                "A_B=hunter2\na-b=hunter2",
                "'A_B' (line 1) and 'a-b' (line 2)",
            ),
            ("A=hunter2\nA=hunter2", "'A' (line 1) and 'A' (line 2)"),
            (r#"{"A": "hunter2", "A": "x"}"#, "(member 'A')"),
            (r#"{"A": 42314}"#, "member 'A': it is no string"),
            (r#"{"A": ["hunter2"]}"#, "member 'A': it is no string"),
            (r#"{"A": {"hunter2": null}}"#, "member 'A': it is no string"),
            (r#"{"A": "hunter2""#, "line 1"),
            (r#"{"A": hunter2}"#, "line 1"),
            ("# hunter2\n", "no variables"),
            ("{}", "no variables"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
            assert!(
                !error.contains("hunter2") && !error.contains("42314"),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_file_panics_or_shows_what_it_holds(text in "\\PC{0,60}", json in "\\{\"[a-z_]{1,4}\":[\\[\\]{}\",:0-9a-z]{0,20}") {
            for text in [&text, &json] {
                let _ = parse(text);
            }
        }
    }
}
