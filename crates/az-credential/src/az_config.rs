//! What the Azure CLI is configured with: its `config` file, and the variables that go before it.

use crate::env::Env;
use std::path::{Path, PathBuf};

/// `az`'s configuration: <https://learn.microsoft.com/cli/azure/azure-cli-configuration>.
#[derive(Clone, Debug, Default)]
pub struct AzConfig {
    env: Env,
    file: Option<(PathBuf, String)>,
}

/// A setting, and where it comes from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The value, which is not empty.
    pub value: String,
    /// The variable's name, or the file's.
    pub origin: String,
}

impl AzConfig {
    /// Reads the file, if there is one: `config` in `AZURE_CONFIG_DIR`, else in `~/.azure`.
    pub fn read(env: &Env) -> Self {
        let path = env.azure_config_dir().map(|folder| folder.join("config"));
        let file = path.and_then(|path| {
            let text = read(&path)?;
            Some((path, text))
        });
        AzConfig {
            env: env.clone(),
            file,
        }
    }

    /// What `az` keeps of the subscriptions that it is signed in to, as it stands in `azureProfile.json`.
    pub fn profile(env: &Env) -> Option<String> {
        read(&env.azure_config_dir()?.join("azureProfile.json"))
    }

    /// A setting: of the variable `AZURE_SECTION_OPTION`, else of the file.
    pub fn get(&self, section: &str, option: &str) -> Option<Setting> {
        let name = format!("AZURE_{section}_{option}").to_ascii_uppercase();
        if let Some(value) = self.env.get(&name) {
            return Some(Setting {
                value: value.to_owned(),
                origin: name,
            });
        }
        let (path, text) = self.file.as_ref()?;
        Some(Setting {
            value: ini_value(text, section, option)?,
            origin: path.display().to_string(),
        })
    }

    /// A setting that is on or off, as Python's configparser reads it.
    pub fn is_on(&self, section: &str, option: &str) -> bool {
        self.get(section, option).is_some_and(|setting| {
            let words = ["1", "yes", "true", "on"];
            words.contains(&setting.value.to_ascii_lowercase().as_str())
        })
    }
}

/// The longest file of `az`'s that is read (bytes).
const LONGEST: u64 = 32 * 1024 * 1024;

/// A file of `az`'s. One that is no file, as a pipe that nobody writes to, is left out: nothing is to wait for it.
fn read(path: &Path) -> Option<String> {
    let metadata = path.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return None;
    }
    std::fs::read_to_string(path).ok()
}

/// The last value of an option in an INI file, as Python's configparser reads it.
fn ini_value(text: &str, section: &str, option: &str) -> Option<String> {
    let mut current = "";
    let mut found = None;
    for line in text.trim_start_matches('\u{feff}').lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.split(']').next())
        {
            current = name;
        } else if current == section
            && let Some((key, value)) = line.split_once(['=', ':'])
            && key.trim().eq_ignore_ascii_case(option)
        {
            found = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_variable_goes_before_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "[defaults]\ngroup = of-file\nlocation: westus2\n[core]\nno_color = on\n";
        std::fs::write(folder.path().join("config"), text).expect("a file");
        let config = folder.path().to_str().expect("a path");
        let env = Env::from_pairs([
            ("AZURE_CONFIG_DIR", config),
            ("AZURE_DEFAULTS_GROUP", "of-variable"),
        ]);
        let config = AzConfig::read(&env);
        let value = |option| config.get("defaults", option).map(|found| found.value);
        assert_eq!(value("group").as_deref(), Some("of-variable"));
        assert_eq!(value("location").as_deref(), Some("westus2"));
        assert_eq!(value("vm"), None);
        assert!(config.is_on("core", "no_color") && !config.is_on("core", "only_show_errors"));
        assert_eq!(
            config.get("defaults", "group").map(|found| found.origin),
            Some("AZURE_DEFAULTS_GROUP".to_owned())
        );
    }

    #[test]
    fn settings_are_read_as_az_reads_them() {
        let text = "\u{feff}[core]\nname = x\n# name\n[cloud]\nname: AzureCloud\n; name = y\n";
        assert_eq!(
            ini_value(text, "cloud", "name").as_deref(),
            Some("AzureCloud")
        );
        assert_eq!(ini_value("[cloud]\nname =\n", "cloud", "name"), None);
    }

    proptest! {
        #[test]
        fn any_settings_file_is_survived(text in "\\PC*(\n\\PC*){0,5}") {
            let _ = ini_value(&text, "cloud", "name");
        }
    }
}
