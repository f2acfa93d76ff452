//! Conditions of roles and of role assignments
//! (<https://learn.microsoft.com/azure/role-based-access-control/conditions-format>): as much of them as says who may give
//! which role to whom.

use crate::ground::wildcard::matches;
use std::iter::Peekable;
use std::str::Chars;

/// What a condition may ask for: what a request wants to make, and what it wants to change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes<'a> {
    /// The GUID of the role that is to be given.
    pub(crate) requested_role: Option<&'a str>,
    /// The id of whom it is to be given.
    pub(crate) requested_principal: Option<&'a str>,
    pub(crate) requested_principal_type: Option<&'a str>,
    /// The GUID of the role that an assignment gives.
    pub(crate) assigned_role: Option<&'a str>,
    pub(crate) assigned_principal: Option<&'a str>,
    pub(crate) assigned_principal_type: Option<&'a str>,
}

/// A condition that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    /// The action fits this pattern.
    Action(String),
    /// An attribute compared with values.
    Compare {
        attribute: String,
        operator: Operator,
        values: Vec<String>,
    },
}

/// How an attribute, which has one value here, is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Operator {
    kind: Kind,
    /// Every value must fit, not any.
    every: bool,
    /// It must not.
    not: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Guid,
    Text,
    TextOfAnyCase,
    Truth,
}

/// Why a condition was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotUnderstood(String);

/// How deep a condition may be nested.
const DEEPEST: usize = 40;

impl Condition {
    /// Reads a condition.
    pub(crate) fn parse(text: &str) -> Result<Self, NotUnderstood> {
        let mut reader = Reader {
            tokens: tokens(text)?.into_iter().peekable(),
            depth: 0,
        };
        let condition = reader.any()?;
        match reader.tokens.next() {
            None => Ok(condition),
            Some(token) => Err(unexpected(&token)),
        }
    }

    /// Whether it holds for an action. What has an attribute that is not known does not.
    pub(crate) fn holds(&self, action: &str, attributes: &Attributes<'_>) -> bool {
        match self {
            Condition::Any(all) => all.iter().any(|one| one.holds(action, attributes)),
            Condition::All(all) => all.iter().all(|one| one.holds(action, attributes)),
            Condition::Not(one) => !one.holds(action, attributes),
            Condition::Action(pattern) => matches(pattern, action),
            Condition::Compare {
                attribute,
                operator,
                values,
            } => attributes
                .get(attribute)
                .is_some_and(|value| operator.fits(value, values)),
        }
    }
}

impl<'a> Attributes<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        match name.to_ascii_lowercase().as_str() {
            "@request[microsoft.authorization/roleassignments:roledefinitionid]" => {
                self.requested_role
            }
            "@request[microsoft.authorization/roleassignments:principalid]" => {
                self.requested_principal
            }
            "@request[microsoft.authorization/roleassignments:principaltype]" => {
                self.requested_principal_type
            }
            "@resource[microsoft.authorization/roleassignments:roledefinitionid]" => {
                self.assigned_role
            }
            "@resource[microsoft.authorization/roleassignments:principalid]" => {
                self.assigned_principal
            }
            "@resource[microsoft.authorization/roleassignments:principaltype]" => {
                self.assigned_principal_type
            }
            _ => None,
        }
    }
}

impl Operator {
    fn parse(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let (every, name) = match word.split_once(':') {
            None => (false, word.as_str()),
            Some(("foranyofanyvalues" | "forallofanyvalues", name)) => (false, name),
            Some(("foranyofallvalues" | "forallofallvalues", name)) => (true, name),
            Some(_) => return None,
        };
        let (kind, not) = match name {
            "guidequals" => (Kind::Guid, false),
            "guidnotequals" => (Kind::Guid, true),
            "stringequals" => (Kind::Text, false),
            "stringnotequals" => (Kind::Text, true),
            "stringequalsignorecase" => (Kind::TextOfAnyCase, false),
            "stringnotequalsignorecase" => (Kind::TextOfAnyCase, true),
            "boolequals" => (Kind::Truth, false),
            "boolnotequals" => (Kind::Truth, true),
            _ => return None,
        };
        Some(Operator { kind, every, not })
    }

