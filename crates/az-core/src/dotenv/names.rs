//! The names of variables, and those of the secrets that they are kept as.

use crate::name::{InvalidName, SecretName};

/// The name of the secret that keeps a variable: a vault takes no `_` in a name, and gets `-` in its place.
///
/// # Errors
/// No secret can have the name.
pub fn secret_name(variable: &str) -> Result<SecretName, InvalidName> {
    variable.replace('_', "-").parse()
}

/// The name of the variable for a secret: `_` in the place of `-`, which no shell takes in a name.
///
/// # Errors
/// No variable can have the name: it begins with a digit.
pub fn variable_name(secret: &SecretName) -> Result<String, InvalidName> {
    let name = secret.as_str().replace('-', "_");
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(InvalidName {
            what: "variable's name",
            value: name,
            rule: "no shell takes one that begins with a digit",
        });
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_variable_becomes_a_secret_and_a_secret_a_variable() {
        let secret = secret_name("DB_PASSWORD").expect("a name");
        assert_eq!(secret.as_str(), "DB-PASSWORD");
        assert_eq!(variable_name(&secret).as_deref(), Ok("DB_PASSWORD"));
        assert!(secret_name("a.b").is_err());
        assert!(variable_name(&"1a".parse().expect("a secret's name")).is_err());
    }

    proptest! {
        #[test]
        fn a_variable_s_name_comes_back(name in "[A-Za-z_][A-Za-z0-9_]{0,30}") {
            let secret = secret_name(&name).expect("a name");
            prop_assert_eq!(variable_name(&secret).expect("a name"), name);
        }
    }
}
