//! Faults as a file says them, in TOML.

use super::rule::{
    Action, Breach, OperationEnd, OtherAnswer, Requests, RetryAfter, Rule, SaidError, Twist, When,
};
use crate::ground::hosts::Service;
use crate::state::knobs::Knob;
use clap::ValueEnum;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// Why a file of faults is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultsError {
    /// It is no TOML, or has members or values that mean nothing.
    #[error("line {line}: {reason}")]
    Toml {
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A fault makes no sense.
    #[error("line {line}: fault '{name}': {reason}")]
    Fault {
        /// From 1.
        line: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// The longest that an answer is held back: whoever waits gives up before.
const LONGEST: Duration = Duration::from_secs(3600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Calls {
    Nth(u64),
    /// `2-3`, `2-`.
    Range(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    host: Option<String>,
    method: Option<OneOrMore>,
    path: Option<String>,
    r#type: Option<String>,
    caller: Option<String>,
    calls: Option<Calls>,
    every: Option<u64>,
    r#for: Option<String>,
    probability: Option<f64>,

    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    after: Option<bool>,
    retry_after: Option<u64>,
    retry_after_date: Option<String>,
    retry_after_ms: Option<u64>,
    code: Option<String>,
    message: Option<String>,
    inner_code: Option<String>,

    connection: Option<String>,
    time: Option<String>,

    #[serde(default)]
    knobs: BTreeMap<String, String>,
    clock: Option<String>,
    operation: Option<String>,
    target: Option<String>,

    certificate: Option<String>,
}

/// The services by their names in a file.
const SERVICES: [(&str, Service); 5] = [
    ("resource-manager", Service::ResourceManager),
    ("key-vault", Service::KeyVault),
    ("graph", Service::Graph),
    ("entra", Service::Entra),
    ("imds", Service::Imds),
];

const CONNECTIONS: [&str; 5] = ["reset-before", "reset-after", "cut", "stall", "drip"];

/// Reads a file's text.
///
/// # Errors
/// It is no TOML, or says what makes no sense, with the line.
pub(crate) fn read(text: &str) -> Result<Vec<Rule>, FaultsError> {
    let file: File = toml::from_str(text).map_err(|error| FaultsError::Toml {
        line: line_of(text, error.span().map_or(text.len(), |span| span.start)),
        reason: error.message().to_owned(),
    })?;
    file.fault
        .into_iter()
        .enumerate()
        .map(|(number, entry)| {
            let line = line_of(text, entry.span().start);
            let entry = entry.into_inner();
            let name = entry
                .name
                .clone()
                .unwrap_or_else(|| format!("fault {}", number + 1));
            entry
                .rule(name.clone())
                .map_err(|reason| FaultsError::Fault { line, name, reason })
        })
        .collect()
}

/// The line, from 1, on which the byte at `at` stands.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    before.filter(|byte| **byte == b'\n').count() + 1
}

impl Entry {
    fn rule(self, name: String) -> Result<Rule, String> {
        Ok(Rule {
            requests: self.requests()?,
            when: self.when()?,
            action: self.action()?,
            name,
        })
    }

    fn requests(&self) -> Result<Requests, String> {
        let named = |host: &String| SERVICES.iter().find(|(name, _)| name == host);
        let service = self
            .host
            .as_ref()
            .and_then(named)
            .map(|(_, service)| *service);
        let host = self.host.clone().filter(|_| service.is_none());
        if let Some(host) = &host
            && !host.contains(['.', '*'])
        {
            let names: Vec<&str> = SERVICES.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "host is '{host}'; it takes {}, or a host's name, in which * stands for anything",
                names.join(", ")
            ));
        }
        let methods = match &self.method {
            None => Vec::new(),
            Some(OneOrMore::One(method)) => vec![method.clone()],
            Some(OneOrMore::More(methods)) => methods.clone(),
        };
        let methods: Vec<String> = methods.iter().map(|one| one.to_ascii_uppercase()).collect();
        const METHODS: [&str; 6] = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"];
        if let Some(odd) = methods.iter().find(|one| !METHODS.contains(&one.as_str())) {
            return Err(format!(
                "method is '{odd}'; it takes {}",
                METHODS.join(", ")
            ));
        }
        Ok(Requests {
            service,
            host,
            methods,
            path: self.path.clone(),
            resource_type: self.r#type.clone(),
            caller: self.caller.clone(),
        })
    }

    fn when(&self) -> Result<When, String> {
        const CALLS: &str = "calls takes a number from 1, or a range of them, as \"1-2\" or \"3-\"";
        let (first, last) = match &self.calls {
            None => (1, None),
            Some(Calls::Nth(nth)) => (*nth, Some(*nth)),
            Some(Calls::Range(text)) => {
                let (first, last) = text.split_once('-').ok_or(CALLS)?;
                let first = first.trim().parse().map_err(|_| CALLS)?;
                let last = match last.trim() {
                    "" => None,
                    last => Some(last.parse().map_err(|_| CALLS)?),
                };
                (first, last)
            }
        };
        if first == 0 || last.is_some_and(|last| last < first) {
            return Err(CALLS.to_owned());
        }
        if self.every == Some(0) {
            return Err("every takes a number from 1".to_owned());
        }
        if self
            .probability
            .is_some_and(|share| !(0.0..=1.0).contains(&share))
        {
            return Err("probability takes a number from 0 to 1".to_owned());
        }
        Ok(When {
            first,
            last,
            every: self.every.unwrap_or(1),
            lasts: self
                .r#for
                .as_deref()
                .map(|text| time("for", text))
                .transpose()?,
            probability: self.probability,
        })
    }

    fn action(&self) -> Result<Action, String> {
        let answers = self.status.is_some()
            || self.body.is_some()
            || !self.headers.is_empty()
            || self.retry_after()?.is_some();
        let twists = !self.knobs.is_empty() || self.clock.is_some() || self.operation.is_some();
        let kinds = [
            answers,
            twists,
            self.connection.is_some(),
            self.certificate.is_some(),
        ];
        if kinds.iter().filter(|is_so| **is_so).count() != 1 {
            return Err(
                "it takes one action: an answer (status, headers, body, retry-after), a connection, a certificate, or what the \
                 service sees otherwise (knobs, clock, operation)"
                    .to_owned(),
            );
        }
        let has_error = self.code.is_some() || self.message.is_some() || self.inner_code.is_some();
        if has_error && !(answers || self.operation.is_some()) {
            return Err("code, message and inner-code go with status or operation".to_owned());
        }
        if self.target.is_some() && self.operation.is_none() {
            return Err("target goes with operation".to_owned());
        }
        if self.time.is_some() && self.connection.is_none() {
            return Err("time goes with connection = \"stall\" or \"drip\"".to_owned());
        }
        if self.after.is_some() && !answers {
            return Err("after goes with an answer".to_owned());
        }
        if let Some(connection) = &self.connection {
            return self.breach(connection).map(Action::Connection);
        }
        if let Some(certificate) = &self.certificate {
            return Ok(Action::Certificate(match certificate.as_str() {
                "expired" => Duration::ZERO,
                text => time("certificate", text)?,
            }));
        }
        if twists {
            return self.twist().map(|twist| Action::Twist(Box::new(twist)));
        }
        self.answer().map(|answer| Action::Answer(Box::new(answer)))
    }

    fn breach(&self, connection: &str) -> Result<Breach, String> {
        let given = self
            .time
            .as_deref()
            .map(|text| time("time", text))
            .transpose()?;
        let held = given.unwrap_or(LONGEST).min(LONGEST);
        let breach = match connection {
            "reset-before" => Breach::Before,
            "reset-after" => Breach::After,
            "cut" => Breach::Cut,
            "stall" => return Ok(Breach::Stalled(held)),
            "drip" => return Ok(Breach::Dripped(held)),
            odd => {
                return Err(format!(
                    "connection is '{odd}'; it takes {}",
                    CONNECTIONS.join(", ")
                ));
            }
        };
        match given {
            Some(_) => Err("time goes with connection = \"stall\" or \"drip\"".to_owned()),
            None => Ok(breach),
        }
    }

    fn twist(&self) -> Result<Twist, String> {
        let mut twist = Twist::default();
        for (name, to) in &self.knobs {
            let knob = Knob::from_str(name, false).map_err(|_| {
                let all = Knob::value_variants().iter();
                let names: Vec<String> = all
                    .filter_map(|knob| Some(knob.to_possible_value()?.get_name().to_owned()))
                    .collect();
                format!("there is no knob '{name}'; there are {}", names.join(", "))
            })?;
            let to = time(name, to)?;
            let to = time::Duration::try_from(to).unwrap_or(Knob::LONGEST);
            twist.knobs.push((knob, to));
        }
        if let Some(clock) = &self.clock {
            let (sign, text) = match clock.strip_prefix('-') {
                Some(text) => (-1, text),
                None => (1, clock.trim_start_matches('+')),
            };
            let by = time::Duration::try_from(time("clock", text)?).unwrap_or(Knob::LONGEST);
            twist.clock = by.min(Knob::LONGEST) * sign;
        }
        if let Some(state) = &self.operation {
            if !["Failed", "Canceled"].contains(&state.as_str()) {
                return Err(format!(
                    "operation is '{state}'; it takes Failed or Canceled"
                ));
            }
            twist.operation = Some(OperationEnd {
                state: state.clone(),
                error: self.operation_error(state),
            });
        }
        Ok(twist)
    }

    fn operation_error(&self, state: &str) -> Value {
        let code = self
            .code
            .clone()
            .unwrap_or_else(|| format!("Operation{state}"));
        let message = self.message.clone();
        let message = message.unwrap_or_else(|| format!("The operation ended as {state}."));
        let mut error = json!({"code": code, "message": message});
        if let Some(target) = &self.target {
            error["target"] = json!(target);
        }
        if let Some(inner) = &self.inner_code {
            error["innererror"] = json!({"code": inner});
        }
        error
    }

    fn retry_after(&self) -> Result<Option<RetryAfter>, String> {
        let date = self.retry_after_date.as_deref();
        let date = date
            .map(|text| time("retry-after-date", text))
            .transpose()?;
        let given = [
            self.retry_after.map(RetryAfter::Seconds),
            date.map(RetryAfter::Date),
            self.retry_after_ms.map(RetryAfter::Milliseconds),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (_, Some(_)) => {
                Err("of retry-after, retry-after-date and retry-after-ms it takes one".to_owned())
            }
            (one, None) => Ok(one),
        }
    }

    fn answer(&self) -> Result<OtherAnswer, String> {
        if let Some(status) = self.status
            && !(200..600).contains(&status)
        {
            return Err("status takes a number from 200 to 599".to_owned());
        }
        for (name, value) in &self.headers {
            if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                return Err(format!("'{name}' is no header"));
            }
        }
        // Without a status of its own the answer is the service's, changed.
        let after = self.after.unwrap_or(self.status.is_none());
        Ok(OtherAnswer {
            status: self.status,
            headers: self.headers.clone().into_iter().collect(),
            body: self.body.clone(),
            error: SaidError {
                code: self.code.clone(),
                message: self.message.clone(),
                inner: self.inner_code.clone(),
            },
            retry_after: self.retry_after()?,
            after,
        })
    }
}

