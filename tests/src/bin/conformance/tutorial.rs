//! What the tutorial itself says: its commands and its program, read from its text.
//!
//! The text is not part of this repository. `TUTORIAL` names it
//! (<https://learn.microsoft.com/azure/developer/go/azure-sdk-authentication-managed-identity> in Markdown).

use crate::clients::Missing;
use std::path::PathBuf;

/// Which of the tutorial's two options.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    System,
    User,
}

pub(crate) struct Tutorial {
    text: String,
}

impl Tutorial {
    pub(crate) fn read() -> Result<Self, Missing> {
        let path = std::env::var_os("TUTORIAL")
            .map_or_else(|| PathBuf::from("../shared/tutorial.md"), PathBuf::from);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Missing(format!(
                "the tutorial's text is not at {} ({error}): set TUTORIAL to its path",
                path.display()
            ))
        })?;
        Ok(Tutorial { text })
    }

    /// The commands of the Azure CLI, in order, without those of the other option.
    pub(crate) fn commands(&self, identity: Identity) -> Vec<String> {
        let mut commands = Vec::new();
        let mut option = None;
        let mut block: Option<String> = None;
        for line in self.text.lines().map(str::trim) {
            if line.starts_with("##") {
                option = match line.trim_start_matches('#').trim() {
                    title if title.starts_with("Option 1") => Some(Identity::System),
                    title if title.starts_with("Option 2") => Some(Identity::User),
                    _ => None,
                };
            }
            match &mut block {
                None if line == "```azurecli" => block = Some(String::new()),
                None => {}
                Some(text) if line == "```" => {
                    let wanted = option.is_none_or(|option| option == identity);
                    if wanted {
                        let joined = text.replace("\\\n", " ");
                        let lines = joined.lines().map(str::trim);
                        commands.extend(
                            lines
                                .filter(|line| line.starts_with("az "))
                                .map(str::to_owned),
                        );
                    }
                    block = None;
                }
                Some(text) => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        commands
    }

    /// The lines of PowerShell, in order, of both options.
    pub(crate) fn powershell(&self) -> Vec<&str> {
        let mut lines = Vec::new();
        let mut inside = false;
        for line in self.text.lines().map(str::trim) {
            match line {
                "```azurepowershell" => inside = true,
                "```" => inside = false,
                "" => {}
                line if inside => lines.push(line),
                _ => {}
            }
        }
        lines
    }

    /// The Go program, byte for byte but for the indentation that Markdown's list gives it.
    pub(crate) fn go_program(&self) -> String {
        let mut lines = self.text.lines().skip_while(|line| line.trim() != "```go");
        let fence = lines.next().expect("the tutorial holds a Go program");
        let indent = fence.len() - fence.trim_start().len();
        let body = lines.take_while(|line| line.trim() != "```");
        body.map(|line| line.get(indent..).unwrap_or("").to_owned() + "\n")
            .collect()
    }
}
