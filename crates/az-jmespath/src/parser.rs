//! From tokens to a tree, by operator precedence as jmespath.py has it.

use crate::error::ParseError;
use crate::function::Function;
use crate::lexer::{Placed, Token, tokens};
use crate::tree::{Comparison, Node};

/// How many levels an expression's tree may have: reading, evaluating and dropping it go down it on the stack, and a
/// stack that overflows ends the program without a word. jmespath.py ends at about as many.
const MOST_LEVELS: usize = 400;

/// How many operators may make a tree, before its levels are counted.
const MOST_OPERATORS: usize = 2000;

/// How strongly a token holds on to what stands before it.
fn power(token: &Token) -> u8 {
    match token {
        Token::Pipe => 1,
        Token::Or => 2,
        Token::And => 3,
        Token::Comparison(_) => 5,
        Token::Flatten => 9,
        Token::Star => 20,
        Token::Filter => 21,
        Token::Dot => 40,
        Token::Not => 45,
        Token::LeftBrace => 50,
        Token::LeftBracket => 55,
        Token::LeftParenthesis => 60,
        _ => 0,
    }
}

/// Whatever holds less than this ends a projection.
const ENDS_PROJECTION: u8 = 10;

pub(crate) fn parse(text: &str) -> Result<Node, ParseError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
        operators: 0,
    };
    if matches!(parser.token(), Token::End) {
        return Err(ParseError::at(0, "it is empty"));
    }
    let node = parser.expression(0)?;
    match parser.token() {
        Token::End if node.levels() > MOST_LEVELS => Err(too_deep()),
        Token::End => Ok(node),
        _ => Err(parser.unexpected("the end")),
    }
}

fn too_deep() -> ParseError {
    ParseError::at(
        0,
        format!("it is nested more than {MOST_LEVELS} levels deep"),
    )
}

struct Parser {
    /// The last one is the end.
    tokens: Vec<Placed>,
    at: usize,
    /// How many expressions are being read, one within the other.
    depth: usize,
    /// How many operators have been read.
    operators: usize,
}

impl Parser {
    fn placed(&self) -> &Placed {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn token(&self) -> &Token {
        &self.placed().token
    }

    fn after(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].token
    }

    fn advance(&mut self) -> Placed {
        let placed = self.placed().clone();
        self.at += 1;
        placed
    }

    fn unexpected(&self, wanted: &str) -> ParseError {
        let Placed { token, at, text } = self.placed();
        let found = match token {
            Token::End => "it ends".to_owned(),
            _ => format!("'{text}' stands"),
        };
        ParseError::at(*at, format!("{found} where {wanted} is expected"))
    }

    fn right_bracket(&mut self) -> Result<(), ParseError> {
        match self.token() {
            Token::RightBracket => self.at += 1,
            _ => return Err(self.unexpected("']'")),
        }
        Ok(())
    }

