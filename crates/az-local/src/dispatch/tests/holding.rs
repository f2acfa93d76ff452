use super::azure::Azure;
use http::Method;
use serde_json::{Value, json};

const NIC: usize = 3;
const VM: usize = 6;

#[test]
fn an_interface_that_is_taken_off_a_machine_is_free() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let (nic, mut second) = azure.bodies("g", "1")[NIC].clone();
    let other = nic.replace("/nic1", "/nic9");
    second["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"] = Value::Null;
    azure.done(Method::PUT, &other, &second);
    let (vm, mut body) = azure.bodies("g", "1")[VM].clone();
    body["properties"]["networkProfile"]["networkInterfaces"] = json!([azure.id(&other)]);
    azure.done(Method::PUT, &vm, &body);
    azure.later();
    let first = azure.done(Method::GET, &nic, &Value::Null);
    assert_eq!(first["properties"]["virtualMachine"], Value::Null);
    let taken = azure.done(Method::GET, &other, &Value::Null);
    let holder = taken["properties"]["virtualMachine"]["id"].as_str();
    assert!(holder.is_some_and(|id| id.ends_with("/vm1")), "{taken}");
    let (status, answer) = azure.arm(Method::DELETE, &other, &Value::Null);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("NicInUse"))
    );
    azure.done(Method::DELETE, &nic, &Value::Null);
}

#[test]
fn a_disk_is_one_machines() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let bodies = azure.bodies("g", "2");
    for (path, body) in &bodies[..VM] {
        azure.done(Method::PUT, path, body);
    }
    let (vm, mut body) = bodies[VM].clone();
    body["properties"]["storageProfile"]["osDisk"]["name"] = json!("os1");
    let (status, answer) = azure.arm(Method::PUT, &vm, &body);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (409, &json!("ConflictingUserInput"))
    );
    let disk = "/resourceGroups/g/providers/Microsoft.Compute/disks/os1";
    let there = azure.done(Method::GET, disk, &Value::Null);
    assert!(
        there["managedBy"]
            .as_str()
            .is_some_and(|id| id.ends_with("/vm1"))
    );
    let (status, _) = azure.arm(Method::DELETE, disk, &Value::Null);
    assert_eq!(status, 409);
    // A PUT of the disk does not tear it off its machine.
    let plain =
        json!({"location": "eastus", "properties": {"creationData": {"createOption": "Empty"}}});
    azure.done(Method::PUT, disk, &plain);
    let there = azure.done(Method::GET, disk, &Value::Null);
    assert_eq!(there["properties"]["diskState"], "Attached");
}

#[test]
fn a_public_address_is_taken_once() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let (nic, body) = azure.bodies("g", "1")[NIC].clone();
    let other = nic.replace("/nic1", "/nic9");
    let (status, answer) = azure.arm(Method::PUT, &other, &body);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("PublicIPAddressInUse"))
    );
    let mut twice = body.clone();
    let mut second = twice["properties"]["ipConfigurations"][0].clone();
    second["name"] = json!("two");
    twice["properties"]["ipConfigurations"]
        .as_array_mut()
        .expect("an array")
        .push(second);
    let (status, answer) = azure.arm(Method::PUT, &nic, &twice);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("PublicIPAddressInUse"))
    );
    // Given back, it can be taken by the other.
    let mut without = body.clone();
    without["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"] = Value::Null;
    azure.done(Method::PUT, &nic, &without);
    azure.done(Method::PUT, &other, &body);
}

#[test]
fn private_addresses_are_given_back_with_their_interfaces() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let (nic, body) = azure.bodies("g", "1")[NIC].clone();
    let mut body = body;
    body["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"] = Value::Null;
    body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] =
        json!("10.0.0.77");
    body["properties"]["ipConfigurations"][0]["properties"]["privateIPAllocationMethod"] =
        json!("Static");
    let (one, two) = (nic.replace("/nic1", "/nic8"), nic.replace("/nic1", "/nic9"));
    azure.done(Method::PUT, &one, &body);
    let (status, answer) = azure.arm(Method::PUT, &two, &body);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("PrivateIPAddressNotInSubnet"))
    );
    azure.done(Method::DELETE, &one, &Value::Null);
    azure.later();
    azure.done(Method::PUT, &two, &body);
}

#[test]
fn what_a_deleted_machine_held_is_free() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let bodies = azure.bodies("g", "1");
    azure.done(Method::DELETE, &bodies[VM].0, &Value::Null);
    azure.later();
    for at in [NIC, 2, 1, 0] {
        azure.done(Method::DELETE, &bodies[at].0, &Value::Null);
        azure.later();
    }
    azure.done(
        Method::DELETE,
        "/resourceGroups/g/providers/Microsoft.Compute/disks/os1",
        &Value::Null,
    );
    azure.later();
    let left: Vec<String> = azure
        .state()
        .into_iter()
        .filter(|line| line.starts_with("hold ") || line.starts_with("address "))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}
