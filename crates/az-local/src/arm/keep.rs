//! What a request says and its type does not know of: it is kept as it was sent, so that a GET answers it.
//!
//! A type checks a request and makes the resource from what it understands; its checks, its spelling and the values that
//! Azure fills in are there. What the request says besides is put over that here. Nothing that a client sets is dropped
//! in silence, but what the service itself says of a resource, which Azure ignores in requests as well.

use super::call::invalid_content;
use super::error::Error;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::mem::discriminant;

/// What is special about a type's members. Each is a path from the resource, with `/` between names and `*` for the
/// items of an array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members {
    /// What the service says itself, and what the type has read and answers in its own way.
    pub(crate) own: &'static [&'static str],
    /// What is taken and never answered.
    pub(crate) secret: &'static [&'static str],
    /// References to one other resource: only their `id` is kept.
    pub(crate) references: &'static [&'static str],
}

impl Members {
    pub(crate) const PLAIN: Members = Members {
        own: &[],
        secret: &[],
        references: &[],
    };
}

/// What no type takes from a request as a member of a resource.
const OWN_AT_THE_TOP: [&str; 9] = [
    "id",
    "name",
    "type",
    "apiVersion",
    "location",
    "tags",
    "systemData",
    "etag",
    "identity",
];

/// What the service says wherever it stands.
const OWN_ANYWHERE: [&str; 3] = ["provisioningState", "resourceGuid", "etag"];

/// What tells a part of a resource.
const OWN_OF_PARTS: [&str; 3] = ["id", "name", "type"];

/// Where an array's items are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// A PUT: the type has made an array from the one that was sent.
    Put,
    /// A PATCH: an array that was sent replaces what was there.
    Patch,
}

/// Puts what was asked over what a type made of it.
pub(crate) fn keep(
    members: Members,
    write: Write,
    asked: &Map<String, Value>,
    made: &mut Map<String, Value>,
) -> Result<(), Error> {
    let keeper = Keeper { members, write };
    keeper.members(&mut Vec::new(), asked, made, &OWN_AT_THE_TOP)
}

/// The same for a part of a resource (a subnet), whose members have these paths below the resource.
pub(crate) fn keep_part(
    members: Members,
    path: &[&str],
    asked: &Value,
    made: &mut Value,
) -> Result<(), Error> {
    let write = Write::Put;
    let mut path = path.iter().map(|step| (*step).to_owned()).collect();
    Keeper { members, write }.over(&mut path, asked, made)
}

struct Keeper {
    members: Members,
    write: Write,
}

impl Keeper {
    /// Puts the members of one object over those of another, but for those that are not taken.
    fn members(
        &self,
        path: &mut Vec<String>,
        asked: &Map<String, Value>,
        made: &mut Map<String, Value>,
        not_taken: &[&str],
    ) -> Result<(), Error> {
        // Names are the same in any case.
        let there: HashMap<String, String> = made
            .keys()
            .map(|name| (name.to_ascii_lowercase(), name.clone()))
            .collect();
        for (name, value) in asked {
            if value.is_null() || is_one_of(not_taken, name) {
                continue;
            }
            path.push(name.clone());
            if !self.is_taken(path, name) {
                let known = there.get(&name.to_ascii_lowercase());
                match known.and_then(|name| made.get_mut(name)) {
                    Some(there) => self.over(path, value, there)?,
                    None => {
                        if let Some(kept) = self.cleaned(path, value) {
                            made.insert(name.clone(), kept);
                        }
                    }
                }
            }
            path.pop();
        }
        Ok(())
    }

    /// Puts one value over another. They must be of one kind, or one that can be read as the other.
    fn over(&self, path: &mut Vec<String>, asked: &Value, made: &mut Value) -> Result<(), Error> {
        match (asked, &mut *made) {
            (Value::Object(asked), Value::Object(made)) => {
                let is_part = made.contains_key("name") && made.contains_key("id");
                let own: &[&str] = if is_part { &OWN_OF_PARTS } else { &[] };
                self.members(path, asked, made, own)?;
            }
            (Value::Array(asked), Value::Array(made)) => {
                path.push("*".to_owned());
                self.items(path, asked, made)?;
                path.pop();
            }
            // The type has Azure's spelling of it.
            (Value::String(asked), Value::String(made)) if asked.eq_ignore_ascii_case(made) => {}
            (Value::String(asked), Value::String(made)) => made.clone_from(asked),
            (Value::Bool(asked), Value::Bool(made)) => *made = *asked,
            (Value::Number(asked), Value::Number(made)) => made.clone_from(asked),
            (asked, Value::Null) => *made = asked.clone(),
            (Value::Null, _) => {}
            (Value::String(text), Value::Bool(_) | Value::Number(_)) => {
                let read: Option<Value> = serde_json::from_str(&text.to_ascii_lowercase()).ok();
                let same = |read: &Value| discriminant(read) == discriminant(made);
                *made = read.filter(same).ok_or_else(|| mismatch(path, asked))?;
            }
            _ => return Err(mismatch(path, asked)),
        }
        Ok(())
    }

