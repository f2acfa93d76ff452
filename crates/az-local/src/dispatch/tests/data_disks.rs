use super::azure::Azure;
use http::Method;
use serde_json::{Value, json};

const VM: &str = "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1";

fn disk(name: &str) -> String {
    format!("/resourceGroups/g/providers/Microsoft.Compute/disks/{name}")
}

fn with_disks(list: &Value) -> Value {
    json!({"properties": {"storageProfile": {"dataDisks": list}}})
}

/// The names of a machine's data disks, in their order.
fn names(machine: &Value) -> Vec<&str> {
    let disks = machine["properties"]["storageProfile"]["dataDisks"].as_array();
    let disks = disks.into_iter().flatten();
    disks.filter_map(|disk| disk["name"].as_str()).collect()
}

#[test]
fn a_machine_is_made_with_its_data_disks_and_takes_along_those_that_it_shall() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let bodies = azure.bodies("g", "2");
    for (path, body) in &bodies[..6] {
        azure.done(Method::PUT, path, body);
    }
    let (vm, mut body) = bodies[6].clone();
    body["properties"]["storageProfile"]["dataDisks"] = json!([
        {"lun": 0, "name": "stays", "createOption": "Empty", "diskSizeGB": 4},
        {"lun": 5, "createOption": "Empty", "diskSizeGB": 8, "deleteOption": "Delete", "caching": "ReadOnly",
         "managedDisk": {"storageAccountType": "StandardSSD_LRS"}},
    ]);
    azure.done(Method::PUT, &vm, &body);
    azure.later();
    let machine = azure.done(Method::GET, &vm, &Value::Null);
    let disks = &machine["properties"]["storageProfile"]["dataDisks"];
    assert_eq!(disks[0]["managedDisk"]["storageAccountType"], "Premium_LRS");
    assert_eq!(
        (&disks[1]["lun"], &disks[1]["caching"]),
        (&json!(5), &json!("ReadOnly"))
    );
    let named = disks[1]["name"].as_str().expect("a name").to_owned();
    assert!(named.starts_with("vm2_DataDisk_5_"), "{named}");
    let made = azure.done(Method::GET, &disk(&named), &Value::Null);
    assert_eq!(made["properties"]["diskState"], "Attached");
    assert_eq!(made["sku"]["name"], "StandardSSD_LRS");
    assert_eq!(
        azure.arm(Method::DELETE, &disk(&named), &Value::Null).0,
        409
    );
    // The same again is no change.
    azure.done(Method::PUT, &vm, &body);
    let again = azure.done(Method::GET, &vm, &Value::Null);
    assert_eq!(&again["properties"]["storageProfile"]["dataDisks"], disks);
    azure.later();
    azure.done(Method::DELETE, &vm, &Value::Null);
    azure.later();
    let kept = azure.done(Method::GET, &disk("stays"), &Value::Null);
    assert_eq!(kept["properties"]["diskState"], "Unattached");
    assert_eq!(azure.arm(Method::GET, &disk(&named), &Value::Null).0, 404);
}

