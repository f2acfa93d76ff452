//! `Microsoft.Compute/virtualMachines/extensions`. CustomScript for Linux runs its command on the machine
//! (<https://learn.microsoft.com/azure/virtual-machines/extensions/custom-script-linux>); others are kept and shown.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::keep::Members;
use crate::arm::resource_type::{Answers, Draft, Kind, Patches};
use crate::arm::{names, operations, times};
use crate::ground::quoting::posix_quoted;
use crate::request::Context;
use crate::request::effects::{AskedBy, Script, ScriptEnd};
use crate::state::machine::{self, VirtualMachine};
use crate::state::operations::Operation;
use crate::state::{Range, Resource, StateError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::Duration;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.Compute/virtualMachines/extensions",
    names: names::extension,
    answers: Answers::Operation,
    members: Members {
        own: &["properties/instanceView"],
        secret: &["properties/protectedSettings"],
        ..Members::PLAIN
    },
    put,
    patches: Patches::All,
    patch,
    starts,
    view,
    ..Kind::PLAIN
};

/// How long a command may run (90 minutes, by the page above).
const LONGEST_RUN: Duration = Duration::minutes(90);

/// How many extensions of a machine are looked at. Each handler is there once.
const MOST: usize = 100;

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    let asked = draft.properties();
    let mut properties = Map::new();
    for member in ["publisher", "type", "typeHandlerVersion"] {
        let text = asked.get(member).and_then(Value::as_str);
        let text = text.filter(|text| !text.is_empty()).ok_or_else(|| {
            Error::bad_request(
                "InvalidParameter",
                format!("Required parameter '{member}' is missing (null)."),
            )
            .target(member)
        })?;
        properties.insert(member.to_owned(), json!(text));
    }
    properties.insert("autoUpgradeMinorVersion".to_owned(), json!(false));
    draft.set("properties", Value::Object(properties));
    draft.resource.hidden.remove("protectedSettings");
    settings(draft, &asked);
    check(call, draft)
}

fn patch(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    if let Some(tags) = draft.body.get("tags").cloned() {
        draft.set("tags", tags);
    }
    let asked = draft.properties();
    settings(draft, &asked);
    check(call, draft)
}

/// Takes the settings that a request has. What is protected stays with the extension and is never answered.
fn settings(draft: &mut Draft, asked: &Map<String, Value>) {
    let given = |member: &str| asked.get(member).filter(|value| !value.is_null()).cloned();
    let resource = &mut draft.resource;
    if let Some(protected) = given("protectedSettings") {
        let name = "protectedSettings".to_owned();
        resource.hidden.insert(name, protected);
    }
    if let Some(settings) = given("settings")
        && let Some(properties) = resource.body.get_mut("properties")
    {
        properties["settings"] = settings;
    }
}

fn check(call: &Call<'_>, draft: &Draft) -> Result<(), Error> {
    let machine = machine(call, draft.id())?;
    let extension = &draft.resource;
    if !VirtualMachine::of(&machine).is_running() {
        return Err(Error::conflict(
            "OperationNotAllowed",
            "Cannot modify extensions in the VM when the VM is not running.",
        ));
    }
    let handler = |of: &Resource| {
        let text = |member: &str| {
            of.property(member)
                .and_then(Value::as_str)
                .map(str::to_lowercase)
        };
        (text("publisher"), text("type"))
    };
    let others = all(call.cx, &machine)?;
    let mut others = others.iter().filter(|one| one.id != extension.id);
    if others.any(|one| handler(one) == handler(extension)) {
        let system = if VirtualMachine::of(&machine).is_windows() {
            "Windows"
        } else {
            "Linux"
        };
        let name = extension.name();
        // MicrosoftDocs/azure-docs issue 31464 and others quote it.
        return Err(Error::bad_request(
            "BadRequest",
            format!(
                "On resource '{}', extension '{name}' specified. Multiple VMExtensions per handler not supported for OS type \
                 '{system}'. VMExtension '{name}' with handler '{}.{}' already added or specified in input.",
                machine.name(),
                text(extension, "publisher"),
                text(extension, "type"),
            ),
        ));
    }
    if is_custom_script(extension) {
        command(extension)?;
    }
    Ok(())
}

