//! What our tools send, and what the local Azure answers, against the published schemas of Resource Manager's
//! templates.
//!
//! `AZ_CONTRACT` names the checker of requests; the schemas stand beside its folder, in `schemas/arm`. `AZ_TEST_LOGS`
//! names a folder of request logs, as the end-to-end tests keep them; without it a story's own log is checked.

use crate::clients::Missing;
use crate::suite::{Case, World};
use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, TOOLS, VM};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("contract/requests", requests),
        Case::new("contract/responses", responses),
    ]
}

fn checker() -> Result<PathBuf, Missing> {
    let path = std::env::var_os("AZ_CONTRACT").map_or_else(
        || PathBuf::from("../shared/tools/arm_contract.py"),
        PathBuf::from,
    );
    if path.is_file() {
        return Ok(path);
    }
    Err(Missing(format!(
        "the contract checker is not at {}: set AZ_CONTRACT to its path",
        path.display()
    )))
}

/// Everything that a tool of ours writes, once.
fn story(world: &World) -> Azure {
    let azure = world.recorded().with_group().with_vm().with_vault();
    let scope = azure.vault_id();
    azure
        .shell(&format!(
            "set -euo pipefail
             az-identity create -g {GROUP} -n {IDENTITY} --tags a=b >id.json
             az-identity vm assign -g {GROUP} -n {VM} -o none
             az-identity vm assign -g {GROUP} -n {VM} --identities {IDENTITY} -o none
             az-role assignment create --assignee - --role '{OFFICER}' --scope {scope} -o none <id.json
             az-role assignment list --scope {scope} -o none
             az-identity list -o none
             az-provision vm show -d -g {GROUP} -n {VM} -o none
             az-provision vm list -d -o none
             az-provision keyvault list -o none
             az-provision group list -o none"
        ))
        .assert()
        .success();
    azure
}

fn logs(world: &World) -> Vec<PathBuf> {
    let kept = std::env::var_os("AZ_TEST_LOGS").filter(|_| world.mutation.is_none());
    let files = kept.and_then(|folder| std::fs::read_dir(folder).ok());
    let files = files
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect()
}

/// The schema names the sizes of its first years; a location offers others. A template has its machines further in.
fn with_known_sizes(value: &mut Value) {
    if let Some(size) = value.pointer_mut("/hardwareProfile/vmSize") {
        *size = end_to_end::SIZE.into();
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(with_known_sizes),
        Value::Object(members) => members.values_mut().for_each(with_known_sizes),
        _ => {}
    }
}

