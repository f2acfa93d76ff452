//! Line ends of Windows in arguments and variables.

use super::failure::Failure;

/// Scripts and `.env` files of Windows leave a carriage return at the end of a word or of a variable, where nobody sees
/// it: nothing of Azure's has one there.
pub(super) fn check() -> Result<(), Failure> {
    const HINT: &str = "The script or file that it comes from has the line ends of Windows: 'dos2unix FILE' or 'tr -d '\\r'' takes them out.";
    let words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    for (place, word) in words.iter().enumerate().skip(1) {
        if !word.ends_with('\r') {
            continue;
        }
        let flag = words[place - 1].trim_end();
        // What follows one of these may be a secret.
        let secret = ["password", "data", "key", "value", "secret"]
            .iter()
            .any(|name| flag.contains(name));
        let what = if secret || word.len() > 80 {
            format!("argument {place}, after '{flag}',")
        } else {
            format!("argument {place}, '{word}',")
        };
        return Err(Failure::usage(format!("{what} ends in a carriage return")).hint(HINT));
    }
    let about_azure = |name: &str| {
        ["AZURE_", "AZ_", "KEY_VAULT_"]
            .iter()
            .any(|start| name.starts_with(start))
            || ["HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"].contains(&name)
    };
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if about_azure(&name) && value.to_string_lossy().ends_with('\r') {
            return Err(Failure::usage(format!(
                "the environment variable {name} ends in a carriage return"
            ))
            .hint(HINT));
        }
    }
    Ok(())
}