/// The machine that an extension is of.
fn machine(call: &Call<'_>, id: &str) -> Result<Resource, Error> {
    let machine = id
        .rsplit_once("/extensions/")
        .map_or(id, |(machine, _)| machine);
    call.resource(machine)?.ok_or_else(|| {
        Error::resource_not_found(
            machine::KIND,
            machine.rsplit('/').next().unwrap_or_default(),
            call.path.group.as_deref(),
        )
    })
}

/// The extensions of a machine.
pub(super) fn all(cx: &Context<'_>, machine: &Resource) -> Result<Vec<Resource>, StateError> {
    let below = Resource::key_of(&machine.id) + "/extensions/";
    Ok(cx.tx.page(&Range::Below(&below), None, MOST)?.items)
}

fn text<'a>(of: &'a Resource, member: &str) -> &'a str {
    let text = of.property(member).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// The two names that it has had (the page above).
fn is_custom_script(extension: &Resource) -> bool {
    let (publisher, kind) = (text(extension, "publisher"), text(extension, "type"));
    let new = publisher.eq_ignore_ascii_case("Microsoft.Azure.Extensions")
        && kind.eq_ignore_ascii_case("CustomScript");
    new || publisher.eq_ignore_ascii_case("Microsoft.OSTCExtensions")
        && kind.eq_ignore_ascii_case("CustomScriptForLinux")
}

/// VMAccess sets a machine's users
/// (<https://github.com/Azure/azure-linux-extensions/blob/master/VMAccess/README.md>).
fn is_access(extension: &Resource) -> bool {
    text(extension, "publisher").eq_ignore_ascii_case("Microsoft.OSTCExtensions")
        && text(extension, "type").eq_ignore_ascii_case("VMAccessForLinux")
}

