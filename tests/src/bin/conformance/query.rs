//! `--query` and what is printed of its result, beside jmespath.py and knack: the libraries by which the real `az`
//! selects and prints, run from its own installation.

use crate::clients::Missing;
use crate::suite::{Case, World};
use az_jmespath::{Expression, Value};
use end_to_end::GROUP;
use serde_json::json;
use std::io::Write as _;
use std::process::{Command, Stdio};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("query/generated", generated),
        Case::new("query/printed", printed),
    ]
}

/// How many expressions are made up.
const EXPRESSIONS: usize = 50_000;

/// Answers each line `[expression, document]` with `ok JSON` or `error NAME`.
const SEARCH: &str = r#"
import collections, json, sys, warnings
import jmespath
warnings.simplefilter("ignore")
for line in sys.stdin:
    expression, document = json.loads(line)
    try:
        found = jmespath.search(expression, document, jmespath.Options(collections.OrderedDict))
        print("ok", json.dumps(found, separators=(",", ":")))
    except Exception as error:
        print("error", type(error).__name__)
"#;

/// Answers each line `[query, format, document]` with what `az` prints, as one JSON string.
const PRINT: &str = r#"
import collections, json, sys, warnings
import jmespath
from knack.output import format_json, format_table, format_tsv, format_yaml
from knack.util import CommandResultItem
warnings.simplefilter("ignore")
formats = {"json": format_json, "table": format_table, "tsv": format_tsv, "yaml": format_yaml}
for line in sys.stdin:
    query, format, document = json.loads(line)
    try:
        found = jmespath.compile(query).search(document, jmespath.Options(collections.OrderedDict))
        # az prints nothing of a null (azure.cli.core.AzCli.invoke by way of knack's CLI.invoke).
        item = CommandResultItem(found, is_query_active=True)
        print(json.dumps("" if found is None else formats[format](item)))
    except Exception as error:
        print(json.dumps("error"))
"#;

/// What a program in `az`'s Python answers to these lines, a line each.
fn ask(world: &World, program: &str, lines: &[String]) -> Result<Vec<String>, Missing> {
    let python = world.clients.az()?.with_file_name("bin").join("python");
    let mut child = Command::new(python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut input = child.stdin.take().expect("its input");
    let text = lines.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("python ends");
    writer
        .join()
        .expect("a thread")
        .expect("python reads its input");
    let answers = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<String> = answers.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "an answer to each line");
    Ok(answers)
}

fn generated(world: &World) -> Result<(), Missing> {
    let mut made = Made::new(20_261_127);
    let pairs: Vec<(String, serde_json::Value)> = (0..EXPRESSIONS)
        .map(|_| (made.expression(4), made.document(4)))
        .collect();
    let lines: Vec<String> = pairs
        .iter()
        .map(|(expression, document)| json!([expression, document]).to_string())
        .collect();
    let theirs = ask(world, SEARCH, &lines)?;
    let (mut values, mut stricter) = (0, 0);
    let mut different = Vec::new();
    for ((expression, document), theirs) in pairs.iter().zip(&theirs) {
        let document = Value::from(document);
        let ours = match Expression::parse(expression) {
            Err(error) => Err((true, error.to_string())),
            Ok(parsed) => parsed
                .search(&document)
                .map_err(|error| (false, error.to_string())),
        };
        match (&ours, theirs.strip_prefix("ok ")) {
            (Ok(ours), Some(theirs)) if ours.to_string() == theirs => {
                values += usize::from(theirs != "null");
            }
            (Err(_), None) => {}
            (Err((early, reason)), Some(_)) if refused_on_purpose(*early, reason) => stricter += 1,
            _ => different.push(format!(
                "{expression}\n  of     {document}\n  ours   {ours:?}\n  theirs {theirs}"
            )),
        }
    }
    say!(
        "      {EXPRESSIONS} expressions, {values} of them with a value: {} differences; {stricter} refused on purpose",
        different.len()
    );
    different.truncate(20);
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(values > EXPRESSIONS / 10, "only {values} select something");
    Ok(())
}