fn time(member: &str, text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("{member} takes a time, as 500ms, 90s, 10m or 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line() {
        for (text, words) in [
            (
                "[[fault]]\nhost = \"key-vault\"",
                "line 1: fault 'fault 1': it takes one action",
            ),
            (
                "\n\n[[fault]]\nname = \"n\"\nstatus = 1",
                "line 3: fault 'n': status takes",
            ),
            (
                "[[fault]]\nstatus = 429\nconnection = \"cut\"",
                "it takes one action",
            ),
            (
                "[[fault]]\nhost = \"keyvault\"\nstatus = 429",
                "it takes resource-manager, key-vault, graph, entra, imds",
            ),
            (
                "[[fault]]\nmethod = \"FETCH\"\nstatus = 429",
                "it takes GET, HEAD",
            ),
            (
                "[[fault]]\nconnection = \"slow\"",
                "it takes reset-before, reset-after, cut, stall, drip",
            ),
            (
                "[[fault]]\nconnection = \"cut\"\ntime = \"1s\"",
                "time goes with",
            ),
            ("[[fault]]\nstatus = 429\ncalls = \"x\"", "calls takes"),
            ("[[fault]]\nstatus = 429\ncalls = 0", "calls takes"),
            ("[[fault]]\nstatus = 429\ncalls = \"3-2\"", "calls takes"),
            ("[[fault]]\nstatus = 429\nevery = 0", "every takes"),
            (
                "[[fault]]\nstatus = 429\nprobability = 2.0",
                "probability takes",
            ),
            (
                "[[fault]]\nstatus = 429\nfor = \"soon\"",
                "for takes a time",
            ),
            (
                "[[fault]]\nstatus = 429\nretry-after = 1\nretry-after-ms = 1",
                "it takes one",
            ),
            (
                "[[fault]]\nknobs = { role-dely = \"1s\" }",
                "there are role-delay",
            ),
            ("[[fault]]\noperation = \"Broken\"", "Failed or Canceled"),
            (
                "[[fault]]\nconnection = \"cut\"\ncode = \"X\"",
                "go with status or operation",
            ),
            (
                "[[fault]]\nstatus = 429\ntarget = \"X\"",
                "target goes with",
            ),
            ("[[fault]]\nheaders = { \"a b\" = \"c\" }", "is no header"),
            ("[[fault]]\nstatus = \"429\"", "line 2"),
            ("[[fault]]\nstatuss = 429", "unknown field `statuss`"),
            ("[fault", "line 1"),
            ("seed = 1", "unknown field `seed`"),
        ] {
            let said = read(text).expect_err(text).to_string();
            assert!(
                said.starts_with("line ") && said.lines().count() == 1,
                "{said}"
            );
            assert!(said.contains(words), "{text}: {said}");
        }
    }

    #[test]
    fn each_action_is_read() {
        let text = r#"
            [[fault]]
            name = "busy"
            host = "key-vault"
            method = ["PUT", "get"]
            path = "*/secrets/*"
            caller = "desk"
            calls = "1-2"
            status = 429
            retry-after = 5

            [[fault]]
            host = "*.vault.azure.net"
            calls = 3
            body = "<html>"
            headers = { content-type = "text/html" }

            [[fault]]
            connection = "stall"
            time = "2s"

            [[fault]]
            type = "Microsoft.Compute/virtualMachines"
            operation = "Failed"
            code = "AllocationFailed"
            inner-code = "OverconstrainedAllocationRequest"
            target = "size"

            [[fault]]
            knobs = { role-delay = "10m", token-lifetime = "2s" }
            clock = "-5m"
            for = "30s"

            [[fault]]
            host = "key-vault"
            certificate = "expired"
        "#;
        let rules = read(text).expect("good");
        assert_eq!(rules.len(), 6);
        assert_eq!(rules[0].requests.service, Some(Service::KeyVault));
        assert_eq!(rules[0].requests.methods, ["PUT", "GET"]);
        assert_eq!((rules[0].when.first, rules[0].when.last), (1, Some(2)));
        assert_eq!((rules[1].when.first, rules[1].when.last), (3, Some(3)));
        let Action::Answer(changed) = &rules[1].action else {
            panic!("{:?}", rules[1])
        };
        assert!(changed.after && changed.status.is_none());
        assert!(matches!(
            rules[2].action,
            Action::Connection(Breach::Stalled(time)) if time == Duration::from_secs(2)
        ));
        let Action::Twist(twist) = &rules[4].action else {
            panic!("{:?}", rules[4])
        };
        assert_eq!(twist.knobs.len(), 2);
        assert_eq!(twist.clock, time::Duration::minutes(-5));
        assert!(matches!(
            rules[5].action,
            Action::Certificate(Duration::ZERO)
        ));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(\\[\\[fault\\]\\]\n)?([a-z-]{1,12} = (\"[ -~]{0,10}\"|[0-9-]{1,20})\n){0,6}\\PC{0,20}") {
            let _ = read(&text);
        }
    }
}
