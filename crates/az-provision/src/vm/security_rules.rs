//! The rules of a network security group.

use crate::cli::NsgRule;
use serde_json::{Value, json};

/// The strings of a list.
pub(super) fn texts(values: &Value) -> Vec<&str> {
    let values = values.as_array().into_iter().flatten();
    values.filter_map(Value::as_str).collect()
}

/// Whether a security group has a rule that lets a port in, given as `80` or `8000-8100`.
pub(super) fn opens(group: &Value, port: &str) -> bool {
    let ends = |range: &str| -> Option<(u16, u16)> {
        if range == "*" {
            return Some((0, u16::MAX));
        }
        match range.split_once('-') {
            Some((from, to)) => Some((from.parse().ok()?, to.parse().ok()?)),
            None => range.parse().ok().map(|port| (port, port)),
        }
    };
    let rules = group["properties"]["securityRules"].as_array();
    rules.into_iter().flatten().any(|rule| {
        let rule = &rule["properties"];
        let text = |member: &str| rule[member].as_str().unwrap_or_default();
        let mut ranges = texts(&rule["destinationPortRanges"]);
        ranges.extend(rule["destinationPortRange"].as_str());
        let within = ranges.into_iter().any(|range| {
            let (Some(range), Some(wanted)) = (ends(range), ends(port)) else {
                return false;
            };
            range.0 <= wanted.0 && wanted.1 <= range.1
        });
        within
            && text("direction").eq_ignore_ascii_case("Inbound")
            && text("access").eq_ignore_ascii_case("Allow")
            && ["tcp", "*"].contains(&text("protocol").to_ascii_lowercase().as_str())
    })
}

/// The rules of a new security group: the one for signing in, and one for each further port.
pub(super) fn new(sign_in: NsgRule, ports: &[String]) -> Vec<Value> {
    let rule = |name: &str, port: &str, priority: usize| {
        json!({"name": name, "properties": {
            "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": port,
            "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
            "access": "Allow", "priority": priority, "direction": "Inbound",
        }})
    };
    let default = match sign_in {
        NsgRule::None => None,
        NsgRule::Rdp => Some(("rdp", "3389")),
        NsgRule::Ssh => Some(("default-allow-ssh", "22")),
    };
    let mut rules: Vec<Value> = default
        .iter()
        .map(|(name, port)| rule(name, port, 1000))
        .collect();
    let more = ports
        .iter()
        .filter(|port| default.is_none_or(|(_, known)| known != port.as_str()));
    for (index, port) in more.enumerate() {
        rules.push(rule(&name_of(port), port, 900 + index));
    }
    rules
}

/// The name of a rule for ports, as `az` names it.
pub(super) fn name_of(ports: &str) -> String {
    let ports = if ports == "*" { "all" } else { ports };
    format!("open-port-{ports}")
}

/// The inbound rule that has a priority.
pub(super) fn of_priority(group: &Value, priority: u16) -> Option<&Value> {
    let rules = group["properties"]["securityRules"].as_array();
    rules.into_iter().flatten().find(|rule| {
        let rule = &rule["properties"];
        rule["direction"] == "Inbound" && rule["priority"] == priority
    })
}

/// The first priority from `first` on that no inbound rule has. Azure refuses two rules of one direction with the same.
pub(super) fn free_priority(group: &Value, first: u16) -> Option<u16> {
    let rules = group["properties"]["securityRules"].as_array();
    let taken: Vec<u64> = rules
        .into_iter()
        .flatten()
        .filter(|rule| rule["properties"]["direction"] == "Inbound")
        .filter_map(|rule| rule["properties"]["priority"].as_u64())
        .collect();
    (first..=4096).find(|priority| !taken.contains(&u64::from(*priority)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_open_by_its_number_its_range_or_all() {
        let group = |range: Value, access: &str| {
            json!({"properties": {"securityRules": [{"properties": {
                "protocol": "TCP", "access": access, "direction": "Inbound", "priority": 900,
                "destinationPortRange": range,
            }}]}})
        };
        for (range, port, open) in [
            ("80", "80", true),
            ("80", "81", false),
            ("8000-8100", "8050", true),
            ("8000-8100", "8050-8101", false),
            ("*", "1-65535", true),
        ] {
            assert_eq!(
                opens(&group(range.into(), "Allow"), port),
                open,
                "{range} {port}"
            );
        }
        assert!(!opens(&group("80".into(), "Deny"), "80"));
        assert_eq!(free_priority(&group("80".into(), "Allow"), 900), Some(901));
    }
}