/// What ours refuses where jmespath.py goes on, as the crate's documentation says: a function that is not there or has
/// too few or too many arguments, found when the expression is read and not when it comes to call it; and an expression
/// reference where no function takes it.
fn refused_on_purpose(early: bool, reason: &str) -> bool {
    let function = ["there is no function", "argument"];
    early && function.iter().any(|word| reason.contains(word))
        || reason.contains("an expression reference")
}

/// Queries as people write them, over a list of machines.
const QUERIES: &[&str] = &[
    "[].{VM:name,IP:publicIps}",
    "[].{VM:name,IP:publicIps} | [?VM=='k1']",
    "[].{VM:name,IP:publicIps} | [0]",
    "[].{VM:name,IP:publicIps}[0]",
    "[].{Name:name}[?Name=='k1']",
    "[].{Name:name}[0].Name",
    "[].{Name:name}[?Name=='k1'].Name | [0]",
    "sort_by([].{b:name,a:location}, &b)",
    "reverse([].{b:name,a:location})",
    "max_by([].{b:name,a:location}, &b)",
    "min_by(@, &name).{z:name,a:location}",
    "map(&{z:name,a:location}, @)",
    "[?name==`k1`].name",
    "[?name==`\"k1\"`].name",
    "[?name=='k1' || name=='k2'].[name,location]",
    "[?name=='k1'&&location=='eastus'].{n:name,l:location}",
    "[?starts_with(name,'k')].name",
    "[?contains(name, '2')].{n:name}",
    "[?!tags].name",
    "[?tags.env].{n:name,env:tags.env}",
    "[?tags.env=='prod'] | length(@)",
    "length(@)",
    "length([?name>'k1'])",
    "[?name>'k1'].name",
    "[?timeCreated<'2999-01-01'].name",
    "[?timeCreated>='2999-01-01'].name",
    "sum([].storageProfile.osDisk.diskSizeGb)",
    "sum([`1`,`2`,`3`])",
    "floor(`6.0`)",
    "ceil(`5.1`)",
    "abs(`-6`)",
    "avg([`1`,`2`])",
    "to_number('6')",
    "to_string([0].tags)",
    "to_string(`[1, 2.0, \"é\"]`)",
    "join(',', [].name)",
    "join(', ', sort([].name))",
    "keys([0].tags)",
    "values([0].tags)",
    "merge([0].tags, {zz: 'last', aa: 'then'})",
    "merge({zz: 'last'}, {aa: 'then'})",
    "[0].tags",
    "[].tags",
    "[*].[name, tags]",
    "[].[name, tags, zones, licenseType]",
    "[0].{name:name, disk:storageProfile.osDisk.osType, nics:networkProfile.networkInterfaces}",
    "[0].[name, location]",
    "[-1].name",
    "[:1].name",
    "[::-1].name",
    "[0]",
    "[].networkProfile.networkInterfaces[].id",
    "[].networkProfile.networkInterfaces[*].primary",
    "[*].osProfile.linuxConfiguration.disablePasswordAuthentication",
    "[].osProfile.linuxConfiguration.disablePasswordAuthentication | [0]",
    "[0].osProfile.linuxConfiguration.disablePasswordAuthentication",
    "[].none",
    "none",
    "[0].none",
    "[?none].name",
    "not_null([0].none, [0].name)",
    "[].{a:name,b:none}",
    "type(@)",
    "[].name | [1]",
    "@[1].name",
    "[0].*.osDisk.osType",
    "*",
    "[0].{n:name,both:[name,location],inner:{y:name,x:location}}",
    "[].{n:name,both:[name,location],inner:{y:name,x:location}}",
    "[0].\"name\"",
    "{count: length(@), names: [].name}",
];

