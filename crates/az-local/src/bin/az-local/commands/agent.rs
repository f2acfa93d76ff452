//! What this program is on a machine that runs apart: its first process, and its `sudo`.

use std::ffi::OsString;
use std::path::Path;

/// Plays the part that the command line names, if it names one; gives its exit status. Nothing else has begun yet: a process
/// with more than one thread cannot leave its namespaces.
pub(crate) fn as_asked(line: impl Iterator<Item = OsString>) -> Option<u8> {
    let mut words = line;
    let name = words.next()?;
    if Path::new(&name)
        .file_name()
        .is_some_and(|name| name == "sudo")
    {
        return Some(az_machine::agent::sudo(words));
    }
    if words.next()? != az_local::AGENT {
        return None;
    }
    let rest: Vec<String> = words.filter_map(|word| word.into_string().ok()).collect();
    Some(az_machine::agent::main(&[az_local::AGENT], &rest))
}
