//! The real clients, installed once below `target/conformance`, each at a pinned version.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The real Azure CLI's version.
pub(crate) const AZ_VERSION: &str = "2.91.0";

/// A client is not there and cannot be installed.
#[derive(Clone, Debug)]
pub(crate) struct Missing(pub(crate) String);

/// Where clients are, and what was found out about them.
pub(crate) struct Clients {
    folder: PathBuf,
    installed: Mutex<Vec<(&'static str, Result<PathBuf, Missing>)>>,
}

impl Clients {
    pub(crate) fn new() -> Self {
        let folder = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| workspace().join("target"), PathBuf::from);
        Clients {
            folder: folder.join("conformance"),
            installed: Mutex::default(),
        }
    }

    /// A folder with `az` in it, and nothing else that a script might find there.
    pub(crate) fn az(&self) -> Result<PathBuf, Missing> {
        self.once("az", |folder| {
            let environment = folder.join(format!("az-{AZ_VERSION}"));
            let bin = environment.join("path");
            if bin.join("az").exists() {
                return Ok(bin);
            }
            python_environment(&environment, &[&format!("azure-cli=={AZ_VERSION}")])?;
            std::fs::create_dir_all(&bin).map_err(|error| error.to_string())?;
            link(&environment.join("bin/az"), &bin.join("az"))?;
            Ok(bin)
        })
    }

    /// A Python for the checker of requests.
    pub(crate) fn checker(&self) -> Result<PathBuf, Missing> {
        self.once("checker", |folder| {
            let environment = folder.join("checker");
            let python = environment.join("bin/python");
            if !environment.join("ready").exists() {
                python_environment(&environment, &["jsonschema==4.26.0", "referencing==0.37.0"])?;
                std::fs::write(environment.join("ready"), "").map_err(|error| error.to_string())?;
            }
            Ok(python)
        })
    }

    /// A Python with the SDKs of `requirements.txt`.
    pub(crate) fn python(&self) -> Result<PathBuf, Missing> {
        self.once("python", |folder| {
            let requirements = sources().join("python/requirements.txt");
            let environment = folder.join(format!("python-{}", fingerprint(&requirements)?));
            let python = environment.join("bin/python");
            if !environment.join("ready").exists() {
                python_environment(&environment, &["-r", &requirements.display().to_string()])?;
                std::fs::write(environment.join("ready"), "").map_err(|error| error.to_string())?;
            }
            Ok(python)
        })
    }

    /// A folder with the JavaScript programs and the packages of `package-lock.json`.
    pub(crate) fn javascript(&self) -> Result<PathBuf, Missing> {
        self.once("js", |folder| {
            let from = sources().join("js");
            let project = folder.join(format!(
                "js-{}",
                fingerprint(&from.join("package-lock.json"))?
            ));
            std::fs::create_dir_all(&project).map_err(|error| error.to_string())?;
            for file in std::fs::read_dir(&from)
                .map_err(|error| error.to_string())?
                .flatten()
            {
                if file.path().is_file() {
                    std::fs::copy(file.path(), project.join(file.file_name()))
                        .map_err(|error| error.to_string())?;
                }
            }
            if !project.join("ready").exists() {
                run(Command::new("npm")
                    .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
                    .current_dir(&project))?;
                std::fs::write(project.join("ready"), "").map_err(|error| error.to_string())?;
            }
            Ok(project)
        })
    }

    /// A Node that reads the proxy's variables by itself, whichever is installed: one of those packages.
    pub(crate) fn node(&self) -> Result<PathBuf, Missing> {
        let node = self.javascript()?.join("node_modules/.bin/node");
        if node.exists() {
            return Ok(node);
        }
        Err(Missing("there is no Node as a package here".to_owned()))
    }

    /// A file with the options that the Java programs are started with: `java @FILE PROGRAM`.
    pub(crate) fn java(&self) -> Result<PathBuf, Missing> {
        self.once("java", |folder| {
            let project = folder.join("java");
            let options = project.join("options");
            let mut source = String::new();
            for file in ["pom.xml", "Machine.java", "Story.java"] {
                let place = match file.strip_suffix(".java") {
                    Some(_) => format!("src/main/java/{file}"),
                    None => file.to_owned(),
                };
                let (from, to) = (sources().join("java").join(&place), project.join(&place));
                let there = to.parent().unwrap_or(&project);
                std::fs::create_dir_all(there).map_err(|error| error.to_string())?;
                std::fs::copy(&from, &to).map_err(|error| error.to_string())?;
                source.push_str(&fingerprint(&from)?);
            }
            let ready = project.join("ready");
            if std::fs::read_to_string(&ready).is_ok_and(|made| made == source) {
                return Ok(options);
            }
            let target = project.join("target");
            let _ = std::fs::remove_dir_all(&target);
            run(Command::new("mvn")
                .args(["--quiet", "--batch-mode"])
                .arg(format!(
                    "-Dmaven.repo.local={}",
                    folder.join("maven").display()
                ))
                .args(["compile", "dependency:copy-dependencies"])
                .current_dir(&project))?;
            // Short programs: what is compiled thoroughly takes longer than it saves.
            let target = target.display();
            let text = format!(
                "-XX:TieredStopAtLevel=1\n-XX:+UseSerialGC\n-cp \"{target}/classes:{target}/lib/*\"\n"
            );
            std::fs::write(&options, text).map_err(|error| error.to_string())?;
            std::fs::write(ready, source).map_err(|error| error.to_string())?;
            Ok(options)
        })
    }

