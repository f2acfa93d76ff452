//! What `az-local env` and `az-local run` give to clients besides the proxy.

use end_to_end::{Azure, base_environment};
use std::process::Command;

const OWN: &str = "-Djava.net.useSystemProxies=true -Djavax.net.ssl.trustStore=";

/// What a shell prints that has evaluated `az-local env` with some options for the JVM set.
fn evaluated(azure: &Azure, options: &str, script: &str) -> String {
    let mut shell = azure.shell(script);
    shell.env("JAVA_TOOL_OPTIONS", options);
    let output = shell.output().expect("bash runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_users_options_for_the_jvm_are_kept_and_ours_are_given_once() {
    let azure = Azure::apart();
    let store = azure.data_dir().join("ca-bundle.p12");
    let theirs = "-Xmx64m \"-Dname=two words\" -Djavax.net.ssl.trustStore=/their/own \
                  -Djavax.net.ssl.trustStorePassword=changeit";
    let wanted = format!("-Xmx64m \"-Dname=two words\" {OWN}{}\n", store.display());
    let once = "eval \"$(az-local env)\"; echo \"$JAVA_TOOL_OPTIONS\"";
    assert_eq!(evaluated(&azure, theirs, once), wanted);
    let twice = format!("eval \"$(az-local env)\"; {once}");
    assert_eq!(evaluated(&azure, theirs, &twice), wanted);

    let run = "az-local run -- sh -c 'echo \"$JAVA_TOOL_OPTIONS\"'";
    let of_another = evaluated(&azure, theirs, run);
    let wanted = format!("-Xmx64m \"-Dname=two words\" {OWN}");
    assert!(of_another.starts_with(&wanted), "{of_another}");
    assert!(of_another.ends_with("/ca-bundle.p12\n"), "{of_another}");
}

#[test]
fn a_failed_env_leaves_the_jvm_the_users_options_and_a_closed_port() {
    let home = tempfile::tempdir().expect("a folder");
    let script = "eval \"$(az-local env 2>/dev/null)\" 2>/dev/null; echo \"$JAVA_TOOL_OPTIONS $HTTPS_PROXY\"";
    let output = Command::new("bash")
        .args(["-c", script])
        .env_clear()
        .envs(base_environment(home.path()))
        .env("AZ_LOCAL_DIR", home.path().join("nothing"))
        .env("JAVA_TOOL_OPTIONS", "-Xmx64m")
        .output()
        .expect("bash runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "-Xmx64m -Djava.net.useSystemProxies=true http://127.0.0.1:1\n"
    );
}
