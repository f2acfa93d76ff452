//! Running cases and telling how they went.

use crate::clients::{Clients, Missing};
use end_to_end::Azure;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What a case does. It fails by a panic.
pub(crate) type Story = Box<dyn Fn(&World) -> Result<(), Missing> + Send + Sync>;

/// One case: a story that a client tells, or one comparison.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) run: Story,
    /// Whether it runs after all others, and alone.
    pub(crate) last: bool,
    /// Whether it runs only where it is named: it takes minutes.
    pub(crate) named: bool,
}

impl Case {
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl Fn(&World) -> Result<(), Missing> + Send + Sync + 'static,
    ) -> Self {
        Case {
            name: name.into(),
            run: Box::new(run),
            last: false,
            named: false,
        }
    }

    /// A case that runs only where it is named.
    pub(crate) fn named(
        name: impl Into<String>,
        run: impl Fn(&World) -> Result<(), Missing> + Send + Sync + 'static,
    ) -> Self {
        Case {
            named: true,
            ..Case::new(name, run)
        }
    }

    /// A case that looks at what the others left.
    pub(crate) fn last(
        name: impl Into<String>,
        run: impl Fn(&World) -> Result<(), Missing> + Send + Sync + 'static,
    ) -> Self {
        Case {
            last: true,
            ..Case::new(name, run)
        }
    }
}

/// What cases share.
pub(crate) struct World {
    pub(crate) clients: Arc<Clients>,
    /// The way in which the local Azure answers wrongly, if it does.
    pub(crate) mutation: Option<String>,
    /// CI has every client, or the run fails.
    pub(crate) ci: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        // Built before anything runs, and not by several cases at once.
        end_to_end::binary("az-local");
        World {
            clients: Arc::new(Clients::new()),
            mutation: None,
            ci: std::env::var_os("CI").is_some_and(|ci| !ci.is_empty()),
        }
    }

    /// The same clients, and a local Azure that answers wrongly.
    pub(crate) fn mutated(&self, mutation: &str) -> Self {
        World {
            clients: Arc::clone(&self.clients),
            mutation: Some(mutation.to_owned()),
            ci: self.ci,
        }
    }

    /// What a command line begins with so that it, and all that it started, ends in time. One that a wrong answer
    /// makes wait for ever is soon given up.
    pub(crate) fn bounded(&self) -> String {
        let seconds = if self.mutation.is_some() { 30 } else { 300 };
        format!("timeout --kill-after=2 {seconds}")
    }

    /// A local Azure for one case.
    pub(crate) fn azure(&self) -> Azure {
        self.under_mutation(Azure::apart())
    }

    /// The same as a process of its own, with more arguments for its start.
    pub(crate) fn azure_with(&self, arguments: &[&str]) -> Azure {
        self.under_mutation(Azure::apart_with(arguments))
    }

    /// One that is recorded among the end-to-end tests' logs, if these are kept.
    pub(crate) fn recorded(&self) -> Azure {
        self.under_mutation(Azure::start())
    }

    fn under_mutation(&self, azure: Azure) -> Azure {
        if let Some(mutation) = &self.mutation {
            azure.local().args(["mutate", mutation]).assert().success();
        }
        azure
    }

    /// Runs a script in the instance's environment, with the real `az` on `PATH`. The script ends at its first
    /// failure, which is a failure of the case.
    pub(crate) fn script(&self, azure: &Azure, script: &str) -> Result<String, Missing> {
        let output = self.try_script(azure, script)?;
        assert!(
            output.status.success(),
            "the script ended with {}: {script}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The same, whatever its status.
    pub(crate) fn try_script(&self, azure: &Azure, script: &str) -> Result<Output, Missing> {
        let az = self.clients.az()?;
        let path = format!("{}:{}", az.display(), azure.var("PATH"));
        let mut shell = azure.shell(&format!("{} bash -c \"$SCRIPT\"", self.bounded()));
        shell
            .env("PATH", path)
            .env("SCRIPT", format!("set -euo pipefail\n{script}"));
        quiet(&mut shell, azure.scratch());
        Ok(shell.output().expect("bash runs"))
    }
}

/// What keeps `az` from asking, colouring and looking for news of itself.
fn quiet(command: &mut assert_cmd::Command, home: &Path) {
    command
        .env("HOME", home.join("user"))
        .env("AZURE_CORE_NO_COLOR", "true")
        .env("AZURE_CORE_ONLY_SHOW_ERRORS", "true")
        .env("AZURE_CORE_LOGIN_EXPERIENCE_V2", "off");
}

/// How a case went.
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs one case.
pub(crate) fn attempt(world: &World, case: &Case) -> Outcome {
    PANIC.with_borrow_mut(String::clear);
    match catch_unwind(AssertUnwindSafe(|| (case.run)(world))) {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(missing)) if world.ci => Outcome::Failed(missing.0),
        Ok(Err(missing)) => Outcome::Skipped(missing.0),
        Err(_) => Outcome::Failed(PANIC.with_borrow(String::clone)),
    }
}

/// Panics are told with their case, not when they happen.
pub(crate) fn collect_panics() {
    std::panic::set_hook(Box::new(|info| {
        PANIC.with_borrow_mut(|text| *text = info.to_string());
    }));
}

/// Runs `work` on each of `0..count`, as many at once as there are cores.
pub(crate) fn side_by_side(count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(count) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    work(at);
                }
            });
        }
    });
}

/// Runs all cases; says whether all passed.
pub(crate) fn run(world: &World, cases: &[Case]) -> bool {
    collect_panics();
    let counts = Mutex::new((0, 0, 0));
    let (last, first): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.last);
    let one = |case: &Case| {
        let began = Instant::now();
        let outcome = attempt(world, case);
        let seconds = began.elapsed().as_secs_f32();
        let mut counts = counts
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match outcome {
            Outcome::Passed => {
                counts.0 += 1;
                say!("ok    {} ({seconds:.1} s)", case.name);
            }
            Outcome::Failed(reason) => {
                counts.1 += 1;
                say!(
                    "FAIL  {} ({seconds:.1} s)\n{}",
                    case.name,
                    indented(&reason)
                );
            }
            Outcome::Skipped(reason) => {
                counts.2 += 1;
                say!("skip  {}: {reason}", case.name);
            }
        }
    };
    side_by_side(first.len(), |at| one(first[at]));
    last.into_iter().for_each(one);
    let (passed, failed, skipped) = counts
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let skipped = if skipped > 0 {
        format!(", {skipped} skipped")
    } else {
        String::new()
    };
    say!("{passed} passed, {failed} failed{skipped}");
    failed == 0 && passed > 0
}

pub(crate) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("      {line}\n")).collect()
}
