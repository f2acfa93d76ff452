//! The template expression language: `[concat(parameters('name'), '-nic')]`
//! (<https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions>).

pub(super) mod functions;
mod unique;

use super::limits::{DEEPEST_EXPRESSION, LONGEST_EXPRESSION};
use std::iter::Peekable;
use std::str::CharIndices;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Text(String),
    Integer(i64),
    /// A function's name, `namespace.name` for one that the template defines, and its arguments.
    Call(String, Vec<Expression>),
    /// `of.name`, `of['name']`, `of[0]`, and members of that: any number of them, so they are no recursion.
    Member(Box<Expression>, Vec<Expression>),
}

/// What a text in a template is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Text {
    Literal(String),
    Expression(Expression),
}

/// Tells a literal from an expression. A literal that begins with a bracket has it doubled.
pub(super) fn read(text: &str) -> Result<Text, String> {
    if let Some(literal) = text.strip_prefix("[[") {
        return Ok(Text::Literal(format!("[{literal}")));
    }
    match text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => {
            // Characters are counted only where there are more bytes than that.
            if text.len() > LONGEST_EXPRESSION {
                let actual = text.chars().count();
                if actual > LONGEST_EXPRESSION {
                    return Err(format!(
                        "The language expression length limit exceeded. Limit: '{LONGEST_EXPRESSION}' and actual: \
                         '{actual}'."
                    ));
                }
            }
            parse(inner).map(Text::Expression)
        }
        None => Ok(Text::Literal(text.to_owned())),
    }
}

/// Calls `see` with the name of each function in the expression.
pub(super) fn names(expression: &Expression, see: &mut impl FnMut(&str)) {
    match expression {
        Expression::Text(_) | Expression::Integer(_) => {}
        Expression::Call(name, arguments) => {
            see(name);
            for argument in arguments {
                names(argument, see);
            }
        }
        Expression::Member(of, members) => {
            names(of, see);
            for member in members {
                names(member, see);
            }
        }
    }
}

fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser {
        text,
        chars: text.char_indices().peekable(),
        depth: 0,
    };
    let expression = parser.expression()?;
    parser.space();
    match parser.chars.next() {
        None => Ok(expression),
        Some((at, _)) => Err(parser.unexpected(at)),
    }
}

struct Parser<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    depth: usize,
}

impl Parser<'_> {
    fn unexpected(&self, at: usize) -> String {
        format!(
            "The language expression '{}' is not valid: the string character '{}' at position '{at}' is not expected.",
            self.text,
            self.text[at..].chars().next().unwrap_or(' ')
        )
    }

    fn ended(&self) -> String {
        format!(
            "The language expression '{}' is not valid: it ends too early.",
            self.text
        )
    }

    fn space(&mut self) {
        while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
    }

    fn take(&mut self, wanted: char) -> bool {
        self.space();
        self.chars.next_if(|(_, c)| *c == wanted).is_some()
    }

    fn require(&mut self, wanted: char) -> Result<(), String> {
        if self.take(wanted) {
            return Ok(());
        }
        match self.chars.peek().copied() {
            Some((at, _)) => Err(self.unexpected(at)),
            None => Err(self.ended()),
        }
    }

    fn expression(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST_EXPRESSION {
            return Err(format!(
                "The language expression '{}' is nested too deeply.",
                self.text
            ));
        }
        let expression = self.primary()?;
        let mut members = Vec::new();
        loop {
            if self.take('.') {
                members.push(Expression::Text(self.identifier()?));
            } else if self.take('[') {
                members.push(self.expression()?);
                self.require(']')?;
            } else {
                self.depth -= 1;
                return Ok(if members.is_empty() {
                    expression
                } else {
                    Expression::Member(Box::new(expression), members)
                });
            }
        }
    }

    fn primary(&mut self) -> Result<Expression, String> {
        self.space();
        match self.chars.peek().copied() {
            None => Err(self.ended()),
            Some((_, '\'')) => self.text().map(Expression::Text),
            Some((at, c)) if c == '-' || c.is_ascii_digit() => self.integer(at),
            Some((_, c)) if c.is_alphabetic() || c == '_' => {
                let mut name = self.identifier()?;
                // A function of the template's own has its namespace before it.
                if self.chars.next_if(|(_, c)| *c == '.').is_some() {
                    name = format!("{name}.{}", self.identifier()?);
                }
                self.require('(')?;
                let mut arguments = Vec::new();
                if !self.take(')') {
                    loop {
                        arguments.push(self.expression()?);
                        if self.take(')') {
                            break;
                        }
                        self.require(',')?;
                    }
                }
                Ok(Expression::Call(name, arguments))
            }
            Some((at, _)) => Err(self.unexpected(at)),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        self.chars.next();
        let mut text = String::new();
        loop {
            match self.chars.next() {
                Some((_, '\'')) => {
                    if self.chars.next_if(|(_, c)| *c == '\'').is_none() {
                        return Ok(text);
                    }
                    text.push('\'');
                }
                Some((_, c)) => text.push(c),
                None => return Err(self.ended()),
            }
        }
    }

    fn integer(&mut self, from: usize) -> Result<Expression, String> {
        let mut end = from + 1;
        self.chars.next();
        while let Some((at, _)) = self.chars.next_if(|(_, c)| c.is_ascii_digit()) {
            end = at + 1;
        }
        self.text[from..end]
            .parse()
            .map(Expression::Integer)
            .map_err(|_| self.unexpected(from))
    }

    fn identifier(&mut self) -> Result<String, String> {
        self.space();
        let mut name = String::new();
        while let Some((_, c)) = self
            .chars
            .next_if(|(_, c)| c.is_alphanumeric() || *c == '_' || *c == '$')
        {
            name.push(c);
        }
        if !name.is_empty() {
            return Ok(name);
        }
        match self.chars.peek().copied() {
            Some((at, _)) => Err(self.unexpected(at)),
            None => Err(self.ended()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(name: &str, arguments: Vec<Expression>) -> Expression {
        Expression::Call(name.to_owned(), arguments)
    }

    fn text(text: &str) -> Expression {
        Expression::Text(text.to_owned())
    }

    #[test]
    fn expressions_are_told_from_literals() {
        assert_eq!(read("plain"), Ok(Text::Literal("plain".into())));
        assert_eq!(read("[[not one]"), Ok(Text::Literal("[not one]".into())));
        assert_eq!(read("[half"), Ok(Text::Literal("[half".into())));
        assert_eq!(
            read("[ concat ( 'it''s', parameters('p').a['b'][-1] ) ]"),
            Ok(Text::Expression(call(
                "concat",
                vec![
                    text("it's"),
                    Expression::Member(
                        Box::new(call("parameters", vec![text("p")])),
                        vec![text("a"), text("b"), Expression::Integer(-1)]
                    ),
                ]
            )))
        );
        assert_eq!(
            read("[contoso.unique('x')]"),
            Ok(Text::Expression(call("contoso.unique", vec![text("x")])))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (bad, word) in [
            ("[]", "ends"),
            ("[concat('a']", "ends"),
            ("[concat('a' 'b')]", "position '11'"),
            ("[parameters]", "ends"),
            ("['a]", "ends"),
            ("[f()x]", "position '3'"),
            ("[f(,)]", "position '2'"),
            ("[99999999999999999999]", "position '0'"),
        ] {
            let error = read(bad).expect_err(bad);
            assert!(error.contains(word), "{bad}: {error}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!("[{}1{}]", "f(".repeat(100_000), ")".repeat(100_000));
        assert!(read(&deep).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(inner in "\\PC{0,60}") {
            let _ = read(&format!("[{inner}]"));
        }
    }
}
