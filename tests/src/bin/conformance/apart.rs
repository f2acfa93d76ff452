//! Real clients on a machine that runs apart from this computer, with no variable that tells them where they are.

use crate::clients::Missing;
use crate::go::assert_printed;
use crate::suite::{Case, World};
use crate::tutorial::Tutorial;
use end_to_end::{Azure, GROUP, OFFICER, VAULT, VM};
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) fn cases() -> Vec<Case> {
    if !end_to_end::namespaces_are_offered() {
        say!(
            "machines cannot run apart here (no user namespaces, or no /dev/net/tun): nothing is tried there"
        );
        return Vec::new();
    }
    vec![
        Case::new("apart/curl-without-proxy", curl),
        Case::new("apart/go-program", go_program),
        Case::new("apart/node-fetch-and-azure-identity", node),
        Case::new("apart/python-requests", python),
        Case::new("apart/java-managed-identity-credential", java),
        Case::named("apart/the-tutorials-step-4", step_4),
    ]
}

/// An instance with a machine apart, that may write to the vault.
fn azure(world: &World) -> Result<Azure, Missing> {
    let azure = world.azure_with(&["--machines", "namespace"]);
    let azure = azure.with_group().with_vm().with_vault();
    let tried = azure
        .on_machine(VM, "true")
        .output()
        .expect("az-local runs");
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr).into_owned();
        return Err(Missing(format!("machines cannot run apart here: {why}")));
    }
    let assign = format!(
        "az-identity vm assign -g {GROUP} -n {VM} | az-role assignment create --assignee - --role '{OFFICER}' --scope {}",
        azure.vault_id()
    );
    let script = format!("set -euo pipefail\n{assign}");
    azure.shell(&script).assert().success();
    let waited = azure.on_machine(VM, "kv-get --list --wait-for-access 2m");
    let mut waited = waited;
    waited.assert().success();
    Ok(azure)
}

/// What a script prints on the machine, in an empty environment; it must succeed.
fn says(world: &World, azure: &Azure, script: &str) -> String {
    let mut command = azure.local();
    command.args(["vm", "exec", "-g", GROUP, "-n", VM, "--"]);
    command.args(world.bounded().split(' '));
    let home = "HOME=/home/azureuser";
    let path = "PATH=/usr/local/bin:/usr/bin:/bin";
    command.args(["env", "-i", home, path, "bash", "-ec", script]);
    let output = command.output().expect("az-local runs");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{script}: {out}{err}");
    out
}

/// Copies folders' contents and files into a folder of the machine.
fn copy(azure: &Azure, from: &[&Path], to: &str) {
    let mut pack = Command::new("tar");
    pack.arg("-c");
    for path in from {
        let (folder, name) = match path.is_dir() {
            true => (*path, ".".into()),
            false => (
                path.parent().expect("a folder"),
                path.file_name().expect("a name").to_owned(),
            ),
        };
        pack.arg("-C").arg(folder).arg(name);
    }
    let mut packing = pack.stdout(Stdio::piped()).spawn().expect("tar runs");
    let unpack = format!("mkdir -p {to} && tar -x -C {to}");
    let unpacked = Command::new(end_to_end::binary("az-local"))
        .env("AZ_LOCAL_DIR", azure.data_dir())
        .args([
            "vm", "exec", "-g", GROUP, "-n", VM, "--", "sh", "-c", &unpack,
        ])
        .stdin(packing.stdout.take().expect("a pipe"))
        .status()
        .expect("az-local runs");
    assert!(packing.wait().expect("tar ends").success() && unpacked.success());
}

/// What Microsoft's samples do for a token.
fn curl(world: &World) -> Result<(), Missing> {
    let azure = azure(world)?;
    let token = says(
        world,
        &azure,
        "curl -sS --fail --noproxy '*' -H Metadata:true \
         'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net'",
    );
    assert!(token.contains("\"access_token\":\"ey"), "{token}");
    // From outside it is not there, whatever is tried.
    let outside = azure
        .shell("curl -sS --fail -H Metadata:true http://169.254.169.254/metadata/instance?api-version=2021-02-01")
        .output()
        .expect("bash runs");
    assert!(!outside.status.success(), "{outside:?}");
    Ok(())
}

