//! What the JVM is told by `JAVA_TOOL_OPTIONS`: it reads no certificate variable, and Azure's client libraries for Java read
//! the proxy's only where they are let.

use crate::ground::quoting::java_quoted;
use std::path::Path;

/// The variable that every JVM reads, whatever starts it.
pub(crate) const VARIABLE: &str = "JAVA_TOOL_OPTIONS";

/// Lets azure-core read `HTTPS_PROXY` (`com.azure.core.http.ProxyOptions`). The JVM's own clients do not: they know no
/// property for a proxy's password, and what stands in this variable is printed by every JVM.
const SYSTEM_PROXIES: &str = "java.net.useSystemProxies";

const TRUST_STORE: &str = "javax.net.ssl.trustStore";

/// Properties that are set here, or that would say something else of what is set here.
const OWN: [&str; 6] = [
    SYSTEM_PROXIES,
    TRUST_STORE,
    "javax.net.ssl.trustStorePassword",
    "javax.net.ssl.trustStoreProvider",
    "javax.net.ssl.trustStoreType",
    "jdk.tls.client.trustStore",
];

/// The options that lead a JVM to the proxy, and have it trust what is in `trust_store`.
pub(crate) fn options(trust_store: Option<&Path>) -> String {
    let proxies = format!("-D{SYSTEM_PROXIES}=true");
    match trust_store {
        None => proxies,
        Some(path) => {
            let trust = format!("-D{TRUST_STORE}={}", path.to_string_lossy());
            // The default of old JVMs is a type of their own, which they read PKCS#12 in all the same.
            format!("{proxies} {}", java_quoted(&trust))
        }
    }
}

/// The same where a client may be one that reads no proxy variables: the JDK's own, by which Azure's libraries ask Entra ID
/// for a pod's tokens (`authenticateWithExchangeTokenHelper` of Azure/azure-sdk-for-java). It is led to the proxy, too. It
/// has no credentials for it and is refused there, but it does not go past it to the real Azure.
pub(crate) fn options_for_all(trust_store: Option<&Path>, proxy: &str) -> String {
    let own = options(trust_store);
    let Some(port) = url::Url::parse(proxy).ok().and_then(|url| url.port()) else {
        return own;
    };
    let ways = ["http", "https"]
        .map(|scheme| format!("-D{scheme}.proxyHost=127.0.0.1 -D{scheme}.proxyPort={port}"));
    // By themselves these leave the computer's own addresses out.
    format!("{own} {}", ways.join(" "))
}

/// `own` behind what a user has set, of which only stays what says nothing of the same properties: so it is when `env` is
/// evaluated again.
pub(crate) fn beside(theirs: &str, own: &str) -> String {
    let names_own = |word: &&str| {
        let plain = word.replace(['"', '\''], "");
        let name = plain.strip_prefix("-D").map(|rest| {
            let end = rest.find('=').unwrap_or(rest.len());
            rest[..end].to_owned()
        });
        name.is_some_and(|name| OWN.contains(&name.as_str()))
    };
    let kept = words(theirs).into_iter().filter(|word| !names_own(word));
    kept.chain([own]).collect::<Vec<_>>().join(" ")
}

/// The words of the variable, as they stand there: see `java_quoted`.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut began, mut quote) = (None, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, letter) if letter.is_ascii_whitespace() => {
                words.extend(began.take().map(|from: usize| &text[from..at]));
                continue;
            }
            (None, '"' | '\'') => quote = Some(letter),
            (None, _) => {}
        }
        began.get_or_insert(at);
    }
    words.extend(began.map(|from| &text[from..]));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the JVM makes of a word.
    fn read(word: &str) -> String {
        let (mut text, mut quote) = (String::new(), None);
        for letter in word.chars() {
            match quote {
                Some(open) if open == letter => quote = None,
                None if letter == '"' || letter == '\'' => quote = Some(letter),
                _ => text.push(letter),
            }
        }
        text
    }

    proptest! {
        #[test]
        fn any_word_is_read_as_it_is(word in "[^\0]{1,40}") {
            let line = format!("-Da=b {} -Dc=d", java_quoted(&word));
            let words = words(&line);
            prop_assert_eq!(words.len(), 3);
            prop_assert_eq!(read(words[1]), word);
        }
    }

    #[test]
    fn the_jdks_own_client_is_led_to_the_proxy_without_its_credentials() {
        let options = options_for_all(None, "http://host-1:secret@127.0.0.1:8080");
        assert!(options.contains("-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=8080"));
        assert!(options.contains("-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=8080"));
        assert!(!options.contains("secret"));
    }

    #[test]
    fn a_users_options_stay_in_front_of_ours() {
        let own = options(Some(Path::new("/a b/store.p12")));
        assert_eq!(
            own,
            "-Djava.net.useSystemProxies=true \"-Djavax.net.ssl.trustStore=/a b/store.p12\""
        );
        let theirs = "-Xmx1g  -Dx='a b' -Djava.net.useSystemProxies=false \
                      '-Djavax.net.ssl.trustStore=/their own' -Djavax.net.ssl.trustStorePassword=changeit";
        let both = beside(theirs, &own);
        assert_eq!(both, format!("-Xmx1g -Dx='a b' {own}"));
        // A second time nothing is added.
        assert_eq!(beside(&both, &own), both);
        assert_eq!(beside("", &own), own);
    }
}