fn requests(world: &World) -> Result<(), Missing> {
    let checker = checker()?;
    let python = world.clients.checker()?;
    let azure = story(world);
    let mut files = logs(world);
    files.push(azure.log_path().to_owned());
    let mut ours = tempfile::NamedTempFile::new().expect("a temporary file");
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a readable log");
        for line in text.lines() {
            let mut exchange: Value = serde_json::from_str(line).expect("a line of JSON");
            // The schema of the access extension wants every setting at once, of which az and ours send those that are meant.
            let is_extension = exchange["url"]
                .as_str()
                .is_some_and(|url| url.contains("/extensions/enablevmaccess"));
            if !sent_by_a_tool(&exchange) || is_extension {
                continue;
            }
            with_known_sizes(&mut exchange["requestBody"]);
            writeln!(ours, "{exchange}").expect("a temporary file can be written");
        }
    }
    let output = Command::new(python)
        .arg(checker)
        .arg(ours.path())
        .output()
        .expect("python runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    assert!(
        output.status.success() && last.ends_with(" 0 violations, 0 unchecked"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Whether an exchange of a request log began with one of our tools: tests send requests of their own too, also
/// ones that a service is to refuse.
fn sent_by_a_tool(exchange: &Value) -> bool {
    let agent = exchange["userAgent"].as_str().unwrap_or_default();
    let of = |tool: &str| {
        agent
            .strip_prefix(tool)
            .is_some_and(|rest| rest.starts_with('-'))
    };
    TOOLS.into_iter().any(of)
}

fn responses(world: &World) -> Result<(), Missing> {
    let schemas = Schemas::read(&checker()?)?;
    let azure = story(world);
    let mut checked = 0;
    let mut wrong = BTreeSet::new();
    let kept = logs(world);
    let mut texts: Vec<String> = kept
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect();
    texts.push(azure.log_text());
    for line in texts.iter().flat_map(|text| text.lines()) {
        let exchange: Value = serde_json::from_str(line).expect("a line of JSON");
        for (version, resource) in resources(&exchange) {
            let Some(kind) = resource["type"].as_str() else {
                continue;
            };
            if let Some(node) = schemas.of(kind, &version) {
                checked += 1;
                let mut found = Vec::new();
                schemas.check(&node, resource, "", kind, &mut found);
                wrong.extend(
                    found
                        .into_iter()
                        .map(|what| format!("{kind}@{version}: {what}")),
                );
            }
        }
    }
    assert!(
        checked > 20,
        "only {checked} resources of answers were checked"
    );
    assert!(
        wrong.is_empty(),
        "{} resources:\n{}",
        checked,
        wrong.into_iter().collect::<Vec<_>>().join("\n")
    );
    Ok(())
}

/// The resources in an answer of Resource Manager, with the version that they were asked for in.
fn resources(exchange: &Value) -> Vec<(String, &Value)> {
    let url = exchange["url"].as_str().unwrap_or_default();
    let good = exchange["status"]
        .as_u64()
        .is_some_and(|status| (200..300).contains(&status));
    let version = url
        .split(['?', '&'])
        .find_map(|part| part.strip_prefix("api-version="));
    let (true, Some(version)) = (
        good && url.starts_with("https://management.azure.com/"),
        version,
    ) else {
        return vec![];
    };
    let body = &exchange["responseBody"];
    let all = match &body["value"] {
        // A list of everything shows resources in part.
        Value::Array(_) if url.contains("/resources?") => return vec![],
        Value::Array(values) => values.iter().collect(),
        _ => vec![body],
    };
    all.into_iter()
        .filter(|one| one["id"].is_string())
        .map(|one| (version.to_owned(), one))
        .collect()
}

/// Members that only answers have, which the schemas of templates do not name: type, path, JSON type. They are as the
/// REST reference of each provider gives them (<https://learn.microsoft.com/rest/api/azure/>).
const READ_ONLY: &[(&str, &str, &str)] = &[
    ("", "/id", "string"),
    ("", "/name", "string"),
    ("", "/type", "string"),
    ("", "/systemData", "object"),
    ("", "/systemData/createdBy", "string"),
    ("", "/systemData/createdByType", "string"),
    ("", "/systemData/createdAt", "string"),
    ("", "/systemData/lastModifiedBy", "string"),
    ("", "/systemData/lastModifiedByType", "string"),
    ("", "/systemData/lastModifiedAt", "string"),
    ("", "**/etag", "string"),
    ("", "**/type", "string"),
    ("", "**/provisioningState", "string"),
    ("", "/properties/resourceGuid", "string"),
    (ASSIGNMENTS, "/properties/scope", "string"),
    (ASSIGNMENTS, "/properties/createdBy", "string?"),
    (ASSIGNMENTS, "/properties/createdOn", "string"),
    (ASSIGNMENTS, "/properties/updatedBy", "string?"),
    (ASSIGNMENTS, "/properties/updatedOn", "string"),
    (ASSIGNMENTS, "/properties/condition", "string?"),
    (ASSIGNMENTS, "/properties/conditionVersion", "string?"),
    (
        ASSIGNMENTS,
        "/properties/delegatedManagedIdentityResourceId",
        "string?",
    ),
    (ASSIGNMENTS, "/properties/description", "string?"),
    (DEFINITIONS, "/properties/type", "string"),
    (DEFINITIONS, "/properties/createdBy", "string?"),
    (DEFINITIONS, "/properties/createdOn", "string"),
    (DEFINITIONS, "/properties/updatedBy", "string?"),
    (DEFINITIONS, "/properties/updatedOn", "string"),
    (MACHINES, "/identity/principalId", "string"),
    (MACHINES, "/identity/tenantId", "string"),
    (
        MACHINES,
        "/identity/userAssignedIdentities/*/principalId",
        "string",
    ),
    (
        MACHINES,
        "/identity/userAssignedIdentities/*/clientId",
        "string",
    ),
    (MACHINES, "/properties/vmId", "string"),
    (MACHINES, "/properties/timeCreated", "string"),
    (
        MACHINES,
        "/properties/storageProfile/imageReference/exactVersion",
        "string",
    ),
    (
        MACHINES,
        "/properties/osProfile/requireGuestProvisionSignal",
        "boolean",
    ),
    (MACHINES, "/properties/instanceView", "object"),
    (MACHINES, "/properties/instanceView/computerName", "string"),
    (MACHINES, "/properties/instanceView/osName", "string"),
    (MACHINES, "/properties/instanceView/osVersion", "string"),
    (
        MACHINES,
        "/properties/instanceView/hyperVGeneration",
        "string",
    ),
    (MACHINES, "/properties/instanceView/vmAgent", "object"),
    (
        MACHINES,
        "/properties/instanceView/vmAgent/vmAgentVersion",
        "string",
    ),
    (
        MACHINES,
        "/properties/instanceView/vmAgent/extensionHandlers",
        "array",
    ),
    (MACHINES, "/properties/instanceView/extensions", "array"),
    (MACHINES, "/properties/instanceView/extensions/*", "object"),
    (
        MACHINES,
        "/properties/instanceView/extensions/*/name",
        "string",
    ),
    (
        MACHINES,
        "/properties/instanceView/extensions/*/typeHandlerVersion",
        "string",
    ),
    (MACHINES, "/properties/instanceView/disks", "array"),
    (MACHINES, "/properties/instanceView/disks/*", "object"),
    (MACHINES, "/properties/instanceView/disks/*/name", "string"),
    (MACHINES, "**/statuses", "array"),
    (MACHINES, "**/statuses/*", "object"),
    (MACHINES, "**/statuses/*/code", "string"),
    (MACHINES, "**/statuses/*/level", "string"),
    (MACHINES, "**/statuses/*/displayStatus", "string"),
    (MACHINES, "**/statuses/*/message", "string"),
    (MACHINES, "**/statuses/*/time", "string"),
    // The schema gives each publisher's members; the reference those of every extension.
    (EXTENSIONS, "/properties/autoUpgradeMinorVersion", "boolean"),
    (EXTENSIONS, "/properties/enableAutomaticUpgrade", "boolean"),
    (EXTENSIONS, "/properties/suppressFailures", "boolean"),
    (EXTENSIONS, "/properties/forceUpdateTag", "string"),
    (EXTENSIONS, "/properties/instanceView", "object"),
    (EXTENSIONS, "/properties/instanceView/name", "string"),
    (EXTENSIONS, "/properties/instanceView/type", "string"),
    (
        EXTENSIONS,
        "/properties/instanceView/typeHandlerVersion",
        "string",
    ),
    (EXTENSIONS, "**/statuses", "array"),
    (EXTENSIONS, "**/statuses/*", "object"),
    (EXTENSIONS, "**/statuses/*/code", "string"),
    (EXTENSIONS, "**/statuses/*/level", "string"),
    (EXTENSIONS, "**/statuses/*/displayStatus", "string"),
    (EXTENSIONS, "**/statuses/*/message", "string"),
    (EXTENSIONS, "**/statuses/*/time", "string"),
    (DEPLOYMENTS, "/properties/correlationId", "string"),
    (DEPLOYMENTS, "/properties/timestamp", "string"),
    (DEPLOYMENTS, "/properties/duration", "string"),
    (DEPLOYMENTS, "/properties/templateHash", "string"),
    (DEPLOYMENTS, "/properties/outputs", "object"),
    (DEPLOYMENTS, "/properties/error", "object"),
    (DEPLOYMENTS, "/properties/outputResources", "array"),
    (DEPLOYMENTS, "/properties/outputResources/*", "object"),
    (DEPLOYMENTS, "/properties/outputResources/*/id", "string"),
    (DEPLOYMENTS, "/properties/dependencies", "array"),
    (DEPLOYMENTS, "/properties/dependencies/*", "object"),
    (DEPLOYMENTS, "**/dependsOn", "array"),
    (DEPLOYMENTS, "**/dependsOn/*", "object"),
    (DEPLOYMENTS, "**/id", "string"),
    (DEPLOYMENTS, "**/resourceType", "string"),
    (DEPLOYMENTS, "**/resourceName", "string"),
    (DEPLOYMENTS, "/properties/providers", "array"),
    (DEPLOYMENTS, "/properties/providers/*", "object"),
    (DEPLOYMENTS, "/properties/providers/*/namespace", "string"),
    (DEPLOYMENTS, "**/resourceTypes", "array"),
    (DEPLOYMENTS, "**/resourceTypes/*", "object"),
    (DEPLOYMENTS, "**/locations", "array"),
    (DEPLOYMENTS, "**/locations/*", "string?"),
    (IDENTITIES, "/properties/clientId", "string"),
    (IDENTITIES, "/properties/principalId", "string"),
    (IDENTITIES, "/properties/tenantId", "string"),
    (
        INTERFACES,
        "/properties/dnsSettings/appliedDnsServers",
        "array",
    ),
    (
        INTERFACES,
        "/properties/dnsSettings/internalDomainNameSuffix",
        "string",
    ),
    (INTERFACES, "/properties/hostedWorkloads", "array"),
    (INTERFACES, "/properties/tapConfigurations", "array"),
    (INTERFACES, "/properties/macAddress", "string"),
    (INTERFACES, "/properties/primary", "boolean"),
    (INTERFACES, "/properties/virtualMachine", "object"),
    (INTERFACES, "/properties/virtualMachine/id", "string"),
    (GROUPS, "/properties/defaultSecurityRules", "array"),
    (GROUPS, "/properties/defaultSecurityRules/*", "object"),
    (GROUPS, "/properties/defaultSecurityRules/*/id", "string"),
    (GROUPS, "/properties/defaultSecurityRules/*/name", "string"),
    (
        GROUPS,
        "/properties/defaultSecurityRules/*/properties",
        "object",
    ),
    (GROUPS, "/properties/networkInterfaces", "array"),
    (GROUPS, "/properties/networkInterfaces/*", "object"),
    (GROUPS, "/properties/networkInterfaces/*/id", "string"),
    (GROUPS, "/properties/subnets", "array"),
    (GROUPS, "/properties/subnets/*", "object"),
    (GROUPS, "/properties/subnets/*/id", "string"),
    (NETWORKS, "**/ipConfigurations", "array"),
    (NETWORKS, "**/ipConfigurations/*", "object"),
    (NETWORKS, "**/ipConfigurations/*/id", "string"),
    (SUBNETS, "/properties/ipConfigurations", "array"),
    (SUBNETS, "/properties/ipConfigurations/*", "object"),
    (SUBNETS, "/properties/ipConfigurations/*/id", "string"),
    (ADDRESSES, "/properties/ipConfiguration", "object"),
    (ADDRESSES, "/properties/ipConfiguration/id", "string"),
];

const ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments";
const DEFINITIONS: &str = "Microsoft.Authorization/roleDefinitions";
const MACHINES: &str = "Microsoft.Compute/virtualMachines";
const EXTENSIONS: &str = "Microsoft.Compute/virtualMachines/extensions";
const DEPLOYMENTS: &str = "Microsoft.Resources/deployments";
const IDENTITIES: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const INTERFACES: &str = "Microsoft.Network/networkInterfaces";
const NETWORKS: &str = "Microsoft.Network/virtualNetworks";
const SUBNETS: &str = "Microsoft.Network/virtualNetworks/subnets";
const GROUPS: &str = "Microsoft.Network/networkSecurityGroups";
const ADDRESSES: &str = "Microsoft.Network/publicIPAddresses";

/// The published schemas, by file.
struct Schemas {
    files: HashMap<String, Value>,
    /// By type, in lower case, and version: a file and a pointer into it.
    index: HashMap<(String, String), (String, String)>,
}

/// A node of a schema, and the file that it is in.
#[derive(Clone)]
struct Node<'a> {
    file: &'a str,
    schema: &'a Value,
}

impl Schemas {
    fn read(checker: &Path) -> Result<Self, Missing> {
        let folder = checker
            .parent()
            .and_then(Path::parent)
            .unwrap_or(Path::new("."))
            .join("schemas/arm");
        let missing = |error: std::io::Error| {
            Missing(format!(
                "the schemas are not at {}: {error}",
                folder.display()
            ))
        };
        let mut schemas = Schemas {
            files: HashMap::new(),
            index: HashMap::new(),
        };
        for version in std::fs::read_dir(&folder).map_err(missing)?.flatten() {
            for file in std::fs::read_dir(version.path())
                .into_iter()
                .flatten()
                .flatten()
            {
                let Ok(text) = std::fs::read_to_string(file.path()) else {
                    continue;
                };
                let Ok(schema) = serde_json::from_str::<Value>(&text) else {
                    continue;
                };
                schemas.add(schema);
            }
        }
        Ok(schemas)
    }

    fn add(&mut self, schema: Value) {
        let id = schema["id"]
            .as_str()
            .unwrap_or_default()
            .trim_end_matches('#')
            .to_owned();
        for (group, definitions) in schema.as_object().into_iter().flatten() {
            for (name, definition) in definitions
                .as_object()
                .filter(|_| group.ends_with("esourceDefinitions"))
                .into_iter()
                .flatten()
            {
                let words = |member: &str| -> Vec<String> {
                    let all = definition["properties"][member]["enum"]
                        .as_array()
                        .into_iter()
                        .flatten();
                    all.filter_map(Value::as_str).map(str::to_owned).collect()
                };
                for kind in words("type") {
                    for version in words("apiVersion") {
                        let pointer = format!("/{group}/{name}");
                        self.index
                            .insert((kind.to_lowercase(), version), (id.clone(), pointer));
                    }
                }
            }
        }
        self.files.insert(id, schema);
    }

    fn of(&self, kind: &str, version: &str) -> Option<Node<'_>> {
        let (file, pointer) = self.index.get(&(kind.to_lowercase(), version.to_owned()))?;
        Some(Node {
            file,
            schema: self.files.get(file)?.pointer(pointer)?,
        })
    }

    /// Follows references; leaves out that a template may have an expression.
    fn alternatives<'a>(&'a self, node: &Node<'a>) -> Vec<Node<'a>> {
        if let Some(reference) = node.schema["$ref"].as_str() {
            let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
            let file = if file.is_empty() { node.file } else { file };
            let Some((file, document)) = self.files.get_key_value(file) else {
                return vec![];
            };
            if pointer.ends_with("/expression") {
                return vec![];
            }
            let found = document
                .pointer(pointer)
                .map(|schema| Node { file, schema });
            return found
                .map(|node| self.alternatives(&node))
                .unwrap_or_default();
        }
        let branches = ["oneOf", "anyOf", "allOf"]
            .iter()
            .find_map(|word| node.schema[word].as_array());
        match branches {
            Some(all) if node.schema["properties"].is_null() => all
                .iter()
                .flat_map(|schema| {
                    self.alternatives(&Node {
                        file: node.file,
                        schema,
                    })
                })
                .collect(),
            _ => vec![node.clone()],
        }
    }

    fn check(
        &self,
        node: &Node<'_>,
        value: &Value,
        path: &str,
        kind: &str,
        wrong: &mut Vec<String>,
    ) {
        let alternatives = self.alternatives(node);
        let mut best: Option<Vec<String>> = None;
        for alternative in &alternatives {
            let mut found = Vec::new();
            self.check_one(alternative, value, path, kind, &mut found);
            if best.as_ref().is_none_or(|best| found.len() < best.len()) {
                best = Some(found);
            }
        }
        wrong.extend(best.unwrap_or_default());
    }

    fn check_one(
        &self,
        node: &Node<'_>,
        value: &Value,
        path: &str,
        kind: &str,
        wrong: &mut Vec<String>,
    ) {
        let wanted = node.schema["type"].as_str();
        if let Some(wanted) = wanted.filter(|wanted| !is_of(value, wanted)) {
            wrong.push(format!("{path}: {value} is no {wanted}"));
            return;
        }
        match value {
            Value::Array(values) if node.schema["items"].is_object() => {
                let items = Node {
                    file: node.file,
                    schema: &node.schema["items"],
                };
                for value in values {
                    self.check(&items, value, &format!("{path}/*"), kind, wrong);
                }
            }
            Value::Object(members) => self.check_members(node, members, path, kind, wrong),
            _ => {}
        }
    }

    fn check_members(
        &self,
        node: &Node<'_>,
        members: &Map<String, Value>,
        path: &str,
        kind: &str,
        wrong: &mut Vec<String>,
    ) {
        let further = &node.schema["additionalProperties"];
        let union = ["oneOf", "anyOf", "allOf"]
            .iter()
            .any(|word| node.schema[word].is_array());
        for (name, value) in members {
            let parent = path;
            let path = format!("{parent}/{name}");
            let named = &node.schema["properties"][name];
            let own = ["/name", "/type"].contains(&path.as_str());
            if value.is_null() && read_only(&path, kind) == Some("string?") {
                continue;
            }
            if named.is_object() && !own {
                self.check(
                    &Node {
                        file: node.file,
                        schema: named,
                    },
                    value,
                    &path,
                    kind,
                    wrong,
                );
            } else if further.is_object() {
                let path = format!("{parent}/*");
                self.check(
                    &Node {
                        file: node.file,
                        schema: further,
                    },
                    value,
                    &path,
                    kind,
                    wrong,
                );
            } else if node.schema["properties"].is_object() && !union {
                check_read_only(value, &path, kind, wrong);
            }
        }
    }
}