fn go_program(world: &World) -> Result<(), Missing> {
    let program = world.clients.go_tutorial(&Tutorial::read()?.go_program())?;
    let azure = azure(world)?;
    copy(&azure, &[&program], "go");
    let said = says(
        world,
        &azure,
        &format!("KEY_VAULT_NAME={VAULT} ~/go/go-on-azure"),
    );
    assert_printed(&said, "createdWithGO");
    Ok(())
}

fn node(world: &World) -> Result<(), Missing> {
    let project = world.clients.javascript()?;
    let azure = azure(world)?;
    if says(world, &azure, "command -v node || true").is_empty() {
        return Err(Missing("there is no Node below /usr".to_owned()));
    }
    copy(&azure, &[&project], "js");
    let said = says(
        world,
        &azure,
        r#"cd ~/js && cat > token.mjs <<'END'
import { ManagedIdentityCredential } from "@azure/identity";
const url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
const fetched = await (await fetch(url, { headers: { Metadata: "true" } })).json();
const token = await new ManagedIdentityCredential().getToken("https://vault.azure.net/.default");
console.log(fetched.token_type, token.token.split(".").length);
END
node token.mjs"#,
    );
    assert_eq!(said, "Bearer 3\n");
    Ok(())
}

fn python(world: &World) -> Result<(), Missing> {
    let python = world.clients.python()?;
    let azure = azure(world)?;
    let packages = Command::new(&python)
        .args(["-c", "import requests; print(requests.__path__[0])"])
        .output()
        .expect("Python runs");
    let packages = String::from_utf8_lossy(&packages.stdout).trim().to_owned();
    let packages = Path::new(&packages).parent().expect("a folder").to_owned();
    for name in [
        "requests",
        "urllib3",
        "idna",
        "certifi",
        "charset_normalizer",
    ] {
        copy(&azure, &[&packages.join(name)], &format!("site/{name}"));
    }
    let said = says(
        world,
        &azure,
        &format!(
            r#"PYTHONPATH=$HOME/site python3 - <<'END'
import requests
session = requests.Session()
session.trust_env = False
url = "http://169.254.169.254/metadata/identity/oauth2/token"
asked = {{"api-version": "2018-02-01", "resource": "https://vault.azure.net"}}
token = session.get(url, params=asked, headers={{"Metadata": "true"}}, timeout=30).json()["access_token"]
session.verify = "/etc/ssl/certs/ca-certificates.crt"
put = session.put("https://{VAULT}.vault.azure.net/secrets/by-requests?api-version=7.4", json={{"value": "written"}},
                  headers={{"Authorization": "Bearer " + token}}, timeout=30)
print(put.status_code, put.json()["value"])
END"#
        ),
    );
    assert_eq!(said, "200 written\n");
    Ok(())
}

fn java(world: &World) -> Result<(), Missing> {
    let options = world.clients.java()?;
    let azure = azure(world)?;
    if says(world, &azure, "command -v java || true").is_empty() {
        return Err(Missing("there is no Java below /usr".to_owned()));
    }
    let target = options.parent().expect("a folder").join("target");
    copy(&azure, &[&target.join("classes")], "java/classes");
    copy(&azure, &[&target.join("lib")], "java/lib");
    let said = says(
        world,
        &azure,
        &format!(
            "KEY_VAULT_NAME={VAULT} java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp \"$HOME/java/classes:$HOME/java/lib/*\" Machine"
        ),
    );
    assert_printed(&said, "createdWithJava");
    Ok(())
}

/// The tutorial's step 4 as it stands there, but for the package repository, which is Ubuntu's.
fn step_4(world: &World) -> Result<(), Missing> {
    let tutorial = Tutorial::read()?;
    let azure = azure(world)?;
    if says(world, &azure, "command -v apt-get || true").is_empty() {
        return Err(Missing("there is no apt".to_owned()));
    }
    let file = azure.scratch().join("main.go");
    std::fs::write(&file, tutorial.go_program()).expect("a file");
    copy(&azure, &[&file], "go-on-azure");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/step-4-with-go.sh");
    copy(&azure, &[&script], ".");
    let line = format!("KEY_VAULT_NAME={VAULT} sh ~/step-4-with-go.sh ~/go-on-azure/main.go 2>&1");
    let said = says(world, &azure, &line);
    assert_printed(
        said.trim_end().lines().last().unwrap_or_default(),
        "createdWithGO",
    );
    Ok(())
}