    fn fits(self, value: &str, values: &[String]) -> bool {
        let guid = |text: &str| text.replace('-', "").to_ascii_lowercase();
        let same = |other: &String| match self.kind {
            Kind::Guid => guid(value) == guid(other),
            Kind::Text => value == other,
            Kind::TextOfAnyCase | Kind::Truth => value.eq_ignore_ascii_case(other),
        };
        let mut fit = values.iter().map(|other| same(other) != self.not);
        if self.every {
            fit.all(|fits| fits)
        } else {
            fit.any(|fits| fits)
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Not,
    And,
    Or,
    /// `{'a', 'b'}`
    Set(Vec<String>),
    /// `'a'`
    Quoted(String),
    /// `@Request[…]`
    Attribute(String),
    Word(String),
}

fn unexpected(token: &Token) -> NotUnderstood {
    NotUnderstood(format!("{token:?} is not expected there"))
}

fn tokens(text: &str) -> Result<Vec<Token>, NotUnderstood> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&first) = chars.peek() {
        let token = match first {
            _ if first.is_whitespace() => {
                chars.next();
                continue;
            }
            '(' | ')' | '!' => {
                chars.next();
                match first {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Not,
                }
            }
            '\'' => Token::Quoted(quoted(&mut chars)?),
            '}' => return Err(NotUnderstood("'}' is not expected there".to_owned())),
            '{' => Token::Set(set(&mut chars)?),
            '@' => Token::Attribute(attribute(&mut chars)?),
            _ => {
                let word = run(&mut chars, |c| !c.is_whitespace() && !"(){}!'@".contains(c));
                match word.to_ascii_lowercase().as_str() {
                    "and" | "&&" => Token::And,
                    "or" | "||" => Token::Or,
                    "not" => Token::Not,
                    _ => Token::Word(word),
                }
            }
        };
        found.push(token);
    }
    Ok(found)
}

fn run(chars: &mut Peekable<Chars<'_>>, belongs: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    while let Some(next) = chars.next_if(|next| belongs(*next)) {
        text.push(next);
    }
    text
}

fn end(what: &str) -> NotUnderstood {
    NotUnderstood(format!("{what} does not end"))
}

fn quoted(chars: &mut Peekable<Chars<'_>>) -> Result<String, NotUnderstood> {
    chars.next();
    let text = run(chars, |c| c != '\'');
    chars.next().map(|_| text).ok_or_else(|| end("a text"))
}

fn attribute(chars: &mut Peekable<Chars<'_>>) -> Result<String, NotUnderstood> {
    let mut text = run(chars, |c| c != ']');
    text.push(chars.next().ok_or_else(|| end("an attribute"))?);
    Ok(text)
}

fn set(chars: &mut Peekable<Chars<'_>>) -> Result<Vec<String>, NotUnderstood> {
    chars.next();
    let mut values = Vec::new();
    loop {
        run(chars, |c| c.is_whitespace() || c == ',');
        match chars.peek() {
            None => return Err(end("a set")),
            Some('}') => {
                chars.next();
                return Ok(values);
            }
            Some('\'') => values.push(quoted(chars)?),
            Some(_) => values.push(run(chars, |c| !c.is_whitespace() && !",}".contains(c))),
        }
    }
}