fn printed(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group();
    azure
        .shell(&format!(
            "set -eu
             make() {{ echo Correct-Horse-1 | az-provision vm create -g {GROUP} --admin-username azureuser --admin-password-file - -o none \"$@\"; }}
             make -n k2 --tags team=a env=prod
             make -n k1"
        ))
        .assert()
        .success();
    let list = format!("az-provision vm list -d -g {GROUP}");
    let document = azure.json(&list);
    let mut asked = Vec::new();
    for query in QUERIES {
        for format in ["json", "tsv", "table", "yaml"] {
            asked.push((*query, format));
        }
    }
    let lines: Vec<String> = asked
        .iter()
        .map(|(query, format)| json!([query, format, document]).to_string())
        .collect();
    let theirs = ask(world, PRINT, &lines)?;
    let mut different = Vec::new();
    for ((query, format), theirs) in asked.iter().zip(&theirs) {
        let theirs: String = serde_json::from_str(theirs).expect("a JSON string");
        let output = azure
            .shell(&format!("{list} --query \"$QUERY\" -o {format}"))
            .env("QUERY", query)
            .output()
            .expect("bash runs");
        let ours = String::from_utf8_lossy(&output.stdout).into_owned();
        let same = match theirs.as_str() {
            // az has no table for what has no simple member; ours prints an empty one.
            "error" if *format == "table" => ours.trim().is_empty(),
            "error" => !output.status.success(),
            // PyYAML and our writer quote and indent alike in meaning, not in every letter.
            _ if *format == "yaml" => ours.is_empty() == theirs.is_empty(),
            _ => ours == theirs,
        };
        if !same {
            let error = String::from_utf8_lossy(&output.stderr);
            different.push(format!(
                "--query \"{query}\" -o {format}\n--- az:\n{theirs}--- ours:\n{ours}{error}"
            ));
        }
    }
    say!(
        "      {} queries in {} forms: {} differences",
        QUERIES.len(),
        4,
        different.len()
    );
    assert!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}

/// Expressions and documents, made up from a seed.
struct Made {
    state: u64,
}

const NAMES: &[&str] = &["a", "b", "name", "tags", "id", "\"x y\""];
const KEYS: &[&str] = &["a", "b", "name", "tags", "id", "x y"];
const STRINGS: &[&str] = &["", "a", "b", "prod", "2026-12-26", "10", "é"];

impl Made {
    fn new(seed: u64) -> Self {
        Made { state: seed }
    }

    /// A number below `limit` (xorshift64*).
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let mixed = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(mixed).unwrap_or_default() % limit
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn document(&mut self, depth: usize) -> serde_json::Value {
        let kinds = if depth == 0 { 6 } else { 12 };
        match self.below(kinds) {
            0 => serde_json::Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(3)),
            3 => json!(self.below(20) as f64 / 4.0 - 2.0),
            4 | 5 => json!(self.one_of(STRINGS)),
            6..=8 => {
                let alike = self.below(2) == 0;
                let mut items: Vec<serde_json::Value> = Vec::new();
                for index in 0..self.below(5) {
                    let item = match (alike, items.first()) {
                        (true, Some(serde_json::Value::Number(_))) => json!(self.below(9)),
                        (true, Some(serde_json::Value::String(_))) => json!(self.one_of(STRINGS)),
                        _ => self.document(depth - 1),
                    };
                    items.push(if index > 9 { json!(null) } else { item });
                }
                items.into()
            }
            _ => {
                let mut members = serde_json::Map::new();
                for _ in 0..self.below(5) {
                    let name = self.one_of(KEYS);
                    members.insert(name.to_owned(), self.document(depth - 1));
                }
                members.into()
            }
        }
    }

    fn literal(&mut self) -> String {
        match self.below(8) {
            0 => format!("'{}'", self.one_of(STRINGS)),
            1 => format!("`{}`", self.one_of(STRINGS)),
            2 => format!("`\"{}\"`", self.one_of(STRINGS)),
            3 => format!("`{}`", self.below(4)),
            4 => format!("`{}`", self.below(9) as f64 / 2.0),
            5 => self
                .one_of(&["`true`", "`false`", "`null`", "`[]`", "`{}`"])
                .to_owned(),
            6 => format!("`{}`", self.document(2).to_string().replace('`', "")),
            _ => self
                .one_of(&["'it\\'s'", "`a b`", "' '", "`-1`"])
                .to_owned(),
        }
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.below(6) {
                0 => "@".to_owned(),
                1 => self.literal(),
                _ => self.one_of(NAMES).to_owned(),
            };
        }
        let next = depth - 1;
        match self.below(26) {
            0..=2 => self.one_of(NAMES).to_owned(),
            3 => self.literal(),
            4..=6 => format!("{}.{}", self.expression(next), self.member(next)),
            7 => format!("{}[{}]", self.expression(next), self.number()),
            8 => {
                let (start, stop) = (self.bound(), self.bound());
                let step = self.one_of(&["", ":", ":1", ":2", ":-1"]);
                format!(
                    "{}[{start}:{stop}{step}]{}",
                    self.expression(next),
                    self.tail(next)
                )
            }
            9..=11 => format!("{}[]{}", self.expression(next), self.tail(next)),
            12 => format!("{}[*]{}", self.expression(next), self.tail(next)),
            13 => format!("{}.*{}", self.expression(next), self.tail(next)),
            14 | 15 => format!(
                "{}[?{}]{}",
                self.expression(next),
                self.expression(next),
                self.tail(next)
            ),
            16 => format!("{} | {}", self.expression(next), self.expression(next)),
            17 => format!("{} || {}", self.expression(next), self.expression(next)),
            18 => format!("{} && {}", self.expression(next), self.expression(next)),
            19 => format!("!{}", self.expression(next)),
            20 => format!("({})", self.expression(next)),
            21 => {
                let sign = self.one_of(&["==", "!=", "<", "<=", ">", ">="]);
                format!("{} {sign} {}", self.expression(next), self.expression(next))
            }
            22 => self.selection(next),
            23 if self.below(8) == 0 => self
                .one_of(&[
                    "[", "a.", "a..b", "a[", "foo(@)", "length()", "a =", "-", "a b", "{a}", "&a",
                ])
                .to_owned(),
            _ => self.call(next),
        }
    }

    fn member(&mut self, depth: usize) -> String {
        match self.below(4) {
            0 => self.selection(depth),
            1 => self.call(depth),
            _ => self.one_of(NAMES).to_owned(),
        }
    }

    /// A multi-select list or hash.
    fn selection(&mut self, depth: usize) -> String {
        let count = 1 + self.below(3);
        let hash = self.below(2) == 0;
        let mut parts = Vec::new();
        for _ in 0..count {
            let value = self.expression(depth);
            parts.push(if hash {
                format!("{}: {value}", self.one_of(NAMES))
            } else {
                value
            });
        }
        let parts = parts.join(", ");
        if hash {
            format!("{{{parts}}}")
        } else {
            format!("[{parts}]")
        }
    }

    /// What follows a projection.
    fn tail(&mut self, depth: usize) -> String {
        match self.below(8) {
            0..=2 => String::new(),
            3 | 4 => format!(".{}", self.member(depth)),
            5 => format!("[{}]", self.number()),
            6 => format!("[?{}]", self.expression(depth)),
            _ => "[]".to_owned(),
        }
    }

    fn number(&mut self) -> String {
        self.one_of(&["0", "1", "-1", "2", "-3", "99", "99999999999999999999"])
            .to_owned()
    }

    fn bound(&mut self) -> String {
        match self.below(3) {
            0 => String::new(),
            _ => self.number(),
        }
    }

    fn call(&mut self, depth: usize) -> String {
        let one = [
            "abs",
            "avg",
            "ceil",
            "floor",
            "keys",
            "length",
            "max",
            "min",
            "not_null",
            "reverse",
            "sort",
            "sum",
            "to_array",
            "to_number",
            "to_string",
            "type",
            "values",
            "merge",
        ];
        let two = [
            "contains",
            "ends_with",
            "starts_with",
            "join",
            "merge",
            "not_null",
        ];
        match self.below(8) {
            0..=4 => format!("{}({})", self.one_of(&one), self.expression(depth)),
            5 => {
                let name = self.one_of(&two);
                format!(
                    "{name}({}, {})",
                    self.expression(depth),
                    self.expression(depth)
                )
            }
            6 => {
                let name = self.one_of(&["sort_by", "max_by", "min_by"]);
                format!(
                    "{name}({}, &{})",
                    self.expression(depth),
                    self.expression(depth)
                )
            }
            _ => format!(
                "map(&{}, {})",
                self.expression(depth),
                self.expression(depth)
            ),
        }
    }
}