    /// The folder of a Python environment with Ansible, and of its collections.
    pub(crate) fn ansible(&self) -> Result<PathBuf, Missing> {
        self.once("ansible", |folder| {
            let requirements = sources().join("ansible/requirements.txt");
            let environment = folder.join(format!("ansible-{}", fingerprint(&requirements)?));
            let ready = environment.join("ready");
            if ready.exists() {
                return Ok(environment);
            }
            let requirements = requirements.display().to_string();
            python_environment(&environment, &["--no-compile", "-r", &requirements])?;
            add_collection(&environment)?;
            // Each task imports a client of every service, and Ansible lets it keep nothing of what it compiles: compiled once,
            // here, and nothing of all the rest.
            run(Command::new(environment.join("bin/python"))
                .args(["-c", "import ansible_collections.azure.azcollection.plugins.module_utils.azure_rm_common as all; \
                              assert all.HAS_AZURE, all.HAS_AZURE_EXC"])
                .env("PYTHONPATH", environment.join("collections"))
                .env_remove("PYTHONDONTWRITEBYTECODE"))?;
            std::fs::write(ready, "").map_err(|error| error.to_string())?;
            Ok(environment)
        })
    }

    /// The Go program that tells which credential of the SDK's chain is chosen.
    pub(crate) fn go_chain(&self) -> Result<PathBuf, Missing> {
        self.once("go-chain", |folder| {
            let program = folder.join("go-chain");
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            run(Command::new("go")
                .args(["build", "-o"])
                .arg(&program)
                .arg(".")
                .current_dir(sources().join("go")))?;
            Ok(program)
        })
    }

    /// The tutorial's own Go program, made as the tutorial says.
    pub(crate) fn go_tutorial(&self, source: &str) -> Result<PathBuf, Missing> {
        self.once("go-tutorial", |folder| {
            let project = folder.join("go-on-azure");
            std::fs::create_dir_all(&project).map_err(|error| error.to_string())?;
            let file = project.join("main.go");
            if std::fs::read_to_string(&file).is_ok_and(|there| there == source)
                && project.join("go-on-azure").exists()
            {
                return Ok(project.join("go-on-azure"));
            }
            let _ = std::fs::remove_file(project.join("go.mod"));
            std::fs::write(&file, source).map_err(|error| error.to_string())?;
            let go =
                |arguments: &[&str]| run(Command::new("go").args(arguments).current_dir(&project));
            go(&["mod", "init", "go-on-azure"])?;
            go(&["get", "github.com/Azure/azure-sdk-for-go/sdk/azidentity"])?;
            go(&[
                "get",
                "github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets",
            ])?;
            go(&["build", "-o", "go-on-azure", "main.go"])?;
            Ok(project.join("go-on-azure"))
        })
    }

    fn once(
        &self,
        name: &'static str,
        install: impl FnOnce(&Path) -> Result<PathBuf, String>,
    ) -> Result<PathBuf, Missing> {
        // One installs; the others wait for it.
        let mut installed = self
            .installed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = installed.iter().find(|(known, _)| *known == name) {
            return found.clone();
        }
        let found = install(&self.folder)
            .map_err(|reason| Missing(format!("{name} cannot be installed: {reason}")));
        installed.push((name, found.clone()));
        found
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

fn python_environment(folder: &Path, packages: &[&str]) -> Result<(), String> {
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(folder))?;
    run(Command::new(folder.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(packages))
}

/// The package with the collection that `ansible-galaxy` installs, and with a hundred others.
const COLLECTIONS: &str = "ansible==12.3.0";

/// Adds the collection `azure.azcollection` to a Python environment, and nothing else of its package.
fn add_collection(environment: &Path) -> Result<(), String> {
    let package = environment.join("package");
    run(Command::new(environment.join("bin/pip"))
        .args(["download", "--quiet", "--disable-pip-version-check"])
        .args(["--no-deps", COLLECTIONS, "--dest"])
        .arg(&package))?;
    let unpack = "import glob, sys, zipfile\n\
                  with zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0]) as wheel:\n\
                  \x20   wheel.extractall(sys.argv[2], [name for name in wheel.namelist()\n\
                  \x20       if name.startswith('ansible_collections/azure/azcollection/')])\n";
    run(Command::new(environment.join("bin/python"))
        .args(["-c", unpack])
        .arg(&package)
        .arg(environment.join("collections")))?;
    std::fs::remove_dir_all(&package).map_err(|error| error.to_string())
}

fn link(from: &Path, to: &Path) -> Result<(), String> {
    std::os::unix::fs::symlink(from, to).map_err(|error| error.to_string())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{command:?}: {}",
        text.lines().rev().take(5).collect::<Vec<_>>().join(" | ")
    ))
}

/// Something that changes with a file's content.
fn fingerprint(file: &Path) -> Result<String, String> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let content = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}
