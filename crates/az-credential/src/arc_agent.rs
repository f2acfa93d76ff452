//! Where the agent of Azure Arc (`azcmagent`) keeps its files.

use crate::env::Env;
use std::path::PathBuf;

/// The places that Azure's SDK for Go knows: `getAzureArcPlatformPath` and `getAzureArcHimdsFilePath` in
/// `apps/managedidentity/managedidentity.go` of microsoft-authentication-library-for-go 1.10.
#[derive(Clone, Debug, Default)]
pub(crate) struct ArcAgent {
    /// The one folder with the keys of challenges; `None` on a platform that has no agent.
    pub(crate) tokens: Option<PathBuf>,
    /// The agent's metadata service. A machine that has it is one of Azure Arc.
    pub(crate) himds: Option<PathBuf>,
}

impl ArcAgent {
    pub(crate) fn of(env: &Env) -> Self {
        if cfg!(target_os = "linux") {
            return ArcAgent {
                tokens: Some(PathBuf::from("/var/opt/azcmagent/tokens")),
                himds: Some(PathBuf::from("/opt/azcmagent/bin/himds")),
            };
        }
        match env.get_os("ProgramData") {
            Some(data) if cfg!(windows) => {
                let agent = PathBuf::from(data).join("AzureConnectedMachineAgent");
                ArcAgent {
                    tokens: Some(agent.join("Tokens")),
                    himds: Some(agent.join("himds.exe")),
                }
            }
            _ => ArcAgent::default(),
        }
    }

    pub(crate) fn is_here(&self) -> bool {
        self.himds.as_ref().is_some_and(|file| file.exists())
    }
}