struct Reader {
    tokens: Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

impl Reader {
    fn any(&mut self) -> Result<Condition, NotUnderstood> {
        let mut all = vec![self.all()?];
        while self.tokens.next_if_eq(&Token::Or).is_some() {
            all.push(self.all()?);
        }
        Ok(one_or(all, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, NotUnderstood> {
        let mut all = vec![self.one()?];
        while self.tokens.next_if_eq(&Token::And).is_some() {
            all.push(self.one()?);
        }
        Ok(one_or(all, Condition::All))
    }

    fn one(&mut self) -> Result<Condition, NotUnderstood> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(NotUnderstood("it is nested too deep".to_owned()));
        }
        let read = self.inner();
        self.depth -= 1;
        read
    }

    fn inner(&mut self) -> Result<Condition, NotUnderstood> {
        match self.next()? {
            Token::Not => Ok(Condition::Not(Box::new(self.one()?))),
            Token::Open => {
                let inner = self.any()?;
                match self.next()? {
                    Token::Close => Ok(inner),
                    token => Err(unexpected(&token)),
                }
            }
            Token::Word(word) if word.eq_ignore_ascii_case("ActionMatches") => match self.next()? {
                Token::Set(patterns) => {
                    let patterns = patterns.into_iter().map(Condition::Action).collect();
                    Ok(one_or(patterns, Condition::Any))
                }
                token => Err(unexpected(&token)),
            },
            Token::Attribute(attribute) => {
                let operator = match self.next()? {
                    Token::Word(word) => Operator::parse(&word).ok_or_else(|| {
                        NotUnderstood(format!("the operator '{word}' is not known"))
                    })?,
                    token => return Err(unexpected(&token)),
                };
                let values = match self.next()? {
                    Token::Set(values) => values,
                    Token::Quoted(value) | Token::Word(value) => vec![value],
                    token => return Err(unexpected(&token)),
                };
                Ok(Condition::Compare {
                    attribute,
                    operator,
                    values,
                })
            }
            token => Err(unexpected(&token)),
        }
    }

    fn next(&mut self) -> Result<Token, NotUnderstood> {
        self.tokens.next().ok_or_else(|| end("it"))
    }
}

fn one_or(mut all: Vec<Condition>, many: impl FnOnce(Vec<Condition>) -> Condition) -> Condition {
    match (all.len(), all.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            all.extend(last);
            many(all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WRITE: &str = "Microsoft.Authorization/roleAssignments/write";

    fn holds(text: &str, action: &str, role: Option<&str>) -> bool {
        let attributes = Attributes {
            requested_role: role,
            requested_principal_type: Some("ServicePrincipal"),
            ..Attributes::default()
        };
        let condition = Condition::parse(text).expect("a condition");
        condition.holds(action, &attributes)
    }

    #[test]
    fn the_words_of_a_condition_are_understood() {
        let role = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]";
        let a = "11111111-2222-3333-4444-555555555555";
        let plain = a.replace('-', "");
        for (text, expected) in [
            (format!("{role} ForAnyOfAnyValues:GuidEquals{{{a}}}"), true),
            (format!("{role} ForAnyOfAnyValues:GuidEquals {{x, {plain}}}"), true),
            (format!("{role} GuidEquals '{a}'"), true),
            (format!("{role} ForAnyOfAllValues:GuidNotEquals{{{a}, x}}"), false),
            (format!("{role} ForAnyOfAllValues:GuidNotEquals{{x, y}}"), true),
            (format!("!({role} GuidEquals '{a}')"), false),
            (format!("NOT {role} GuidEquals 'x' AND ActionMatches{{'*/write'}}"), true),
            (format!("ActionMatches{{'*/delete'}} OR {role} GuidEquals 'x'"), false),
            (format!("ActionMatches{{'*/delete'}} || {role} GuidEquals {a}"), true),
            (format!("({role} GuidEquals {a}) && ActionMatches{{'*/read'}}"), false),
            ("@Request[Microsoft.Authorization/roleAssignments:PrincipalType] StringEqualsIgnoreCase 'serviceprincipal'".to_owned(), true),
            ("@Request[Microsoft.Authorization/roleAssignments:PrincipalType] StringEquals 'serviceprincipal'".to_owned(), false),
            // Nobody knows it.
            ("@Resource[HasObotoken] boolequals true".to_owned(), false),
        ] {
            assert_eq!(holds(&text, WRITE, Some(a)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for text in [
            "",
            "(",
            "()",
            "ActionMatches",
            "ActionMatches{'x'",
            "}",
            "ActionMatches{'x'}}",
            "ActionMatches{'x'} AND",
            "@Request[x] Guid {a}",
            "@Request[x] ForSome:GuidEquals {a}",
            "@Request[x",
            "Exists @Request[x]",
            "true",
            "ActionMatches{'x'} ActionMatches{'y'}",
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
        // White space of any kind stands between words, and is none itself.
        for space in ['\u{b}', '\u{c}', '\u{85}', '\u{a0}', '\u{2003}'] {
            let text = format!(
                "ActionMatches{space}{{'x'}}{space}AND {space}NOT ActionMatches{{'y'}}{space}"
            );
            assert!(Condition::parse(&text).is_ok(), "{text:?}");
        }
        assert!(Condition::parse(&"!".repeat(100_000)).is_err());
        assert!(Condition::parse(&"(".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[(){}!'@a-zA-Z\\[\\], &|:-]{0,80}") {
            let _ = Condition::parse(&text);
        }
    }
}
