//! The chains, run in an environment.

use super::rows::{GO, JAVASCRIPT, OURS, PYTHON, Place, Row};
use crate::az::LOGIN;
use crate::clients::Missing;
use crate::suite::World;
use end_to_end::{Azure, GROUP, IDENTITY, VM, binary};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// What rows make their environments with. `azd` and `pwsh` are in no package registry: scripts in their place print
/// what they would, each client's own question answered in its form.
const WORDS: &str = r#"
without_secret() { unset AZURE_CLIENT_SECRET; }
nothing_set() { unset AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID; }
certificate() { az-local credential certificate --output-dir . "$@" >/dev/null; }
federated() { az-local credential federated --output-file token >/dev/null; export AZURE_FEDERATED_TOKEN_FILE=$PWD/token; }
with_az() { export PATH=$AZ_FOLDER:$PATH; }
program() { cat >"programs/$1"; chmod +x "programs/$1"; }
token() {
    curl --silent --fail "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" --data-urlencode "client_id=$AZURE_CLIENT_ID" \
        --data-urlencode "client_secret=$AZURE_CLIENT_SECRET" --data grant_type=client_credentials --data-urlencode scope=https://management.azure.com/.default |
        sed 's/.*"access_token":"\([^"]*\)".*/\1/'
}
azd() { printf '#!/bin/sh\necho '\''{"token":"%s","expiresOn":"2099-01-01T00:00:00Z"}'\''\n' "$(token)" | program azd; }
powershell() {
    program pwsh <<END
#!/bin/sh
# Python's script, in base64 of UTF-16, asks for a line of its own.
for word; do last=\$word; done
if printf %s "\$last" | base64 -d 2>/dev/null | tr -d '\\0' | grep -q 'azsdk%'; then
    echo 'azsdk%$(token)%4070908800'
else
    echo '{"Token":"$(token)","ExpiresOn":4070908800}'
fi
END
}
"#;

/// What a chain chose, and what that took.
pub(super) struct Choice {
    pub(super) who: &'static str,
    pub(super) name: Option<String>,
    pub(super) seconds: f64,
    /// How many requests it sent.
    pub(super) requests: usize,
    pub(super) said: String,
}

/// Runs each chain in the row's environment.
pub(super) fn all(world: &World, row: &Row) -> Result<Vec<Choice>, Missing> {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let scope = "https://management.azure.com/.default";
    // The desk has its subscription from the environment; elsewhere nobody has named one.
    let subscription = match row.place {
        Place::Desk => "",
        Place::Machine(_) | Place::Host(..) => {
            "--subscription 11111111-1111-4111-8111-111111111111"
        }
    };
    let javascript = world.clients.javascript()?;
    let programs = [
        (
            GO,
            format!("{} {scope}", world.clients.go_chain()?.display()),
        ),
        (
            PYTHON,
            format!(
                "{} {} {scope}",
                world.clients.python()?.display(),
                clients.join("python/chain.py").display()
            ),
        ),
        (
            JAVASCRIPT,
            format!("$NODE {} {scope}", javascript.join("chain.mjs").display()),
        ),
        (
            OURS,
            format!("az-provision group list {subscription} --debug"),
        ),
    ];
    let needs_az = row.setup.contains("signed_in") || row.setup.contains("with_az");
    let az = match needs_az {
        true => world.clients.az()?.display().to_string(),
        false => String::new(),
    };
    let azure = world.azure();
    let script = script(row, &programs, &az, &azure);
    let output = match row.place {
        Place::Desk => azure.shell(&script).output().expect("bash runs"),
        Place::Machine(identities) => on_machine(&azure, identities, &script),
        Place::Host(kind, identities) => on_host(&azure, kind, identities, &script),
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(programs.iter().map(|(who, _)| read(who, &text)).collect())
}

/// Makes the environment and runs each program in it; what each did is told at the end.
fn script(row: &Row, programs: &[(&str, String)], az: &str, azure: &Azure) -> String {
    let tools = binary("az-local");
    let tools = tools.parent().expect("a folder").display();
    let log = azure.log_path().display();
    let mut script = format!(
        "set -eu
         cd \"$HOME\"
         NODE=$(command -v node)
         mkdir -p programs
         export PATH=$PWD/programs:{tools}:/usr/local/bin:/usr/bin:/bin AZ_FOLDER={az} AZ_TOKEN_CACHE=off
         {WORDS}
         signed_in() {{ with_az; {}; }}
         sent() {{ wc -l <'{log}'; }}
         {}\n",
        LOGIN.trim_end(),
        row.setup,
    );
    for (who, command) in programs {
        script += &format!(
            "before=$(sent) began=$(date +%s.%N)
             {command} >{who}.out 2>{who}.err </dev/null || true
             echo \"$began $(date +%s.%N) $before $(sent)\" >{who}.took\n"
        );
    }
    for (who, _) in programs {
        for file in ["out", "err", "took"] {
            script += &format!("echo '=== {who}.{file}'; cat {who}.{file}\n");
        }
    }
    script
}

fn on_machine(azure: &Azure, identities: &str, script: &str) -> Output {
    let ok = |line: &str| drop(azure.run(line).assert().success());
    ok(&format!("az-provision group create -n {GROUP} -l eastus"));
    azure.create_vm(VM);
    let assign = format!("az-identity vm assign -g {GROUP} -n {VM}");
    let mut user_assigned = String::new();
    if matches!(identities, "user" | "both") {
        user_assigned = azure.text(
            &format!("az-identity create -g {GROUP} -n {IDENTITY}"),
            "clientId",
        );
        ok(&format!("{assign} --identities {IDENTITY}"));
    }
    if identities == "two" {
        for name in ["one", "two"] {
            ok(&format!("az-identity create -g {GROUP} -n {name}"));
        }
        ok(&format!("{assign} --identities one two"));
    }
    if matches!(identities, "[system]" | "both") {
        ok(&format!("{assign} --identities [system]"));
    }
    let mut command = azure.local();
    command.args(["vm", "exec", "-g", GROUP, "-n", VM]);
    command.args(["--env", &format!("USER_ASSIGNED={user_assigned}")]);
    for (name, desk) in [
        ("DESK_TENANT", "AZURE_TENANT_ID"),
        ("DESK_CLIENT", "AZURE_CLIENT_ID"),
        ("DESK_SECRET", "AZURE_CLIENT_SECRET"),
    ] {
        command.args(["--env", &format!("{name}={}", azure.var(desk))]);
    }
    command.args(["--", "bash", "-c", script]);
    command.output().expect("az-local runs")
}

/// On a host with its own identity (`system`), a user-assigned one (`user`), or a user of that name.
fn on_host(azure: &Azure, kind: &str, identities: &str, script: &str) -> Output {
    let ok = |line: &str| drop(azure.run(line).assert().success());
    let mut command = azure.local();
    command.args(["host", "exec", "--kind", kind]);
    let mut user_assigned = String::new();
    for identity in identities.split(' ') {
        let identity = match identity {
            "user" => {
                ok(&format!("az-provision group create -n {GROUP} -l eastus"));
                user_assigned = azure.text(
                    &format!("az-identity create -g {GROUP} -n {IDENTITY}"),
                    "clientId",
                );
                user_assigned.as_str()
            }
            "ada" => {
                let mut add = azure.local();
                add.args(["principal", "add", "user", "ada"]);
                add.assert().success();
                "ada"
            }
            own => own,
        };
        command.args(["--identity", identity]);
    }
    command.args(["--env", &format!("USER_ASSIGNED={user_assigned}")]);
    command.args(["--", "bash", "-c", script]);
    command.output().expect("az-local runs")
}

/// What a program told.
fn read(who: &'static str, text: &str) -> Choice {
    let part = |file: &str| {
        let mark = format!("=== {who}.{file}\n");
        let from = text.find(&mark).map_or(text.len(), |at| at + mark.len());
        let rest = &text[from..];
        rest[..rest.find("=== ").unwrap_or(rest.len())].to_owned()
    };
    let took: Vec<f64> = part("took")
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect();
    let between = |from: usize, to: usize| match (took.get(from), took.get(to)) {
        (Some(from), Some(to)) => to - from,
        _ => 0.0,
    };
    let (out, err) = (part("out"), part("err"));
    let tail = |text: &str| {
        let last: Vec<&str> = text.lines().rev().take(12).collect();
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    };
    let (name, said) = if who == OURS {
        let name = err
            .split("signed in credential=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        (name.map(str::to_owned), tail(&err))
    } else {
        let last = out.lines().last().unwrap_or_default();
        let answer: Value = serde_json::from_str(last).unwrap_or_default();
        let name = answer["credential"].as_str().map(common);
        (name, format!("{answer} {}", tail(&err)))
    };
    Choice {
        who,
        name,
        seconds: between(0, 1),
        requests: between(2, 3).max(0.0) as usize,
        said,
    }
}

/// The name that Go's SDK has for a credential of another.
fn common(name: &str) -> String {
    match name {
        "AzureCliCredential" => "AzureCLICredential",
        "AzureDeveloperCliCredential" => "AzureDeveloperCLICredential",
        other => other,
    }
    .to_owned()
}
