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

/// A body's parts: each name once, each place once.
#[test]
fn parts_of_a_network_and_of_a_security_group_are_told_apart() {
    let azure = Azure::start();
    let path = |kind: &str| format!("/resourceGroups/g/providers/Microsoft.Network/{kind}/main");
    azure.done(
        Method::PUT,
        "/resourceGroups/g",
        &json!({"location": "eastus"}),
    );
    let code = |path: &str, body: &Value| {
        let (status, answer) = azure.arm(Method::PUT, path, body);
        let code = answer["error"]["code"].as_str().map(str::to_owned);
        (status, code.unwrap_or_default())
    };
    let network = |subnets: &[(&str, &str)]| {
        let subnets: Vec<Value> = subnets
            .iter()
            .map(|(name, prefix)| json!({"name": name, "properties": {"addressPrefix": prefix}}))
            .collect();
        json!({"location": "eastus", "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets,
        }})
    };
    let net = path("virtualNetworks");
    for (subnets, expected) in [
        (
            vec![
                ("a", "10.0.1.0/24"),
                ("b", "10.0.0.0/24"),
                ("c", "10.0.2.0/23"),
            ],
            "",
        ),
        (
            vec![("a", "10.0.1.0/24"), ("A", "10.0.3.0/24")],
            "DuplicateResourceName",
        ),
        (
            vec![("a", "10.0.0.0/16"), ("b", "10.0.3.0/24")],
            "NetcfgSubnetRangesOverlap",
        ),
        (
            vec![("b", "10.0.3.0/24"), ("a", "10.0.0.0/16")],
            "NetcfgSubnetRangesOverlap",
        ),
        (
            vec![("a", "10.0.3.0/24"), ("b", "10.0.3.0/24")],
            "NetcfgSubnetRangesOverlap",
        ),
        (
            vec![
                ("a", "10.0.0.0/25"),
                ("b", "10.0.1.0/24"),
                ("c", "10.0.0.128/25"),
            ],
            "",
        ),
        (vec![("a", "10.1.0.0/24")], "NetcfgSubnetRangeOutsideVnet"),
    ] {
        assert_eq!(code(&net, &network(&subnets)).1, expected, "{subnets:?}");
    }
    let group = |rules: &[(&str, i64, &str)]| {
        let rules: Vec<Value> = rules
            .iter()
            .map(|(name, priority, direction)| {
                json!({"name": name, "properties": {
                    "priority": priority, "direction": direction, "access": "Allow", "protocol": "*",
                    "sourcePortRange": "*", "destinationPortRange": "*",
                    "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
                }})
            })
            .collect();
        json!({"location": "eastus", "properties": {"securityRules": rules}})
    };
    let nsg = path("networkSecurityGroups");
    for (rules, expected) in [
        (
            vec![
                ("a", 100, "Inbound"),
                ("b", 100, "Outbound"),
                ("c", 101, "Inbound"),
            ],
            "",
        ),
        (
            vec![("a", 100, "Inbound"), ("b", 100, "inbound")],
            "SecurityRuleConflict",
        ),
        (
            vec![("a", 100, "Inbound"), ("A", 101, "Inbound")],
            "DuplicateResourceName",
        ),
    ] {
        assert_eq!(code(&nsg, &group(&rules)).1, expected, "{rules:?}");
    }
    // The same one by one.
    let rule = &group(&[("c", 100, "Inbound")])["properties"]["securityRules"][0];
    azure.done(
        Method::PUT,
        &nsg,
        &group(&[("a", 100, "Inbound"), ("b", 101, "Inbound")]),
    );
    assert_eq!(
        code(&format!("{nsg}/securityRules/c"), rule).1,
        "SecurityRuleConflict"
    );
    assert_eq!(code(&format!("{nsg}/securityRules/a"), rule).1, "");
    azure.done(
        Method::PUT,
        &net,
        &network(&[("a", "10.0.0.0/24"), ("b", "10.0.1.0/24")]),
    );
    let subnet = json!({"properties": {"addressPrefix": "10.0.0.0/23"}});
    assert_eq!(
        code(&format!("{net}/subnets/c"), &subnet).1,
        "NetcfgSubnetRangesOverlap"
    );
    let smaller = json!({"properties": {"addressPrefix": "10.0.0.0/25"}});
    assert_eq!(code(&format!("{net}/subnets/a"), &smaller).1, "");
}
