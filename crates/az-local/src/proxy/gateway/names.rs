//! Names that machines ask for, and the addresses that stand for them.
//!
//! Each name gets an address of a range that is nobody's (100.64.0.0/10, RFC 6598); a connection to it is one to the name. So
//! the name decides where a connection leads, whatever is said in it.

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The first address, and how many names have one at a time; then those go that came first.
const FIRST: u32 = u32::from_be_bytes([100, 64, 0, 1]);
const MOST: u32 = 65_536;

/// How long an answer may be kept (seconds).
const TIME_TO_LIVE: u32 = 60;

/// The names that have an address.
#[derive(Default)]
pub(super) struct Names {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    places: HashMap<String, u32>,
    /// By place.
    names: Vec<String>,
    /// How many were ever given.
    given: u32,
}

impl Names {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name's address (the name in lower case, without its last dot).
    pub(super) fn address(&self, name: &str) -> Ipv4Addr {
        let mut known = self.lock();
        if let Some(place) = known.places.get(name) {
            return Ipv4Addr::from(FIRST + place);
        }
        let place = known.given % MOST;
        known.given = known.given.wrapping_add(1);
        match known.names.get_mut(place as usize) {
            Some(old) => {
                let old = std::mem::replace(old, name.to_owned());
                known.places.remove(&old);
            }
            None => known.names.push(name.to_owned()),
        }
        known.places.insert(name.to_owned(), place);
        Ipv4Addr::from(FIRST + place)
    }

    /// The name that an address stands for.
    pub(super) fn of(&self, address: IpAddr) -> Option<String> {
        let IpAddr::V4(address) = address.to_canonical() else {
            return None;
        };
        let place = address.to_bits().checked_sub(FIRST)?;
        self.lock().names.get(place as usize).cloned()
    }
}

/// Answers a question, as bytes; none where the bytes are none. `look_up` has a name's address, if there is one.
pub(super) async fn answer<F>(question: &[u8], look_up: impl FnOnce(String) -> F) -> Option<Vec<u8>>
where
    F: Future<Output = Option<Ipv4Addr>>,
{
    let asked = Message::from_vec(question).ok()?;
    if asked.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
    answer.metadata.recursion_desired = asked.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    let query = match (asked.metadata.op_code, asked.queries.as_slice()) {
        (OpCode::Query, [query]) => query,
        _ => {
            answer.metadata.response_code = ResponseCode::NotImp;
            return answer.to_vec().ok();
        }
    };
    answer.add_query(query.clone());
    let name = query.name().to_lowercase().to_ascii();
    let name = name.trim_end_matches('.').to_owned();
    let found = match query.query_class() {
        DNSClass::IN if !name.is_empty() => look_up(name).await,
        _ => None,
    };
    match (found, query.query_type()) {
        (None, _) => answer.metadata.response_code = ResponseCode::NXDomain,
        (Some(address), RecordType::A | RecordType::ANY) => {
            let record = RData::A(A(address));
            answer.add_answer(Record::from_rdata(
                query.name().clone(),
                TIME_TO_LIVE,
                record,
            ));
        }
        // The name is there, but nothing of this kind.
        (Some(_), _) => {}
    }
    answer.to_vec().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;
    use hickory_proto::rr::Name;
    use std::future::ready;
    use std::str::FromStr;

    #[test]
    fn a_name_keeps_its_address_until_too_many_came_after_it() {
        let names = Names::default();
        let first = names.address("a.example");
        assert_eq!(names.address("a.example"), first);
        assert_eq!(names.of(first.into()).as_deref(), Some("a.example"));
        assert_eq!(names.of(IpAddr::from([10, 0, 0, 4])), None);
        assert_eq!(names.of(IpAddr::from([100, 64, 0, 2])), None);
        for number in 0..MOST {
            names.address(&format!("{number}.example"));
        }
        assert_eq!(names.lock().names.len(), MOST as usize);
        assert_eq!(names.lock().places.len(), MOST as usize);
        assert_ne!(names.of(first.into()).as_deref(), Some("a.example"));
        let again = names.address("a.example");
        assert_eq!(names.of(again.into()).as_deref(), Some("a.example"));
    }

    fn ask(kind: RecordType, found: Option<Ipv4Addr>) -> Message {
        let mut question = Message::query();
        let name = Name::from_str("Vault.Example.").expect("a name");
        question.add_query(Query::query(name, kind));
        let bytes = question.to_vec().expect("a message");
        let mut answering = Box::pin(answer(&bytes, |name| {
            assert_eq!(name, "vault.example");
            ready(found)
        }));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(Some(answer)) = answering.as_mut().poll(&mut cx) else {
            panic!("no answer");
        };
        let answer = Message::from_vec(&answer).expect("an answer");
        assert_eq!(answer.metadata.id, question.metadata.id);
        answer
    }

    #[test]
    fn a_name_that_is_there_has_an_address_of_one_kind_only() {
        let address = Ipv4Addr::new(100, 64, 0, 7);
        let answer = ask(RecordType::A, Some(address));
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        let data: Vec<_> = answer
            .answers
            .iter()
            .map(|record| record.data.clone())
            .collect();
        assert_eq!(data, [RData::A(A(address))]);
        let answer = ask(RecordType::AAAA, Some(address));
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert!(answer.answers.is_empty());
        let answer = ask(RecordType::A, None);
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        let mut answering = Box::pin(answer(b"\0\x01nonsense", |_| ready(None)));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let polled = answering.as_mut().poll(&mut cx);
        assert!(matches!(polled, std::task::Poll::Ready(None)));
    }
}