    fn items(
        &self,
        path: &mut Vec<String>,
        asked: &[Value],
        made: &mut Vec<Value>,
    ) -> Result<(), Error> {
        if self.write == Write::Put && asked.len() == made.len() {
            // One was made from each, in their order.
            let mut both = asked.iter().zip(made);
            return both.try_for_each(|(asked, made)| self.over(path, asked, made));
        }
        let mut old: Vec<Option<Value>> = std::mem::take(made).into_iter().map(Some).collect();
        let mut places = HashMap::new();
        for (at, item) in old.iter().flatten().enumerate() {
            places.extend(names_of(item).map(|name| (name, at)));
        }
        for item in asked {
            let at = names_of(item).find_map(|name| places.get(&name).copied());
            let kept = match at.and_then(|at| old[at].take()) {
                Some(mut kept) => {
                    self.over(path, item, &mut kept)?;
                    Some(kept)
                }
                None => self.cleaned(path, item),
            };
            made.extend(kept);
        }
        Ok(())
    }

    /// What is kept of a value that nothing was made of: nothing of what the service says itself, and no object that
    /// says nothing.
    fn cleaned(&self, path: &mut Vec<String>, asked: &Value) -> Option<Value> {
        match asked {
            Value::Null => None,
            Value::Object(members) => {
                let mut kept = Map::new();
                for (name, value) in members {
                    path.push(name.clone());
                    if !self.is_taken(path, name)
                        && let Some(value) = self.cleaned(path, value)
                    {
                        kept.insert(name.clone(), value);
                    }
                    path.pop();
                }
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            Value::Array(items) => {
                path.push("*".to_owned());
                let kept = items.iter().filter_map(|item| self.cleaned(path, item));
                let kept = Value::Array(kept.collect());
                path.pop();
                Some(kept)
            }
            leaf => Some(leaf.clone()),
        }
    }

    /// Whether the type or the service has the say of what stands at a path.
    fn is_taken(&self, path: &[String], name: &str) -> bool {
        let Members {
            own,
            secret,
            references,
        } = self.members;
        let within_reference = path.split_last().is_some_and(|(last, above)| {
            !last.eq_ignore_ascii_case("id") && references.iter().any(|one| fits(one, above))
        });
        within_reference
            || is_one_of(&OWN_ANYWHERE, name)
            || own.iter().chain(secret).any(|one| fits(one, path))
    }
}

/// What tells an item of an array from the others: its name, and its id.
fn names_of(item: &Value) -> impl Iterator<Item = (&'static str, String)> {
    ["name", "id"].into_iter().filter_map(|member| {
        let text = item.get(member)?.as_str()?;
        Some((member, text.to_ascii_lowercase()))
    })
}

/// In the words of Json.NET, which Azure's services read with.
fn mismatch(path: &[String], asked: &Value) -> Error {
    let path = path.join(".").replace(".*", "[*]");
    invalid_content(&format!("Error converting value {asked}. Path '{path}'"))
}

/// Whether a path is at or below one that fits the pattern.
#[cfg(test)]
pub(crate) fn fits_below(pattern: &str, path: &str) -> bool {
    let path: Vec<String> = path.split('/').map(str::to_owned).collect();
    (1..=path.len()).any(|length| fits(pattern, &path[..length]))
}

fn fits(pattern: &str, path: &[String]) -> bool {
    let mut steps = path.iter();
    let all = pattern.split('/').all(|step| {
        steps
            .next()
            .is_some_and(|one| one.eq_ignore_ascii_case(step))
    });
    all && steps.next().is_none()
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MEMBERS: Members = Members {
        own: &["properties/guid", "properties/parts/*/properties/users"],
        secret: &["properties/profile/password"],
        references: &["properties/parts/*/properties/group"],
    };

    fn kept(write: Write, asked: Value, made: Value) -> Value {
        let (Value::Object(asked), Value::Object(mut made)) = (asked, made) else {
            panic!("objects");
        };
        assert!(keep(MEMBERS, write, &asked, &mut made).is_ok());
        Value::Object(made)
    }

    #[test]
    fn what_the_type_does_not_know_is_kept_and_its_defaults_give_way() {
        let asked = json!({"sku": {"tier": "Global"}, "properties": {
            "policy": "Enabled", "size": "STANDARD_A", "new": {"deep": [1, {"a": true}]}, "cleared": null,
        }});
        let made = json!({"sku": {"name": "S", "tier": "Regional"}, "properties": {
            "policy": "Disabled", "size": "Standard_A", "timeout": 4,
        }});
        let expected = json!({"sku": {"name": "S", "tier": "Global"}, "properties": {
            "policy": "Enabled", "size": "Standard_A", "timeout": 4, "new": {"deep": [1, {"a": true}]},
        }});
        assert_eq!(kept(Write::Put, asked, made), expected);
    }

    #[test]
    fn what_the_service_says_is_not_taken_from_a_request() {
        let asked = json!({"id": "x", "name": "x", "etag": "x", "properties": {
            "guid": "x", "provisioningState": "Failed", "profile": {"password": "x", "user": "u", "resourceGuid": "x"},
            "empty": {}, "onlyOwn": {"etag": "x"},
        }});
        let made = json!({"properties": {"guid": "g"}});
        let expected = json!({"properties": {"guid": "g", "profile": {"user": "u"}}});
        assert_eq!(kept(Write::Put, asked, made), expected);
    }

    #[test]
    fn parts_are_found_by_their_order_and_keep_their_own_ids() {
        let asked = json!({"properties": {"parts": [
            {"name": "a", "id": "wrong", "properties": {"note": 1, "users": ["x"], "group": {"id": "/g", "properties": {"x": 1}}}},
            {"name": "b", "properties": {"note": 2}},
        ]}});
        let made = json!({"properties": {"parts": [
            {"name": "a", "id": "/a", "properties": {"prefix": "p"}},
            {"name": "b", "id": "/b", "properties": {"prefix": "q"}},
        ]}});
        let expected = json!({"properties": {"parts": [
            {"name": "a", "id": "/a", "properties": {"prefix": "p", "note": 1, "group": {"id": "/g"}}},
            {"name": "b", "id": "/b", "properties": {"prefix": "q", "note": 2}},
        ]}});
        assert_eq!(kept(Write::Put, asked, made), expected);
    }

    #[test]
    fn what_is_of_another_kind_is_refused_unless_it_can_be_read() {
        let made = json!({"properties": {"on": false, "size": 4, "parts": [], "profile": {}, "name": "n"}});
        let asked = json!({"properties": {"on": "True", "size": "8"}});
        let read =
            json!({"properties": {"on": true, "size": 8, "parts": [], "profile": {}, "name": "n"}});
        assert_eq!(kept(Write::Put, asked, made.clone()), read);
        for bad in [
            json!("text"),
            json!({"on": "perhaps"}),
            json!({"on": 1}),
            json!({"size": "12 GB"}),
            json!({"size": true}),
            json!({"parts": {}}),
            json!({"parts": "x"}),
            json!({"profile": []}),
            json!({"name": {}}),
        ] {
            let asked = Map::from_iter([("properties".to_owned(), bad.clone())]);
            let mut made = made.as_object().expect("an object").clone();
            assert!(
                keep(MEMBERS, Write::Put, &asked, &mut made).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_largest_body_is_no_more_work_than_its_size() {
        // Were each item or member looked for among all, this would take hours.
        let numbers = |count: usize| json!({"properties": {"many": vec![1; count]}});
        assert_eq!(
            kept(Write::Patch, numbers(300_000), numbers(200_000)),
            numbers(300_000)
        );
        let named = |count: usize| {
            let items: Vec<Value> = (0..count).map(|n| json!({"name": n.to_string()})).collect();
            let members: Map<String, Value> =
                (0..count).map(|n| (n.to_string(), json!(n))).collect();
            json!({"properties": {"many": items, "members": members}})
        };
        assert_eq!(
            kept(Write::Patch, named(100_000), named(60_000)),
            named(100_000)
        );
    }

    #[test]
    fn an_array_replaces_the_empty_one_of_a_default_and_in_a_patch_what_was_there() {
        let asked =
            json!({"properties": {"disks": [{"lun": 0}], "parts": [{"name": "B", "more": 1}]}});
        let made =
            json!({"properties": {"disks": [], "parts": [{"name": "a"}, {"name": "b", "own": 2}]}});
        let expected = json!({"properties": {"disks": [{"lun": 0}], "parts": [{"name": "b", "own": 2, "more": 1}]}});
        assert_eq!(kept(Write::Patch, asked, made), expected);
    }
}
