//! `Microsoft.Compute/virtualMachines/runCommand`: a script for a machine's agent
//! (<https://learn.microsoft.com/rest/api/compute/virtual-machines/run-command>).

use super::virtual_machines;
use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::operations;
use crate::ground::wire::Response;
use crate::request::Context;
use crate::request::effects::{AskedBy, Script, ScriptEnd};
use crate::state::StateError;
use crate::state::machine::VirtualMachine;
use crate::state::operations::Operation;
use serde_json::{Value, json};
use time::Duration;

/// How long a script may run
/// (<https://learn.microsoft.com/azure/virtual-machines/linux/run-command#restrictions>).
const LONGEST_RUN: Duration = Duration::minutes(90);

/// `POST …/virtualMachines/{name}/runCommand`
pub(super) fn invoke(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let mut machine = virtual_machines::own(call, name, "runCommand/action")?;
    let asked = Value::Object(call.body()?);
    let command = asked["commandId"].as_str().unwrap_or_default();
    if command.is_empty() {
        return Err(Error::bad_request(
            "InvalidParameter",
            "Required parameter 'commandId' is missing (null).",
        )
        .target("commandId"));
    }
    if !command.eq_ignore_ascii_case("RunShellScript") {
        return Err(Error::new(
            404,
            "NotFound",
            format!(
                "The run command '{command}' was not found; this local Azure has RunShellScript."
            ),
        ));
    }
    let lines = strings(&asked["script"]);
    let parameters = asked["parameters"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parameters = parameters
        .map(|parameter| (text(&parameter["name"]), text(&parameter["value"])))
        .collect();
    if !VirtualMachine::of(&machine).is_running() {
        return Err(Error::conflict(
            "OperationNotAllowed",
            "The operation requires the VM to be running (or set to run).",
        ));
    }
    let under_way = machine.hidden.get("runCommand").and_then(Value::as_str);
    if let Some(id) = under_way
        && let Some(operation) = call.cx.tx.get::<Operation>(id)?
        && operation.ends > call.cx.now
    {
        return Err(Error::conflict(
            "Conflict",
            "Run command extension execution is in progress. Please wait for completion before invoking a run command.",
        ));
    }
    let operation = operations::begin_awaited(call.cx, "Updating", LONGEST_RUN)?;
    machine
        .hidden
        .insert("runCommand".to_owned(), json!(operation.id));
    call.cx.tx.put(&machine)?;
    let response = operations::accepted(call, "Microsoft.Compute", &machine, &operation);
    call.cx.effects.borrow_mut().scripts.push(Script {
        machine,
        operation: operation.id,
        lines,
        parameters,
        asked_by: AskedBy::RunCommand,
    });
    Ok(response)
}

/// Ends the operation of a script.
pub(super) fn ended(cx: &Context<'_>, script: &Script, end: &ScriptEnd) -> Result<(), StateError> {
    // Azure says so whatever the script's exit status was (Azure/azure-cli issue 14425).
    let message = format!(
        "Enable succeeded: \n[stdout]\n{}\n[stderr]\n{}",
        end.stdout, end.stderr
    );
    let output = json!({"value": [{
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "message": message,
    }]});
    operations::end(cx, &script.operation, output)
}

fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
