//! An expression's tokens.

use crate::error::ParseError;
use crate::tree::Comparison;
use crate::value::Value;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) enum Token {
    Name(Arc<str>),
    QuotedName(Arc<str>),
    Literal(Value),
    Number(i64),
    Comparison(Comparison),
    Dot,
    Star,
    LeftBracket,
    RightBracket,
    /// `[]`
    Flatten,
    /// `[?`
    Filter,
    LeftBrace,
    RightBrace,
    LeftParenthesis,
    RightParenthesis,
    Comma,
    Colon,
    /// `@`
    Current,
    /// `&`
    Reference,
    Pipe,
    Or,
    And,
    Not,
    End,
}

/// A token, where it begins (in characters), and its text for messages.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) at: usize,
    pub(crate) text: String,
}

pub(crate) fn tokens(text: &str) -> Result<Vec<Placed>, ParseError> {
    let mut lexer = Lexer {
        letters: text.chars().collect(),
        at: 0,
    };
    let mut tokens = Vec::new();
    loop {
        while matches!(lexer.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            lexer.at += 1;
        }
        let at = lexer.at;
        let token = lexer.next()?;
        let end = matches!(token, Token::End);
        tokens.push(Placed {
            token,
            at,
            text: lexer.letters[at..lexer.at].iter().collect(),
        });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    letters: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    /// Goes on if the next letter is this one.
    fn take(&mut self, letter: char) -> bool {
        let there = self.peek() == Some(letter);
        self.at += usize::from(there);
        there
    }

    fn take_while(&mut self, fits: fn(&char) -> bool) {
        while self.peek().as_ref().is_some_and(fits) {
            self.at += 1;
        }
    }

    fn text_from(&self, start: usize) -> String {
        self.letters[start..self.at].iter().collect()
    }

    fn next(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let Some(letter) = self.peek() else {
            return Ok(Token::End);
        };
        self.at += 1;
        Ok(match letter {
            '.' => Token::Dot,
            '*' => Token::Star,
            ']' => Token::RightBracket,
            ',' => Token::Comma,
            ':' => Token::Colon,
            '@' => Token::Current,
            '(' => Token::LeftParenthesis,
            ')' => Token::RightParenthesis,
            '{' => Token::LeftBrace,
            '}' => Token::RightBrace,
            '[' if self.take(']') => Token::Flatten,
            '[' if self.take('?') => Token::Filter,
            '[' => Token::LeftBracket,
            '|' if self.take('|') => Token::Or,
            '|' => Token::Pipe,
            '&' if self.take('&') => Token::And,
            '&' => Token::Reference,
            '<' if self.take('=') => Token::Comparison(Comparison::LessOrEqual),
            '<' => Token::Comparison(Comparison::Less),
            '>' if self.take('=') => Token::Comparison(Comparison::GreaterOrEqual),
            '>' => Token::Comparison(Comparison::Greater),
            '!' if self.take('=') => Token::Comparison(Comparison::NotEqual),
            '!' => Token::Not,
            '=' if self.take('=') => Token::Comparison(Comparison::Equal),
            '=' => {
                return Err(ParseError::at(
                    start,
                    "'=' is no operator; equality is '=='",
                ));
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                self.take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_');
                Token::Name(self.text_from(start).into())
            }
            '0'..='9' | '-' => {
                self.take_while(char::is_ascii_digit);
                let text = self.text_from(start);
                if text == "-" {
                    return Err(ParseError::at(
                        start,
                        "'-' begins a number, and none follows; a name with '-' stands in double quotes",
                    ));
                }
                // What does not fit is beyond the end of every array.
                Token::Number(text.parse().unwrap_or(if letter == '-' {
                    i64::MIN
                } else {
                    i64::MAX
                }))
            }
            '\'' => Token::Literal(Value::String(
                self.until('\'', start)?.replace("\\'", "'").into(),
            )),
            '`' => Token::Literal(literal(
                &self.until('`', start)?.replace("\\`", "`"),
                start,
            )?),
            '"' => {
                let inner = self.until('"', start)?;
                let name = serde_json::from_str::<String>(&format!("\"{inner}\""));
                Token::QuotedName(
                    name.map_err(|error| {
                        ParseError::at(start, format!("\"{inner}\" is no JSON string: {error}"))
                    })?
                    .into(),
                )
            }
            other => {
                return Err(ParseError::at(
                    start,
                    format!("'{}' has no meaning here", other.escape_debug()),
                ));
            }
        })
    }

    /// What stands before the next `end`, past which it goes; a backslash takes the letter after it along.
    fn until(&mut self, end: char, start: usize) -> Result<String, ParseError> {
        let mut inner = String::new();
        loop {
            let letter = self.peek();
            self.at += 1;
            match letter {
                None => {
                    self.at = self.letters.len();
                    return Err(ParseError::at(start, format!("{end} is not closed")));
                }
                Some(letter) if letter == end => return Ok(inner),
                Some('\\') => {
                    inner.push('\\');
                    if let Some(next) = self.peek() {
                        inner.push(next);
                        self.at += 1;
                    }
                }
                Some(letter) => inner.push(letter),
            }
        }
    }
}

/// What stands between backticks: JSON, or else a string without its quotes, as before JMESPath's
/// [JEP 12](https://jmespath.org/proposals/raw-string-literals.html) and in jmespath.py until today.
fn literal(text: &str, start: usize) -> Result<Value, ParseError> {
    serde_json::from_str::<Value>(text)
        .or_else(|_| serde_json::from_str(&format!("\"{}\"", text.trim_start())))
        .map_err(|error| ParseError::at(start, format!("`{text}` is no JSON: {error}")))
}