    fn expression(&mut self, binding: u8) -> Result<Node, ParseError> {
        self.depth += 1;
        if self.depth > MOST_LEVELS {
            return Err(too_deep());
        }
        let mut left = self.beginning()?;
        while binding < power(self.token()) {
            self.operators += 1;
            if self.operators > MOST_OPERATORS {
                return Err(ParseError::at(
                    0,
                    format!("it has more than {MOST_OPERATORS} operators"),
                ));
            }
            left = self.continuation(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// What can begin an expression.
    fn beginning(&mut self) -> Result<Node, ParseError> {
        let error = self.unexpected("an expression");
        let placed = self.advance();
        Ok(match placed.token {
            Token::Literal(value) => Node::Literal(value),
            Token::Name(name) => Node::Field(name),
            Token::QuotedName(name) => {
                if matches!(self.token(), Token::LeftParenthesis) {
                    return Err(ParseError::at(
                        placed.at,
                        "a function's name does not stand in quotes",
                    ));
                }
                Node::Field(name)
            }
            Token::Star => {
                let each = match self.token() {
                    Token::RightBracket => Node::Current,
                    _ => self.projected(power(&Token::Star))?,
                };
                values(Node::Current, each)
            }
            Token::Filter => self.filter(Node::Current)?,
            Token::LeftBrace => self.hash()?,
            Token::LeftParenthesis => {
                let inner = self.expression(0)?;
                match self.token() {
                    Token::RightParenthesis => self.at += 1,
                    _ => return Err(self.unexpected("')'")),
                }
                inner
            }
            Token::Flatten => self.flatten(Node::Current)?,
            Token::Not => Node::Not(Box::new(self.expression(power(&Token::Not))?)),
            Token::LeftBracket => match (self.token(), self.after()) {
                (Token::Number(_) | Token::Colon, _) => self.index(Node::Current)?,
                (Token::Star, Token::RightBracket) => self.items(Node::Current)?,
                _ => self.list()?,
            },
            Token::Current => Node::Current,
            Token::Reference => Node::Reference(Box::new(self.expression(0)?)),
            _ => return Err(error),
        })
    }

    /// What can follow `left`.
    fn continuation(&mut self, left: Node) -> Result<Node, ParseError> {
        let error = self.unexpected("an operator");
        let placed = self.advance();
        let binding = power(&placed.token);
        Ok(match placed.token {
            Token::Dot if matches!(self.token(), Token::Star) => {
                self.at += 1;
                values(left, self.projected(binding)?)
            }
            Token::Dot => chain(left, self.member(binding)?),
            // Nested, so that what is indexed can be told from what is piped.
            Token::Pipe => Node::Chain(vec![left, Node::Chain(vec![self.expression(binding)?])]),
            Token::Or => Node::Or(Box::new(left), Box::new(self.expression(binding)?)),
            Token::And => Node::And(Box::new(left), Box::new(self.expression(binding)?)),
            Token::Comparison(comparison) => self.comparison(comparison, left, binding)?,
            Token::Flatten => self.flatten(left)?,
            Token::Filter => self.filter(left)?,
            Token::LeftBracket => match self.token() {
                Token::Number(_) | Token::Colon => self.index(left)?,
                _ => self.items(left)?,
            },
            Token::LeftParenthesis => self.call(left, placed.at)?,
            _ => return Err(error),
        })
    }

    fn comparison(
        &mut self,
        comparison: Comparison,
        left: Node,
        binding: u8,
    ) -> Result<Node, ParseError> {
        let right = self.expression(binding)?;
        Ok(Node::Comparison(
            comparison,
            Box::new(left),
            Box::new(right),
        ))
    }

    /// After `[]`.
    fn flatten(&mut self, left: Node) -> Result<Node, ParseError> {
        let each = self.projected(power(&Token::Flatten))?;
        Ok(projection(Node::Flatten(Box::new(left)), each))
    }

    /// After `[?`.
    fn filter(&mut self, left: Node) -> Result<Node, ParseError> {
        let condition = self.expression(0)?;
        self.right_bracket()?;
        let each = match self.token() {
            Token::Flatten => Node::Current,
            _ => self.projected(power(&Token::Filter))?,
        };
        Ok(Node::Filter {
            of: Box::new(left),
            each: Box::new(each),
            condition: Box::new(condition),
        })
    }

    /// After `[`, before `*]`.
    fn items(&mut self, left: Node) -> Result<Node, ParseError> {
        match self.token() {
            Token::Star => self.at += 1,
            _ => return Err(self.unexpected("a number, ':' or '*'")),
        }
        self.right_bracket()?;
        Ok(projection(left, self.projected(power(&Token::Star))?))
    }

    /// After `[`, before a number or a colon.
    fn index(&mut self, left: Node) -> Result<Node, ParseError> {
        if let Token::Number(number) = *self.token()
            && !matches!(self.after(), Token::Colon)
        {
            self.at += 1;
            self.right_bracket()?;
            return Ok(chain(left, Node::Index(number)));
        }
        let mut parts = [None; 3];
        let mut part = 0;
        loop {
            match *self.token() {
                Token::RightBracket => break,
                Token::Colon if part < 2 => part += 1,
                Token::Number(number) => parts[part] = Some(number),
                _ => return Err(self.unexpected("']'")),
            }
            self.at += 1;
        }
        if parts[2] == Some(0) {
            return Err(ParseError::at(
                self.placed().at,
                "a slice's step cannot be 0",
            ));
        }
        self.right_bracket()?;
        let [start, stop, step] = parts;
        let after_index = is_indexed(&left);
        let slice = chain(left, Node::Slice { start, stop, step });
        // As in jmespath.py, where `a[0][:2].b` asks the slice for `b`, and not each of its items.
        if after_index {
            return Ok(slice);
        }
        Ok(projection(slice, self.projected(power(&Token::Star))?))
    }

    /// What is applied to each item of a projection.
    fn projected(&mut self, binding: u8) -> Result<Node, ParseError> {
        match self.token() {
            token if power(token) < ENDS_PROJECTION => Ok(Node::Current),
            Token::LeftBracket | Token::Filter => self.expression(binding),
            Token::Dot => {
                self.at += 1;
                self.member(binding)
            }
            _ => Err(self.unexpected("an operator")),
        }
    }

    /// After a dot.
    fn member(&mut self, binding: u8) -> Result<Node, ParseError> {
        match self.token() {
            Token::Name(_) | Token::QuotedName(_) | Token::Star => self.expression(binding),
            Token::LeftBracket => {
                self.at += 1;
                self.list()
            }
            Token::LeftBrace => {
                self.at += 1;
                self.hash()
            }
            _ => Err(self.unexpected("a name, '*', '[' or '{'")),
        }
    }

    /// After `[`.
    fn list(&mut self) -> Result<Node, ParseError> {
        let mut items = Vec::new();
        loop {
            items.push(self.expression(0)?);
            match self.token() {
                Token::Comma => self.at += 1,
                Token::RightBracket => break,
                _ => return Err(self.unexpected("',' or ']'")),
            }
        }
        self.at += 1;
        Ok(Node::List(items))
    }

    /// After `{`. A comma may be left out, as in jmespath.py.
    fn hash(&mut self) -> Result<Node, ParseError> {
        let mut members = Vec::new();
        loop {
            let name = match self.token() {
                Token::Name(name) | Token::QuotedName(name) => name.clone(),
                _ => return Err(self.unexpected("a name")),
            };
            self.at += 1;
            match self.token() {
                Token::Colon => self.at += 1,
                _ => return Err(self.unexpected("':'")),
            }
            members.push((name, self.expression(0)?));
            match self.token() {
                Token::Comma => self.at += 1,
                Token::RightBrace => break,
                _ => {}
            }
        }
        self.at += 1;
        Ok(Node::Hash(members))
    }

    /// After `(`. A comma may be left out, as in jmespath.py.
    fn call(&mut self, left: Node, at: usize) -> Result<Node, ParseError> {
        let Node::Field(name) = left else {
            return Err(ParseError::at(at, "'(' follows what is no function's name"));
        };
        let mut arguments = Vec::new();
        while !matches!(self.token(), Token::RightParenthesis) {
            if matches!(self.token(), Token::End) {
                return Err(self.unexpected("')'"));
            }
            arguments.push(self.expression(0)?);
            if matches!(self.token(), Token::Comma) {
                self.at += 1;
            }
        }
        self.at += 1;
        let function =
            Function::named(&name).ok_or_else(|| ParseError::at(at, Function::unknown(&name)))?;
        function
            .check_count(arguments.len())
            .map_err(|reason| ParseError::at(at, reason))?;
        Ok(Node::Call(function, arguments))
    }
}

/// Whether a part ends in an index, or in a slice that follows one.
fn is_indexed(node: &Node) -> bool {
    match node {
        Node::Chain(parts) => parts
            .last()
            .is_some_and(|last| matches!(last, Node::Index(_) | Node::Slice { .. })),
        node => matches!(node, Node::Index(_)),
    }
}

fn chain(left: Node, right: Node) -> Node {
    match left {
        Node::Current => right,
        Node::Chain(mut parts) => {
            parts.push(right);
            Node::Chain(parts)
        }
        left => Node::Chain(vec![left, right]),
    }
}

fn projection(of: Node, each: Node) -> Node {
    Node::Projection {
        of: Box::new(of),
        each: Box::new(each),
    }
}

fn values(of: Node, each: Node) -> Node {
    Node::Values {
        of: Box::new(of),
        each: Box::new(each),
    }
}
