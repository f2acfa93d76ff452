//! The workspace is a house: a module imports only from the storeys below its own, and no files import each other in a
//! circle. This reads the sources as text, `use` lines and paths in expressions alike; `docs/architecture.md` has the
//! plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The storeys of az-local, from the top. Modules on one line do not import each other.
const AZ_LOCAL: &[&[&str]] = &[
    // `fuzzing` is there for the fuzzers only, and reaches into all.
    &["lib", "local_azure", "fuzzing"],
    &["server"],
    &["proxy", "control"],
    &["hosting"],
    &["dispatch"],
    &["machines"],
    &[
        "arm",
        "graph",
        "keyvault",
        "imds",
        "managed_identity",
        "kubernetes",
    ],
    &["instance"],
    &["entra", "rbac"],
    &["request"],
    &["state"],
    &["ground"],
];

/// The modules of one crate: their paths, as `arm::compute::disks`, and their sources.
#[derive(Default)]
struct Crate {
    sources: BTreeMap<String, String>,
}

/// One module that needs another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    from: String,
    to: String,
    /// What stands in the source.
    path: String,
}

impl Crate {
    /// Reads the modules below a folder that begin at `root` (`lib.rs` or `main.rs`), without tests.
    fn read(folder: &Path, root: &str) -> Self {
        let mut found = Crate::default();
        found.collect(folder, folder, root);
        found
    }

    fn collect(&mut self, top: &Path, folder: &Path, root: &str) {
        let entries = fs::read_dir(folder).expect("a folder of sources");
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                if !path.ends_with("bin") {
                    self.collect(top, &path, root);
                }
                continue;
            }
            let Some(module) = module_of(top, &path, root) else {
                continue;
            };
            let source = fs::read_to_string(&path).expect("a source");
            self.sources.insert(module, source);
        }
    }

    fn imports(&self) -> Vec<Import> {
        let mut all = BTreeMap::new();
        for (module, source) in &self.sources {
            for path in paths(source) {
                if let Some(to) = self.resolve(module, &path)
                    && to != *module
                {
                    all.entry((module.clone(), to)).or_insert(path);
                }
            }
        }
        all.into_iter()
            .map(|((from, to), path)| Import { from, to, path })
            .collect()
    }

    /// The module that a path in `module` leads to: the longest beginning of it that is one.
    fn resolve(&self, module: &str, path: &str) -> Option<String> {
        let mut words = path.split("::").peekable();
        let mut at: Vec<&str> = module.split("::").filter(|word| !word.is_empty()).collect();
        match *words.peek()? {
            "crate" => {
                at.clear();
                words.next();
            }
            "self" => {
                words.next();
            }
            "super" => {
                while words.next_if_eq(&"super").is_some() {
                    at.pop();
                }
            }
            child => {
                let child = [at.join("::"), child.to_owned()];
                let child = child.join("::").trim_start_matches(':').to_owned();
                if !self.sources.contains_key(&child) {
                    return None;
                }
            }
        }
        for word in words {
            at.push(word);
            if !self.sources.contains_key(&at.join("::")) {
                at.pop();
                break;
            }
        }
        Some(at.join("::"))
    }
}

/// The name of the module in a file; the root's is empty. None for what only tests see.
fn module_of(top: &Path, file: &Path, root: &str) -> Option<String> {
    let inner = file.strip_prefix(top).ok()?.with_extension("");
    let mut words: Vec<String> = inner
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let is_test = |word: &String| word == "tests" || word == "testing" || word.ends_with("_tests");
    if file.extension()? != "rs" || words.iter().any(is_test) {
        return None;
    }
    if words.last().is_some_and(|last| last == "mod") || words == [root.trim_end_matches(".rs")] {
        words.pop();
    }
    Some(words.join("::"))
}

/// Every path of a source: those of `use` lines with their braces opened, and those in expressions and types.
fn paths(source: &str) -> Vec<String> {
    let code = without_tests_and_comments(source);
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let Some(tree) = use_tree(line) else {
            // `pub(in crate::arm)` says who may see a thing, and imports nothing.
            rest.push_str(line.trim_start().trim_start_matches("pub(in crate::"));
            rest.push('\n');
            continue;
        };
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            let Some(more) = lines.next() else { break };
            tree.push_str(more.trim());
        }
        open_braces("", tree.trim_end_matches(';'), &mut found);
    }
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    found.extend(
        rest.split(|letter: char| !is_part(letter))
            .filter_map(|word| Some(word.trim_matches(':')).filter(|word| word.contains("::")))
            .map(str::to_owned),
    );
    found
}

/// What follows `use`, with or without a visibility before it.
fn use_tree(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1,
        Some(rest) => rest,
        None => line,
    };
    line.trim_start().strip_prefix("use ")
}

/// Opens `a::{b, c::{d, e}}` into `a::b`, `a::c::d`, `a::c::e`.
fn open_braces(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default().trim();
        found.push(format!("{prefix}{name}"));
        return;
    };
    let inner = inner.strip_suffix('}').expect("a closing brace");
    let mut depth = 0;
    let mut from = 0;
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                open_braces(&format!("{prefix}{head}"), &inner[from..at], found);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !inner[from..].trim().is_empty() {
        open_braces(&format!("{prefix}{head}"), &inner[from..], found);
    }
}

