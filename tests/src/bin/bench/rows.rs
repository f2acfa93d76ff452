//! The requests whose cost is measured at every size.

use crate::Result;
use crate::base::{
    Base, FORBIDDEN, GROUP, MANY, PAGE, SMALL, VAULT, WRITTEN, group, located, value,
};
use crate::client::Call;
use crate::desk::{Desk, expect};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the way to the middle of a list may take.
const WAY: Duration = Duration::from_secs(10);

/// One kind of request.
pub(crate) struct Row {
    pub(crate) name: String,
    /// The status that answers it.
    pub(crate) status: u16,
    /// Makes the request with a number; none where an instance has no such page.
    pub(crate) make: Option<Maker>,
    /// Whether each request has a connection of its own.
    pub(crate) dials: bool,
}

type Maker = Box<dyn Fn(usize) -> Call>;

impl Row {
    fn new(name: &str, status: u16, make: impl Fn(usize) -> Call + 'static) -> Self {
        Row {
            name: name.to_owned(),
            status,
            make: Some(Box::new(make)),
            dials: false,
        }
    }

    fn same(name: &str, status: u16, call: Call) -> Self {
        Row::new(name, status, move |_| call.clone())
    }
}

/// All of them, for one instance, and what is to be said about them.
pub(crate) async fn all(base: &Base, population: usize) -> Result<(Vec<Row>, Vec<String>)> {
    let mut rows = single(&base.desk);
    let mut notes = Vec::new();
    for (name, first) in lists(&base.desk) {
        let middle = middle(&base.desk, &first, (population + crate::base::EACH) / 2).await?;
        if middle.full < PAGE {
            notes.push(format!(
                "{name}: the first page has {} entries",
                middle.full
            ));
        }
        if let Some(page) = middle.short {
            notes.push(format!(
                "{name}: the middle one is page {page} only, for {} s were over",
                WAY.as_secs()
            ));
        }
        rows.push(Row::same(&format!("{name}, first page"), 200, first));
        let mut row = Row::new(&format!("{name}, middle page"), 200, |_| unreachable!());
        row.make = middle
            .call
            .map(|call| Box::new(move |_| call.clone()) as Maker);
        rows.push(row);
    }
    let filter = format!(
        "&$filter=atScope()%20and%20principalId%20eq%20'{}'",
        base.reader
    );
    let scope = base.desk.group_id(GROUP);
    rows.push(Row::same(
        "role assignments of a scope and a principal",
        200,
        base.desk.assignments(&scope, &filter),
    ));
    Ok((rows, notes))
}

fn single(desk: &Arc<Desk>) -> Vec<Row> {
    let get = |name: &str| desk.secret("GET", VAULT, &format!("/{name}"), None);
    let refused = desk.secret("GET", FORBIDDEN, &format!("/{SMALL}"), None);
    let with = || Arc::clone(desk);
    let (again, many, fresh, tagged) = (with(), with(), with(), with());
    let set = |desk: &Desk, name: &str, number| {
        desk.secret("PUT", VAULT, &format!("/{name}"), Some(&value(number)))
    };
    let connection = Row {
        dials: true,
        ..Row::same("secret GET, on a new connection", 200, get(SMALL))
    };
    vec![
        Row::same("secret GET", 200, get(SMALL)),
        Row::same("secret GET, of many versions", 200, get(MANY)),
        connection,
        Row::new("secret SET, new version", 200, move |number| {
            set(&again, WRITTEN, number)
        }),
        Row::new("secret SET, new version beside many", 200, move |number| {
            set(&many, MANY, number)
        }),
        Row::new("secret SET, fresh name", 200, move |number| {
            set(&fresh, &format!("fresh-{number}"), number)
        }),
        Row::same("role check, allowed", 404, get("not-there")),
        Row::same("role check, refused", 403, refused),
        Row::same("group GET", 200, desk.group("GET", GROUP, None)),
        Row::same(
            "resource GET",
            200,
            desk.identity("GET", GROUP, &group(1), None),
        ),
        Row::new("resource PUT, a tag", 200, move |number| {
            tagged.identity("PUT", GROUP, &group(2), Some(&located(number)))
        }),
        Row::same("token", 200, desk.vault_token()),
    ]
}

/// The first pages of the lists.
fn lists(desk: &Desk) -> Vec<(&'static str, Call)> {
    let page = format!("maxresults={PAGE}");
    let top = format!("&$top={PAGE}");
    vec![
        (
            "secrets",
            desk.secret("GET", VAULT, &format!("?{page}"), None),
        ),
        (
            "versions",
            desk.secret("GET", VAULT, &format!("/{MANY}/versions?{page}"), None),
        ),
        (
            "resources of a group",
            desk.resources(&desk.group_id(GROUP), &top),
        ),
        (
            "resources of the subscription",
            desk.resources(&desk.subscription(), &top),
        ),
        ("identities of the subscription", desk.identities(&top)),
        ("groups", desk.groups(&top)),
    ]
}

/// A page in the middle of a list.
struct Middle {
    call: Option<Call>,
    /// How many entries the first page has.
    full: usize,
    /// The page's number, where the time did not suffice for the middle.
    short: Option<usize>,
}

/// Follows a list's links until half of what may be in it has gone by.
async fn middle(desk: &Desk, first: &Call, half: usize) -> Result<Middle> {
    let began = Instant::now();
    let mut client = desk.client();
    let mut answer = expect(&mut client, first).await?;
    let entries = |answer: &serde_json::Value| answer["value"].as_array().map_or(0, Vec::len);
    let mut found = Middle {
        call: None,
        full: entries(&answer),
        short: None,
    };
    let (mut seen, mut page) = (found.full, 1);
    while let Some(link) = answer["nextLink"].as_str().filter(|link| !link.is_empty()) {
        let call = desk.follow(link)?;
        let late = began.elapsed() > WAY;
        if seen >= half || late {
            found.call = Some(call);
            found.short = late.then_some(page + 1);
            break;
        }
        answer = expect(&mut client, &call).await?;
        if entries(&answer) == PAGE {
            found.call = Some(call);
        }
        (seen, page) = (seen + entries(&answer), page + 1);
    }
    Ok(found)
}
