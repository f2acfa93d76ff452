//! What `main` reads.

use std::path::PathBuf;

/// What `main` read from the process's environment.
pub(crate) struct Surroundings {
    /// `AZ_LOCAL_DIR`
    pub(crate) instance: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`
    pub(crate) runtime: Option<PathBuf>,
    /// `XDG_STATE_HOME`
    pub(crate) state: Option<PathBuf>,
    /// `HOME`
    pub(crate) home: Option<PathBuf>,
    /// `HTTPS_PROXY`
    pub(crate) proxy: Option<String>,
    /// `JAVA_TOOL_OPTIONS`
    pub(crate) java: Option<String>,
}
