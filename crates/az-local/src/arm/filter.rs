//! Resource Manager's `$filter`: equalities joined by `and`.

use super::error::Error;

/// Reads `field eq 'text'` joined by `and`; a quote in a text is doubled.
pub(crate) fn equalities(filter: &str) -> Result<Vec<(String, String)>, Error> {
    let invalid = || {
        Error::bad_request(
            "InvalidFilterInQueryString",
            format!("Invalid $filter '{filter}' specified in the query string."),
        )
    };
    let mut found = Vec::new();
    let mut rest = filter.trim();
    loop {
        let (field, after) = rest.split_once(char::is_whitespace).ok_or_else(invalid)?;
        let after = after.trim_start();
        let (operator, after) = after.split_at_checked(2).ok_or_else(invalid)?;
        if !operator.eq_ignore_ascii_case("eq") {
            return Err(invalid());
        }
        let mut text = String::new();
        let mut chars = after
            .trim_start()
            .strip_prefix('\'')
            .ok_or_else(invalid)?
            .char_indices();
        let quoted = after.trim_start();
        let end = loop {
            match chars.next() {
                Some((at, '\'')) if quoted[at + 2..].starts_with('\'') => {
                    text.push('\'');
                    chars.next();
                }
                Some((at, '\'')) => break at + 2,
                Some((_, c)) => text.push(c),
                None => return Err(invalid()),
            }
        };
        found.push((field.to_owned(), text));
        rest = quoted[end..].trim_start();
        if rest.is_empty() {
            return Ok(found);
        }
        let (and, after) = rest.split_at_checked(4).ok_or_else(invalid)?;
        if !and.eq_ignore_ascii_case("and ") {
            return Err(invalid());
        }
        rest = after.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equalities_are_joined_by_and() {
        let found = equalities("resourceType eq 'Microsoft.KeyVault/vaults' and name eq 'it''s'")
            .expect("a filter");
        assert_eq!(
            found,
            [
                ("resourceType".into(), "Microsoft.KeyVault/vaults".into()),
                ("name".into(), "it's".into())
            ]
        );
        for bad in [
            "",
            "name",
            "name ne 'x'",
            "name eq x",
            "name eq 'x",
            "name eq 'x' or name eq 'y'",
        ] {
            assert!(equalities(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_filter_of_any_length_is_read() {
        let terms = |count| vec!["name eq 'it''s'"; count].join(" and ");
        assert_eq!(equalities(&terms(50_000)).expect("a filter").len(), 50_000);
        for bad in [
            format!("{} and", terms(50_000)),
            format!("name eq '{}", "''".repeat(500_000)),
            "(".repeat(1_000_000),
        ] {
            assert!(equalities(&bad).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_filter_is_read_or_refused(filter in "\\PC{0,40}") {
            let _ = equalities(&filter);
        }
    }
}