/// Takes the user that VMAccess is told of: a new one or a known one, whose password is this from now on, who has this key
/// besides those that he has; or one that is removed.
fn set_user(call: &Call<'_>, extension: &Resource) -> Result<(), Error> {
    let Some(settings) = extension.hidden.get("protectedSettings") else {
        return Ok(());
    };
    let setting = |name: &str| settings[name].as_str().filter(|text| !text.is_empty());
    let mut machine = machine(call, &extension.id)?;
    let accounts = machine
        .hidden
        .entry(machine::SET_ACCOUNTS)
        .or_insert_with(|| json!({}));
    if let Some(name) = setting("remove_user") {
        accounts[name] = Value::Null;
    }
    if let Some(name) = setting("username") {
        let account = &mut accounts[name];
        if account.is_null() {
            *account = json!({"keys": []});
        }
        if let Some(password) = setting("password") {
            account["password"] = json!(password);
        }
        if let (Some(key), Some(keys)) = (setting("ssh_key"), account["keys"].as_array_mut()) {
            let key = json!(key.trim());
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    call.cx.tx.put(&machine)?;
    Ok(())
}

/// What CustomScript runs: the files that it fetches first, and a command or a script in base64, from one of the two
/// settings.
fn command(extension: &Resource) -> Result<Vec<String>, Error> {
    let refuse = |reason: &str| {
        Err(Error::bad_request("InvalidParameter", reason.to_owned()).target("settings"))
    };
    let nothing = Value::Null;
    let public = extension.property("settings").unwrap_or(&nothing);
    let protected = extension
        .hidden
        .get("protectedSettings")
        .unwrap_or(&nothing);
    let both = |member: &str| {
        let given = [public, protected].map(|settings| settings[member].as_str());
        given.into_iter().flatten().collect::<Vec<_>>()
    };
    let (commands, scripts) = (both("commandToExecute"), both("script"));
    let uris = [public, protected]
        .into_iter()
        .flat_map(|settings| settings["fileUris"].as_array().into_iter().flatten())
        .filter_map(Value::as_str);
    let mut lines: Vec<String> = uris
        .map(|uri| format!("curl -fsSLO {} || exit", posix_quoted(uri)))
        .collect();
    match (commands.as_slice(), scripts.as_slice()) {
        ([command], []) => lines.push((*command).to_owned()),
        ([], [script]) => {
            let script = STANDARD.decode(script).ok();
            match script.and_then(|script| String::from_utf8(script).ok()) {
                Some(script) => lines.push(script),
                None => {
                    return refuse("The 'script' is not a text in base64; az-local unpacks none.");
                }
            }
        }
        ([], []) => return refuse("Either 'commandToExecute' or 'script' must be given."),
        _ => {
            return refuse(
                "'commandToExecute' and 'script' exclude each other, and stand in one of 'settings' and 'protectedSettings'.",
            );
        }
    }
    Ok(lines)
}

/// Gives the machine its command: the operation ends with it.
fn starts(call: &Call<'_>, extension: &mut Resource, operation: &Operation) -> Result<(), Error> {
    extension.hidden.remove("end");
    if is_access(extension) {
        set_user(call, extension)?;
    }
    if !is_custom_script(extension) {
        return Ok(());
    }
    let lines = command(extension)?;
    extension.hidden.insert("runs".to_owned(), json!(true));
    operations::wait(call.cx, operation.clone(), LONGEST_RUN)?;
    let machine = machine(call, &extension.id)?;
    call.cx.effects.borrow_mut().scripts.push(Script {
        machine,
        operation: operation.id.clone(),
        lines,
        parameters: Vec::new(),
        asked_by: AskedBy::Extension(extension.id.clone()),
    });
    Ok(())
}

/// Keeps how an extension's command ended, and ends its operation.
pub(super) fn ended(
    cx: &Context<'_>,
    script: &Script,
    id: &str,
    end: &ScriptEnd,
) -> Result<(), StateError> {
    let printed = format!("[stdout]\n{}\n[stderr]\n{}", end.stdout, end.stderr);
    let good = end.status == Some(0);
    // As the handler words it (Azure/custom-script-extension-linux, main/cmds.go).
    let message = match end.status {
        Some(0) => format!("Enable succeeded: \n{printed}"),
        Some(status) => format!(
            "Enable failed: failed to execute command: command terminated with exit status={status}\n{printed}"
        ),
        None => format!("Enable failed: failed to execute command\n{printed}"),
    };
    let extension: Option<Resource> = cx.tx.get(&Resource::key_of(id))?;
    // What came later under this name, or was put since, has an operation of its own.
    let is_latest = |one: &Resource| one.hidden.get("operation") == Some(&json!(script.operation));
    if let Some(mut extension) = extension.filter(is_latest) {
        extension.hidden.remove("runs");
        let status = json!({"good": good, "message": message, "time": times::text(cx.now)});
        extension.hidden.insert("end".to_owned(), status);
        cx.tx.put(&extension)?;
        if !good {
            let told = format!(
                "VM has reported a failure when processing extension '{}' (publisher '{}' and type '{}'). Error message: \
                 '{message}'. More information on troubleshooting is available at \
                 https://aka.ms/VMExtensionCSELinuxTroubleshoot. ",
                extension.name(),
                text(&extension, "publisher"),
                text(&extension, "type"),
            );
            return operations::fail(cx, &script.operation, "VMExtensionProvisioningError", &told);
        }
    }
    operations::end(cx, &script.operation, Value::Null)
}

fn view(call: &Call<'_>, extension: &Resource, value: &mut Value) -> Result<(), Error> {
    let running = operations::running(call.cx, extension)?.is_some();
    if !running && !succeeded(extension) {
        value["properties"]["provisioningState"] = json!("Failed");
    }
    let expand = call.request.query("$expand").unwrap_or_default();
    if expand.eq_ignore_ascii_case("instanceView") {
        value["properties"]["instanceView"] = instance_view(extension);
    }
    Ok(())
}

/// Whether what was asked for was done: a command that never told its end was not.
fn succeeded(extension: &Resource) -> bool {
    match extension.hidden.get("end") {
        Some(end) => end["good"] == json!(true),
        None => !extension.hidden.contains_key("runs"),
    }
}

/// As the agent tells of it, in the extension's own view and in the machine's.
pub(super) fn instance_view(extension: &Resource) -> Value {
    let (code, word) = if succeeded(extension) {
        ("succeeded", "Provisioning succeeded")
    } else {
        ("failed/1", "Provisioning failed")
    };
    let mut status = json!({
        "code": format!("ProvisioningState/{code}"), "displayStatus": word,
        "level": if succeeded(extension) { "Info" } else { "Error" },
    });
    if let Some(end) = extension.hidden.get("end") {
        status["message"] = end["message"].clone();
        status["time"] = end["time"].clone();
    }
    json!({
        "name": extension.name(),
        "type": format!("{}.{}", text(extension, "publisher"), text(extension, "type")),
        "typeHandlerVersion": text(extension, "typeHandlerVersion"),
        "statuses": [status],
    })
}