#[test]
fn a_disk_is_attached_and_taken_off_by_every_way() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let one = json!({"lun": 1, "createOption": "Attach", "managedDisk": azure.id(&disk("disk1"))});
    // As `az vm update --set` and Terraform do it: the whole list.
    azure.done(Method::PATCH, VM, &with_disks(&json!([one])));
    let machine = azure.done(Method::GET, VM, &Value::Null);
    assert_eq!(names(&machine), ["disk1"]);
    assert_eq!(
        machine["properties"]["storageProfile"]["dataDisks"][0]["diskSizeGB"],
        8
    );
    // A PATCH that says nothing of disks leaves them.
    azure.done(Method::PATCH, VM, &json!({"tags": {"x": "y"}}));
    assert_eq!(names(&azure.done(Method::GET, VM, &Value::Null)), ["disk1"]);
    let mut off = one.clone();
    off["toBeDetached"] = json!(true);
    let new = json!({"lun": 0, "name": "new", "createOption": "Empty", "diskSizeGB": 1});
    azure.done(Method::PATCH, VM, &with_disks(&json!([off, new])));
    assert_eq!(names(&azure.done(Method::GET, VM, &Value::Null)), ["new"]);
    let free = azure.done(Method::GET, &disk("disk1"), &Value::Null);
    assert_eq!(free["properties"]["diskState"], "Unattached");
    let change = format!("{VM}/attachDetachDataDisks");
    let id = |name: &str| azure.id(&disk(name))["id"].clone();
    azure.done(
        Method::POST,
        &change,
        &json!({
            "dataDisksToDetach": [{"diskId": id("new")}], "dataDisksToAttach": [{"diskId": id("disk1")}],
        }),
    );
    assert_eq!(names(&azure.done(Method::GET, VM, &Value::Null)), ["disk1"]);
    azure.later();
    azure.done(Method::DELETE, &disk("new"), &Value::Null);
}

#[test]
fn what_cannot_be_attached_is_refused_and_leaves_nothing() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    azure.furnish("h", "2");
    let elsewhere = "/resourceGroups/h/providers/Microsoft.Compute";
    let other = format!("{elsewhere}/disks/disk2");
    let attach = |id: &Value| json!({"lun": 0, "createOption": "Attach", "managedDisk": id});
    azure.done(
        Method::PATCH,
        &format!("{elsewhere}/virtualMachines/vm2"),
        &with_disks(&json!([attach(&azure.id(&other))])),
    );
    azure.later();
    let before = azure.state();
    let empty = |lun: Value| json!({"lun": lun, "createOption": "Empty", "diskSizeGB": 1});
    let many: Vec<Value> = (0..5).map(|lun| empty(json!(lun))).collect();
    for (list, status, code) in [
        (
            json!([attach(&azure.id(&other))]),
            409,
            "AttachDiskWhileBeingAttached",
        ),
        (json!([attach(&azure.id(&disk("none")))]), 404, "NotFound"),
        (
            json!([empty(json!(1)), empty(json!(1))]),
            400,
            "InvalidParameter",
        ),
        (json!([empty(json!(64))]), 400, "InvalidParameter"),
        (json!([empty(Value::Null)]), 400, "InvalidParameter"),
        (
            json!([{"lun": 0, "createOption": "Empty"}]),
            400,
            "InvalidParameter",
        ),
        (
            json!([{"lun": 0, "diskSizeGB": 1}]),
            400,
            "InvalidParameter",
        ),
        (
            json!([{"lun": 0, "createOption": "FromImage"}]),
            400,
            "InvalidParameter",
        ),
        // Standard_D2s_v3 takes four.
        (json!(many), 409, "OperationNotAllowed"),
    ] {
        let (is, answer) = azure.arm(Method::PATCH, VM, &with_disks(&list));
        assert_eq!(
            (is, &answer["error"]["code"]),
            (status, &json!(code)),
            "{list}"
        );
        assert_eq!(azure.state(), before, "{list}");
    }
}

#[test]
fn a_disk_has_a_size_that_disks_have() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let before = azure.state();
    for size in [
        json!(0),
        json!(-1),
        json!(99_999_999),
        json!("4"),
        json!(4.5),
    ] {
        let body = json!({"location": "eastus", "properties": {
            "creationData": {"createOption": "Empty"}, "diskSizeGB": size,
        }});
        assert_eq!(azure.arm(Method::PUT, &disk("odd"), &body).0, 400, "{size}");
        let one = json!([{"lun": 0, "createOption": "Empty", "diskSizeGB": size}]);
        assert_eq!(
            azure.arm(Method::PATCH, VM, &with_disks(&one)).0,
            400,
            "{size}"
        );
        assert_eq!(azure.state(), before);
    }
}
