//! Names with rules, checked once and then carried as their own types.
//!
//! The rules are Azure's:
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>.

use crate::shown::shown;
use std::{fmt, str::FromStr};

/// A name, and the rule that it broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a valid {what}: {rule}", shown(&shortened(value)))]
pub struct InvalidName {
    /// What the value was meant to be, as `vault name`.
    pub what: &'static str,
    /// The value as given.
    pub value: String,
    /// The broken rule.
    pub rule: &'static str,
}

/// As much of a value as a line of an error can hold.
fn shortened(value: &str) -> std::borrow::Cow<'_, str> {
    const LONGEST: usize = 150;
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &value[..end]).into(),
        None => value.into(),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(value: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(value)
                    .map(|()| $type(value.to_owned()))
                    .map_err(|rule| InvalidName { what: $what, value: value.to_owned(), rule })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// A resource group's name.
    GroupName, "resource group name", |name| {
        if name.is_empty() || name.chars().count() > 90 {
            return Err("it must have 1 to 90 characters");
        }
        if !name.chars().all(|c| c.is_alphanumeric() || "_-.()".contains(c)) {
            return Err("it may hold only letters, digits, '_', '-', '.', '(' and ')'");
        }
        if name.ends_with('.') {
            return Err("it must not end with a period");
        }
        Ok(())
    }
}

name! {
    /// A key vault's name: globally unique, part of a host name.
    VaultName, "vault name", |name| {
        if !(3..=24).contains(&name.len()) {
            return Err("it must have 3 to 24 characters");
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err("it may hold only letters, digits and hyphens");
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err("it must begin with a letter");
        }
        if name.ends_with('-') {
            return Err("it must end with a letter or a digit");
        }
        if name.contains("--") {
            return Err("it must not hold two hyphens in a row");
        }
        Ok(())
    }
}

name! {
    /// A secret's name.
    SecretName, "secret name", |name| {
        if !(1..=127).contains(&name.len()) {
            return Err("it must have 1 to 127 characters");
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err("it may hold only letters, digits and hyphens");
        }
        Ok(())
    }
}

name! {
    /// A user-assigned managed identity's name.
    IdentityName, "identity name", |name| {
        if !(3..=128).contains(&name.len()) {
            return Err("it must have 3 to 128 characters");
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            return Err("it may hold only letters, digits, hyphens and underscores");
        }
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err("it must begin with a letter or a digit");
        }
        Ok(())
    }
}

name! {
    /// A Linux virtual machine's name; it is the host name too.
    MachineName, "virtual machine name", |name| {
        if !(1..=64).contains(&name.len()) {
            return Err("it must have 1 to 64 characters");
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
            return Err("it may hold only letters, digits, '-', '.' and '_'");
        }
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err("it must begin with a letter or a digit");
        }
        if !name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err("it must end with a letter or a digit");
        }
        Ok(())
    }
}

name! {
    /// A network resource's name: virtual network, subnet, security group, public IP address, interface.
    NetworkName, "network resource name", |name| {
        if !(1..=80).contains(&name.len()) {
            return Err("it must have 1 to 80 characters");
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
            return Err("it may hold only letters, digits, '-', '.' and '_'");
        }
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err("it must begin with a letter or a digit");
        }
        if !name.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return Err("it must end with a letter, a digit or an underscore");
        }
        Ok(())
    }
}

name! {
    /// A region, as `eastus` or `East US`; Azure compares without case and spaces.
    Location, "location", |name| {
        if name.is_empty() || name.len() > 64 {
            return Err("it must be a region such as 'eastus'");
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ') {
            return Err("it may hold only letters, digits and spaces, as 'eastus' or 'East US'");
        }
        Ok(())
    }
}

impl Location {
    /// The form that Azure answers with: lower case, no spaces.
    pub fn canonical(&self) -> String {
        self.0
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_ascii_lowercase())
            .collect()
    }
}

/// Tags as `key=value` words, `az`'s form. An empty value is allowed, an empty key is not.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations>
pub fn parse_tag(word: &str) -> Result<(String, String), InvalidName> {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    let broken = |rule| InvalidName {
        what: "tag",
        value: word.to_owned(),
        rule,
    };
    if key.trim().is_empty() {
        return Err(broken("write it as key=value"));
    }
    if key.trim() != key {
        return Err(broken("a key must not begin or end with white space"));
    }
    if key.len() > 512 || value.len() > 256 {
        return Err(broken(
            "a key has at most 512 characters, a value at most 256",
        ));
    }
    if key.contains(['<', '>', '%', '&', '\\', '?', '/']) {
        return Err(broken("a key must not hold any of < > % & \\ ? /"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule<T: FromStr<Err = InvalidName> + fmt::Debug>(value: &str) -> &'static str {
        value.parse::<T>().expect_err(value).rule
    }

    #[test]
    fn vault_names_follow_every_rule() {
        assert!("kv-go1".parse::<VaultName>().is_ok());
        assert!(rule::<VaultName>("ab").contains("3 to 24"));
        assert!(rule::<VaultName>("a23456789012345678901234x").contains("3 to 24"));
        assert!(rule::<VaultName>("1abc").contains("begin with a letter"));
        assert!(rule::<VaultName>("abc-").contains("end with"));
        assert!(rule::<VaultName>("a--b").contains("two hyphens"));
        assert!(rule::<VaultName>("a_b").contains("only letters"));
    }

    #[test]
    fn group_names_follow_every_rule() {
        assert!("go-on_azure.(1)".parse::<GroupName>().is_ok());
        assert!("gruppe-ä".parse::<GroupName>().is_ok());
        assert!(rule::<GroupName>("").contains("1 to 90"));
        assert!(rule::<GroupName>("a.").contains("period"));
        assert!(rule::<GroupName>("a/b").contains("only letters"));
    }

    #[test]
    fn an_error_shows_no_more_of_a_value_than_a_line_holds() {
        let error = "ä".repeat(100_000).parse::<VaultName>().expect_err("long");
        assert!(error.to_string().chars().count() < 250, "{error}");
    }

    #[test]
    fn locations_compare_without_case_and_spaces() {
        let east: Location = "East US".parse().expect("valid");
        assert_eq!(east.canonical(), "eastus");
        assert!("east-us".parse::<Location>().is_err());
    }

    #[test]
    fn tags_split_at_the_first_equals_sign() {
        assert_eq!(parse_tag("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(parse_tag("a"), Ok(("a".into(), String::new())));
        assert!(parse_tag("=b").is_err());
        assert!(parse_tag("a/b=c").is_err());
        for blank in [" =x", " ", "\t=x", " a=x", "a =x", "a\r=x"] {
            assert!(parse_tag(blank).is_err(), "{blank:?}");
        }
        assert_eq!(parse_tag("a b= c"), Ok(("a b".into(), " c".into())));
    }
}