/// The JSON type of a member that only answers have; `string?` may be null.
fn read_only(path: &str, kind: &str) -> Option<&'static str> {
    let fits = |known: &str| match known.strip_prefix("**") {
        Some(end) => path.ends_with(end),
        None => path == known,
    };
    READ_ONLY
        .iter()
        .find(|(of, known, _)| (of.is_empty() || of.eq_ignore_ascii_case(kind)) && fits(known))
        .map(|(.., wanted)| *wanted)
}

/// A member that a template has not.
fn check_read_only(value: &Value, path: &str, kind: &str, wrong: &mut Vec<String>) {
    match read_only(path, kind) {
        None => {
            let shown: String = value.to_string().chars().take(60).collect();
            wrong.push(format!("{path}: the reference has no such member: {shown}"));
        }
        Some(wanted) if !is_of(value, wanted) => {
            wrong.push(format!("{path}: {value} is no {wanted}"))
        }
        // Rules that Azure itself makes are as those that a template names.
        Some(_) if path.ends_with("/defaultSecurityRules/*/properties") => {}
        // A template's outputs are its author's, and an error's details those of whoever failed.
        Some(_)
            if kind == DEPLOYMENTS
                && matches!(path, "/properties/outputs" | "/properties/error") => {}
        Some(_) => match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                check_read_only(value, &format!("{path}/{name}"), kind, wrong)
            }),
            Value::Array(values) => values
                .iter()
                .for_each(|value| check_read_only(value, &format!("{path}/*"), kind, wrong)),
            _ => {}
        },
    }
}

fn is_of(value: &Value, wanted: &str) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "string?" => value.is_string() || value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        _ => true,
    }
}