/// The code itself. Tests inside a module stand at its end.
fn without_tests_and_comments(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod tests {").next();
    code.unwrap_or_default()
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The imports that go up, or across, between the storeys.
fn forbidden(imports: &[Import], storeys: &[&[&str]]) -> Vec<String> {
    let storey = |module: &str| {
        let top = module.split("::").next().unwrap_or_default();
        let top = if top.is_empty() { "lib" } else { top };
        let at = storeys.iter().position(|rooms| rooms.contains(&top));
        (
            at.unwrap_or_else(|| panic!("no storey has the module '{top}'")),
            top.to_owned(),
        )
    };
    imports
        .iter()
        .filter_map(|import| {
            let ((from, room), (to, other)) = (storey(&import.from), storey(&import.to));
            let allowed = room == other || from < to || (from == 0 && to == 0);
            (!allowed).then(|| format!("{} imports {}", import.from, import.path))
        })
        .collect()
}

/// The circles: groups of modules each of which leads to each other one.
fn circles(imports: &[Import]) -> Vec<String> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        next.entry(&import.from).or_default().insert(&import.to);
    }
    let reach = |from: &str| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            for to in next.get(at).into_iter().flatten() {
                if seen.insert(to) {
                    open.push(to);
                }
            }
        }
        seen.into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let reached: BTreeMap<&str, BTreeSet<String>> =
        next.keys().map(|from| (*from, reach(from))).collect();
    let meet = |a: &str, b: &str| {
        let goes = |a: &str, b: &str| reached.get(a).is_some_and(|all| all.contains(b));
        goes(a, b) && goes(b, a)
    };
    imports
        .iter()
        .filter(|import| meet(&import.from, &import.to))
        .map(|import| {
            format!(
                "{} imports {} ({})",
                import.from,
                or_root(&import.to),
                import.path
            )
        })
        .collect()
}

fn or_root(module: &str) -> &str {
    if module.is_empty() {
        "the root"
    } else {
        module
    }
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

/// Every crate of the workspace, and the programs beside a library.
fn all_crates() -> Vec<(String, Crate)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(crates()).expect("the crates") {
        let folder = entry.expect("a crate").path();
        let name = folder
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let source = folder.join("src");
        let root = if source.join("lib.rs").exists() {
            "lib.rs"
        } else {
            "main.rs"
        };
        all.push((name.clone(), Crate::read(&source, root)));
        let programs = source.join("bin");
        for program in fs::read_dir(programs).into_iter().flatten().flatten() {
            let name = format!("{name}'s {}", program.file_name().to_string_lossy());
            all.push((name, Crate::read(&program.path(), "main.rs")));
        }
    }
    assert!(all.len() >= 8, "the workspace's crates are found");
    all
}

#[test]
fn az_local_imports_downwards_only() {
    let house = Crate::read(&crates().join("az-local/src"), "lib.rs");
    let imports = house.imports();
    assert!(imports.len() > 200, "the imports are found");
    let wrong = forbidden(&imports, AZ_LOCAL);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    for (name, house) in all_crates() {
        let found = circles(&house.imports());
        wrong.extend(found.into_iter().map(|circle| format!("{name}: {circle}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A small house, to see that the rule is held.
fn small(modules: &[(&str, &str)]) -> Vec<Import> {
    let house = Crate {
        sources: modules
            .iter()
            .map(|(name, source)| ((*name).to_owned(), (*source).to_owned()))
            .collect(),
    };
    house.imports()
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    let ways = [
        "use crate::proxy::Client;",
        "pub(crate) use crate::{ground::wire, proxy::{Client, other}};",
        "use super::proxy;",
        "fn f() { crate::proxy::run(); }",
        "struct S(super::proxy::Client);",
    ];
    for way in ways {
        let imports = small(&[
            ("", ""),
            ("proxy", ""),
            ("ground", ""),
            ("ground::wire", ""),
            ("state", way),
        ]);
        let wrong = forbidden(&imports, AZ_LOCAL);
        assert_eq!(wrong.len(), 1, "{way}: {wrong:?}");
        assert!(wrong[0].starts_with("state imports "), "{wrong:?}");
    }
    for right in [
        "use crate::ground::wire;",
        "// use crate::proxy::Client;",
        "#[cfg(test)]\nmod tests {\n    use crate::proxy::Client;\n}",
        "use other::proxy::Client;",
    ] {
        let imports = small(&[
            ("", ""),
            ("proxy", ""),
            ("ground", ""),
            ("ground::wire", ""),
            ("state", right),
        ]);
        assert_eq!(forbidden(&imports, AZ_LOCAL), [""; 0], "{right}");
    }
    let beside = small(&[("arm", "use crate::keyvault::Act;"), ("keyvault", "")]);
    assert_eq!(forbidden(&beside, AZ_LOCAL).len(), 1);
}

#[test]
fn a_circle_is_found_however_long_it_is() {
    let imports = small(&[
        ("a", "use crate::b::B;"),
        ("b", "use super::c::C;"),
        ("c", "mod d;\nfn f() { d::g() }"),
        ("c::d", "use crate::a::A;"),
        ("e", "use crate::a::A;"),
    ]);
    let found = circles(&imports);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(!found.iter().any(|line| line.starts_with('e')), "{found:?}");
    assert_eq!(
        circles(&small(&[("a", "use crate::b::B;"), ("b", "")])),
        [""; 0]
    );
}
