//! The `$filter` expressions that clients send to find a principal, joined by `and`.

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// `name eq 'value'`
    Equals { name: String, value: String },
    /// `name eq true`
    Is { name: String, value: bool },
    /// `name/any(c:c eq 'value')`
    AnyEquals { name: String, value: String },
    /// `startswith(name,'value')`
    StartsWith { name: String, value: String },
}

/// A filter: all of its terms must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter(pub(super) Vec<Term>);

/// Why a filter is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FilterError {
    #[error("Invalid filter clause: {0}")]
    Syntax(String),
    #[error(
        "Unsupported or invalid query filter clause specified for property '{property}' of resource '{resource}'."
    )]
    Unsupported {
        property: String,
        resource: &'static str,
    },
}

impl Filter {
    /// Reads an OData filter.
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        let mut rest = text.trim();
        let mut terms = Vec::new();
        loop {
            let (term, after) = term(rest)
                .ok_or_else(|| FilterError::Syntax(format!("'{text}' is not understood.")))?;
            terms.push(term);
            let after = after.trim_start();
            if after.is_empty() {
                return Ok(Filter(terms));
            }
            rest = after
                .strip_prefix("and ")
                .ok_or_else(|| FilterError::Syntax(format!("'{text}' is not understood.")))?
                .trim_start();
        }
    }
}

/// Reads a filter and, where it is one, writes it and reads it again. For the fuzzers.
///
/// # Panics
/// It is not the same then.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_and_written(text: &str) -> bool {
    let Ok(filter) = Filter::parse(text) else {
        return false;
    };
    let quoted = |value: &str| format!("'{}'", value.replace('\'', "''"));
    let terms: Vec<String> = filter
        .0
        .iter()
        .map(|term| match term {
            Term::Equals { name, value } => format!("{name} eq {}", quoted(value)),
            Term::Is { name, value } => format!("{name} eq {value}"),
            Term::AnyEquals { name, value } => format!("{name}/any(c:c eq {})", quoted(value)),
            Term::StartsWith { name, value } => format!("startswith({name},{})", quoted(value)),
        })
        .collect();
    let written = terms.join(" and ");
    assert_eq!(Filter::parse(&written), Ok(filter), "{written}");
    true
}

fn term(text: &str) -> Option<(Term, &str)> {
    if let Some(inner) = strip_prefix_ignore_case(text, "startswith(") {
        let (name, rest) = identifier(inner.trim_start())?;
        let (value, rest) = literal(rest.trim_start().strip_prefix(',')?.trim_start())?;
        let rest = rest.trim_start().strip_prefix(')')?;
        return Some((Term::StartsWith { name, value }, rest));
    }
    let (name, rest) = identifier(text)?;
    if let Some(inner) = rest.strip_prefix("/any(") {
        let (variable, inner) = identifier(inner.trim_start())?;
        let inner = inner.trim_start().strip_prefix(':')?.trim_start();
        let (compared, inner) = identifier(inner)?;
        if variable != compared {
            return None;
        }
        let (value, rest) = equals(inner)?;
        let rest = rest.trim_start().strip_prefix(')')?;
        return Some((Term::AnyEquals { name, value }, rest));
    }
    for (word, value) in [("true", true), ("false", false)] {
        let after = rest.trim_start().strip_prefix("eq ");
        if let Some(rest) = after.and_then(|rest| rest.trim_start().strip_prefix(word)) {
            return Some((Term::Is { name, value }, rest));
        }
    }
    let (value, rest) = equals(rest)?;
    Some((Term::Equals { name, value }, rest))
}

fn equals(text: &str) -> Option<(String, &str)> {
    literal(text.trim_start().strip_prefix("eq ")?.trim_start())
}

fn identifier(text: &str) -> Option<(String, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    (!name.is_empty()).then(|| (name.to_owned(), rest))
}

/// A text in single quotes; a quote inside is doubled.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?;
    let mut value = String::new();
    loop {
        let (part, after) = rest.split_once('\'')?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, after)),
        }
    }
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_filters_that_clients_send_are_understood() {
        assert_eq!(
            Filter::parse("servicePrincipalNames/any(c:c eq 'a-b')"),
            Ok(Filter(vec![Term::AnyEquals {
                name: "servicePrincipalNames".to_owned(),
                value: "a-b".to_owned()
            }]))
        );
        assert_eq!(
            Filter::parse("displayName eq 'O''Brien' and startswith(appId,'1')"),
            Ok(Filter(vec![
                Term::Equals {
                    name: "displayName".to_owned(),
                    value: "O'Brien".to_owned()
                },
                Term::StartsWith {
                    name: "appId".to_owned(),
                    value: "1".to_owned()
                },
            ]))
        );
        assert!(Filter::parse("displayName eq 'open").is_err());
        assert!(Filter::parse("x/any(c:d eq 'a')").is_err());
        assert!(Filter::parse("").is_err());
    }

    #[test]
    fn a_filter_of_any_length_is_read() {
        let terms = |count| vec!["startswith(appId,'1')"; count].join(" and ");
        let Filter(all) = Filter::parse(&terms(50_000)).expect("a filter");
        assert_eq!(all.len(), 50_000);
        for bad in [
            format!("{} and", terms(50_000)),
            format!("name eq '{}", "''".repeat(500_000)),
            "startswith(".repeat(100_000),
            "x/any(c:c ".repeat(100_000),
        ] {
            assert!(Filter::parse(&bad).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_quoted_value_comes_back(value in "[ -~]{0,30}") {
            let text = format!("displayName eq '{}'", value.replace('\'', "''"));
            let wanted = Filter(vec![Term::Equals { name: "displayName".to_owned(), value }]);
            prop_assert_eq!(Filter::parse(&text), Ok(wanted));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,60}") {
            let _ = Filter::parse(&text);
        }
    }
}
