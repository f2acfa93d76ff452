//! A snapshot of the environment variables, taken in `main` and handed down: nothing below reads the environment.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// The environment variables at one moment.
#[derive(Clone, Default)]
pub struct Env(Vec<(OsString, OsString)>);

impl Env {
    /// The variables of this process.
    pub fn from_process() -> Self {
        Env(std::env::vars_os().collect())
    }

    /// These variables and no others; for tests.
    pub fn from_pairs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Env(pairs
            .into_iter()
            .map(|(key, value)| (key.as_ref().to_owned(), value.as_ref().to_owned()))
            .collect())
    }

    /// A variable's value. An empty one counts as not set, and so does one that is not Unicode.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_os(name)?.to_str()
    }

    /// A variable's value as the system gave it. An empty one counts as not set.
    pub fn get_os(&self, name: &str) -> Option<&OsStr> {
        let found = self.0.iter().find(|(key, _)| is_named(key, name));
        found
            .map(|(_, value)| value.as_os_str())
            .filter(|value| !value.is_empty())
    }

    /// The same without one variable: what holds a secret is no business of a process that is started.
    pub fn without(&self, name: &str) -> Self {
        let others = self.0.iter().filter(|(key, _)| !is_named(key, name));
        Env(others.cloned().collect())
    }

    /// All variables, for a process that is started.
    pub fn pairs(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_os_str(), value.as_os_str()))
    }

    /// The user's home folder: `HOME`, on Windows `USERPROFILE`.
    pub fn home(&self) -> Option<PathBuf> {
        self.get_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
            .map(PathBuf::from)
    }

    /// The folder where `az` keeps its sign-in and settings: `AZURE_CONFIG_DIR`, else `~/.azure`.
    pub fn azure_config_dir(&self) -> Option<PathBuf> {
        match self.get_os("AZURE_CONFIG_DIR") {
            Some(folder) => Some(PathBuf::from(folder)),
            None => Some(self.home()?.join(".azure")),
        }
    }

    /// Where on `PATH` an executable is. Only absolute folders count: a program of the current folder is never
    /// taken for one that the system has.
    pub fn find_executable(&self, name: &str) -> Option<PathBuf> {
        let endings: Vec<String> = if cfg!(windows) {
            let endings = self.get("PATHEXT").unwrap_or(".COM;.EXE;.BAT;.CMD");
            endings.split(';').map(str::to_lowercase).collect()
        } else {
            vec![String::new()]
        };
        std::env::split_paths(self.get_os("PATH")?)
            .filter(|folder| folder.is_absolute())
            .flat_map(|folder| {
                endings
                    .iter()
                    .map(move |ending| folder.join(format!("{name}{ending}")))
            })
            .find(|path| is_executable(path))
    }
}

/// Names only: values may be secrets.
impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(key, _)| key))
            .finish()
    }
}

fn is_named(key: &OsStr, name: &str) -> bool {
    if cfg!(windows) {
        key.eq_ignore_ascii_case(name)
    } else {
        key == name
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let env = Env::from_pairs([("A", ""), ("B", "b")]);
        assert_eq!(
            (env.get("A"), env.get("B"), env.get("C")),
            (None, Some("b"), None)
        );
    }

    #[test]
    fn values_never_show() {
        assert!(
            !format!(
                "{:?}",
                Env::from_pairs([("AZURE_CLIENT_SECRET", "hunter2")])
            )
            .contains("hunter2")
        );
    }

    #[test]
    fn the_config_folder_is_az_s() {
        let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        assert_eq!(
            Env::from_pairs([(home, "/h")]).azure_config_dir(),
            Some(Path::new("/h").join(".azure"))
        );
        let env = Env::from_pairs([(home, "/h"), ("AZURE_CONFIG_DIR", "/c")]);
        assert_eq!(env.azure_config_dir(), Some("/c".into()));
        assert_eq!(Env::default().azure_config_dir(), None);
    }

    #[cfg(unix)]
    #[test]
    fn executables_are_looked_up_in_absolute_folders_of_the_path() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("folder");
        let tool = folder.path().join("tool");
        std::fs::write(&tool, "").expect("written");
        let path = format!("relative:{}", folder.path().display());
        let env = Env::from_pairs([("PATH", path.as_str())]);
        assert_eq!(env.find_executable("tool"), None, "not executable yet");
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("mode");
        assert_eq!(env.find_executable("tool"), Some(tool));
        assert_eq!(env.find_executable("other"), None);
    }
}
