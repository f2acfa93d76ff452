//! What this computer has: proxies, OpenSSH.

use super::check::Check;
use az_core::origin;
use az_credential::Env;
use serde_json::{Map, Value, json};

/// The proxy variables: of two spellings the first that is set counts, as the HTTP client reads them.
const PROXIES: [[&str; 2]; 3] = [
    ["HTTPS_PROXY", "https_proxy"],
    ["HTTP_PROXY", "http_proxy"],
    ["ALL_PROXY", "all_proxy"],
];

/// Which proxies are in use.
pub(super) fn proxy(env: &Env) -> Check {
    let first = |names: [&'static str; 2]| {
        names
            .into_iter()
            .find_map(|name| Some((name, env.get(name)?)))
    };
    let mut shown = Map::new();
    for (name, value) in PROXIES.into_iter().filter_map(first) {
        // It may hold a password.
        let Some(address) = origin::shown_without_user(value) else {
            return Check::warning(
                "proxy",
                format!("{name} holds no address"),
                format!("Write it as {name}=http://HOST:PORT, or unset it."),
            );
        };
        shown.insert(name.to_owned(), address.into());
    }
    if shown.is_empty() {
        return Check::ok("proxy", "none");
    }
    if let Some((name, value)) = first(["NO_PROXY", "no_proxy"]) {
        shown.insert(name.to_owned(), value.into());
    }
    let words: Vec<String> = shown
        .iter()
        .map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default()))
        .collect();
    Check::ok("proxy", words.join(", ")).details(Value::Object(shown))
}

/// The programs by which a machine is worked on.
pub(super) fn openssh(env: &Env) -> Check {
    let programs = ["ssh", "ssh-keygen", "scp"].map(|name| (name, env.find_executable(name)));
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(_, path)| path.is_none())
        .map(|(name, _)| *name)
        .collect();
    let details: Map<String, Value> = programs
        .iter()
        .map(|(name, path)| ((*name).to_owned(), json!(path)))
        .collect();
    let check = if missing.is_empty() {
        Check::ok("OpenSSH", "ssh, ssh-keygen and scp are on PATH")
    } else {
        Check::warning(
            "OpenSSH",
            format!("not on PATH: {}", missing.join(", ")),
            "Install OpenSSH's client to sign in to a machine.",
        )
    };
    check.details(Value::Object(details))
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn a_proxys_password_is_not_shown() {
        for value in [
            "http://u:hunter2@127.0.0.1:1",
            "u:hunter2@127.0.0.1:1",
            "hunter2:1:2",
        ] {
            let check = proxy(&Env::from_pairs([("HTTPS_PROXY", value)]));
            let shown = format!("{check:?}");
            assert!(
                !shown.contains("hunter2") && !shown.contains("u:"),
                "{shown}"
            );
        }
        assert_eq!(proxy(&Env::default()).found, "none");
    }

    #[test]
    fn programs_that_are_missing_are_named() {
        let check = openssh(&Env::default());
        assert_eq!(check.state, State::Warning);
        assert_eq!(check.found, "not on PATH: ssh, ssh-keygen, scp");
    }
}
