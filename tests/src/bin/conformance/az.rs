//! The real Azure CLI, unmodified.

use crate::clients::Missing;
use crate::suite::{Case, World};
use crate::tutorial::{Identity, Tutorial};
use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, PASSWORD, VAULT, VM};
use serde_json::{Value, json};

/// Signs in as the service principal that `az-local env` gives.
pub(crate) const LOGIN: &str = "az login --service-principal -u \"$AZURE_CLIENT_ID\" -p \"$AZURE_CLIENT_SECRET\" --tenant \"$AZURE_TENANT_ID\" -o none\n";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("az/tutorial-system-assigned", |world| {
            tutorial(world, Identity::System)
        }),
        Case::new("az/tutorial-user-assigned", |world| {
            tutorial(world, Identity::User)
        }),
        Case::new("az/sign-in", sign_in),
        Case::new("az/sign-in-certificate", sign_in_certificate),
        Case::new("az/sign-in-managed-identity", sign_in_managed_identity),
        Case::new("az/group", group),
        Case::new("az/vm", vm),
        Case::new("az/vm-create-again", vm_create_again),
        Case::new("az/vm-identity", vm_identity),
        Case::new("az/identity", identity),
        Case::new("az/role", role),
        Case::new("az/keyvault", keyvault),
        Case::new("az/secret", secret),
        Case::new("az/secret-denied", secret_denied),
        Case::new("az/resource-list", resource_list),
        Case::new("az/rest", rest),
        Case::new("az/deployment", deployment),
        Case::new("az/deployment-refused", deployment_refused),
        Case::new("az/not-found", not_found),
    ]
}

/// The tutorial's own commands, as they stand there.
fn tutorial(world: &World, identity: Identity) -> Result<(), Missing> {
    let tutorial = Tutorial::read()?;
    let azure = world.azure();
    world.script(&azure, LOGIN)?;
    steps_1_to_3(world, &azure, &tutorial, identity)?;
    on_the_machine(world, &azure)?;
    let ran = steps(world, &azure, &tutorial, identity, |command| {
        is_clean_up(command)
    })?;
    assert_eq!(ran, 2, "a group is deleted, and a vault is purged");
    world.script(&azure, "for i in $(seq 100); do [ \"$(az-local resources --count)\" = 0 ] && exit; done; az-local resources; exit 1")?;
    Ok(())
}

/// Up to the role assignment, and the machine's address.
pub(crate) fn steps_1_to_3(
    world: &World,
    azure: &Azure,
    tutorial: &Tutorial,
    identity: Identity,
) -> Result<(), Missing> {
    let ran = steps(world, azure, tutorial, identity, |command| {
        !is_clean_up(command)
    })?;
    let wanted = if identity == Identity::System { 8 } else { 9 };
    assert_eq!(ran, wanted, "commands up to step 4");
    Ok(())
}

fn is_clean_up(command: &str) -> bool {
    command.starts_with("az group delete") || command.starts_with("az keyvault purge")
}

/// Runs the tutorial's commands that are wanted, with their placeholders filled in. Says how many.
fn steps(
    world: &World,
    azure: &Azure,
    tutorial: &Tutorial,
    identity: Identity,
    wanted: impl Fn(&str) -> bool,
) -> Result<usize, Missing> {
    let (mut principal, mut vault) = (String::new(), String::new());
    let mut ran = 0;
    for command in tutorial
        .commands(identity)
        .iter()
        .filter(|command| wanted(command))
    {
        let filled = command
            .replace("<password>", PASSWORD)
            .replace("<keyVaultName>", VAULT)
            .replace("<principalId>", &principal)
            .replace("<keyVaultId>", &vault);
        assert!(!filled.contains('<'), "a placeholder is left: {filled}");
        let printed = world.script(azure, &filled)?.trim_end().to_owned();
        ran += 1;
        if command.contains("--query principalId") {
            principal = printed;
        } else if command.contains("--query id") {
            vault = printed;
        } else if command.contains("--query publicIps") {
            assert!(
                printed.starts_with("198.1"),
                "no address of the local Azure: {printed}"
            );
        }
    }
    Ok(ran)
}

/// Step 4: the secret is written on the machine, and read at the desk once its principal may.
fn on_the_machine(world: &World, azure: &Azure) -> Result<(), Missing> {
    azure
        .on_machine(
            VM,
            "kv-set quickstart-secret --show-value -o text --wait-for-access 2m",
        )
        .write_stdin("createdWithRust")
        .assert()
        .success();
    world.script(
        azure,
        &format!("az keyvault secret show --vault-name {VAULT} --name quickstart-secret >denied 2>&1 && exit 1; grep -q ForbiddenByRbac denied"),
    )?;
    azure.grant(&azure.own_object_id(), OFFICER);
    azure
        .run(&format!(
            "kv-get --list --vault-name {VAULT} --wait-for-access 2m"
        ))
        .assert()
        .success();
    let secret = json_of(
        world,
        azure,
        &format!("az keyvault secret show --vault-name {VAULT} --name quickstart-secret"),
    )?;
    assert_eq!(secret["value"], "createdWithRust");
    Ok(())
}

fn json_of(world: &World, azure: &Azure, script: &str) -> Result<Value, Missing> {
    let text = world.script(azure, script)?;
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {script}: {text}")))
}

fn sign_in(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    // A later one would be served from the cache of tokens.
    let wrong = world.try_script(
        &azure,
        "az login --service-principal -u \"$AZURE_CLIENT_ID\" -p wrong --tenant \"$AZURE_TENANT_ID\"",
    )?;
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        !wrong.status.success() && said.contains("AADSTS7000215"),
        "{said}"
    );
    world.script(&azure, LOGIN)?;
    let account = json_of(world, &azure, "az account show")?;
    assert_eq!(account["id"], azure.var("AZURE_SUBSCRIPTION_ID"));
    assert_eq!(account["name"], "Local Subscription");
    assert_eq!(account["tenantId"], azure.var("AZURE_TENANT_ID"));
    assert_eq!(
        account["user"],
        json!({"name": azure.var("AZURE_CLIENT_ID"), "type": "servicePrincipal"})
    );
    assert_eq!(
        json_of(world, &azure, "az account list")?
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let token = json_of(
        world,
        &azure,
        "az account get-access-token --resource https://vault.azure.net",
    )?;
    assert_eq!(token["tokenType"], "Bearer");
    assert_eq!(
        token["accessToken"]
            .as_str()
            .map(|token| token.split('.').count()),
        Some(3)
    );
    Ok(())
}

fn sign_in_certificate(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    world.script(
        &azure,
        "az-local credential certificate --output-dir . >/dev/null
         az login --service-principal -u \"$AZURE_CLIENT_ID\" --certificate certificate.pem --tenant \"$AZURE_TENANT_ID\" -o none
         az group list",
    )?;
    Ok(())
}

fn sign_in_managed_identity(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group().with_vm().with_vault();
    crate::go::machine_with_access(&azure, Identity::System);
    let az = world.clients.az()?.join("az");
    let az = az.display();
    let script = format!(
        "{az} login --identity --allow-no-subscriptions -o none && {az} keyvault secret set --vault-name {VAULT} -n by-identity --value v --query value -o tsv"
    );
    let mut command = azure.local();
    command.args([
        "vm", "exec", "-g", GROUP, "-n", VM, "--", "sh", "-c", &script,
    ]);
    let output = command.assert().success();
    assert_eq!(output.get_output().stdout, b"v\n");
    Ok(())
}

fn group(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    world.script(
        &azure,
        &format!(
            "{LOGIN}
             az group create -n {GROUP} -l eastus --tags a=b -o none
             [ \"$(az group exists -n {GROUP})\" = true ]
             az group update -n {GROUP} --set tags.c=d -o none
             [ \"$(az group show -n {GROUP} --query tags.c -o tsv)\" = d ]
             [ \"$(az group list --tag a=b --query 'length(@)')\" = 1 ]
             az-local set operation-time 4s >/dev/null
             az group delete -n {GROUP} --yes
             [ \"$(az group exists -n {GROUP})\" = false ]"
        ),
    )?;
    Ok(())
}

const VM_CREATE: &str = "az vm create -g go-on-azure -n go-on-azure-vm --image Ubuntu2204 --admin-username azureuser --admin-password Correct-Horse-1";

fn vm(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group();
    let made = json_of(world, &azure, &format!("{LOGIN}{VM_CREATE}"))?;
    assert_eq!(made["powerState"], "VM running");
    let address = made["publicIpAddress"]
        .as_str()
        .expect("an address")
        .to_owned();
    let shown = json_of(world, &azure, &format!("az vm show -d -g {GROUP} -n {VM}"))?;
    assert_eq!(shown["publicIps"], address.as_str());
    assert_eq!(shown["hardwareProfile"]["vmSize"], "Standard_D2s_v5");
    assert_eq!(
        shown["storageProfile"]["imageReference"]["sku"],
        "22_04-lts-gen2"
    );
    let addresses = json_of(
        world,
        &azure,
        &format!("az vm list-ip-addresses -g {GROUP} -n {VM}"),
    )?;
    assert_eq!(
        addresses[0]["virtualMachine"]["network"]["publicIpAddresses"][0]["ipAddress"],
        address.as_str()
    );
    let script = format!(
        "[ \"$(az vm list -d --query '[].powerState' -o tsv)\" = 'VM running' ]
         az vm deallocate -g {GROUP} -n {VM}
         [ \"$(az vm get-instance-view -g {GROUP} -n {VM} --query 'instanceView.statuses[1].code' -o tsv)\" = PowerState/deallocated ]
         az vm start -g {GROUP} -n {VM}
         az vm restart -g {GROUP} -n {VM}
         [ \"$(az vm run-command invoke -g {GROUP} -n {VM} --command-id RunShellScript --scripts 'echo \"$1 $user\"' 'echo bad >&2' --parameters hello user=me --query 'value[0].message' -o tsv)\" = \"$(printf 'Enable succeeded: \\n[stdout]\\nhello me\\n\\n[stderr]\\nbad')\" ]
         [ \"$(az vm show -d -g {GROUP} -n {VM} --query powerState -o tsv)\" = 'VM running' ]
         az vm delete -g {GROUP} -n {VM} --yes
         [ -z \"$(az vm list -o tsv)\" ]"
    );
    world.script(&azure, &script)?;
    Ok(())
}

fn vm_create_again(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group();
    world.script(
        &azure,
        &format!("{LOGIN}{VM_CREATE} -o none\n{VM_CREATE} -o none"),
    )?;
    // A second machine shares the network of the first.
    world.script(
        &azure,
        "az vm create -g go-on-azure -n second --image Debian11 --admin-username azureuser --generate-ssh-keys --assign-identity -o none
         [ \"$(az network vnet list --query 'length(@)')\" = 1 ]
         [ -n \"$(az vm identity show -g go-on-azure -n second --query principalId -o tsv)\" ]",
    )?;
    let changed = world.try_script(&azure, &VM_CREATE.replace("Ubuntu2204", "Debian11"))?;
    let said = String::from_utf8_lossy(&changed.stderr).into_owned();
    assert!(
        !changed.status.success() && said.contains("PropertyChangeNotAllowed"),
        "{said}"
    );
    Ok(())
}

fn vm_identity(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group().with_vm();
    let assign = format!("az vm identity assign -g {GROUP} -n {VM}");
    let system = json_of(world, &azure, &format!("{LOGIN}{assign}"))?;
    let principal = system["systemAssignedIdentity"]
        .as_str()
        .expect("a principal")
        .to_owned();
    let both = json_of(
        world,
        &azure,
        &format!(
            "az identity create -g {GROUP} -n {IDENTITY} -o none; {assign} --identities {IDENTITY}"
        ),
    )?;
    assert_eq!(both["systemAssignedIdentity"], principal.as_str());
    assert_eq!(
        both["userAssignedIdentities"]
            .as_object()
            .map(serde_json::Map::len),
        Some(1)
    );
    let shown = json_of(
        world,
        &azure,
        &format!("az vm identity show -g {GROUP} -n {VM}"),
    )?;
    assert_eq!(shown["type"], "SystemAssigned, UserAssigned");
    world.script(
        &azure,
        &format!("az vm identity remove -g {GROUP} -n {VM} --identities {IDENTITY} -o none"),
    )?;
    let left = json_of(
        world,
        &azure,
        &format!("az vm identity show -g {GROUP} -n {VM}"),
    )?;
    assert_eq!(
        (&left["type"], &left["principalId"]),
        (&json!("SystemAssigned"), &json!(principal))
    );
    world.script(
        &azure,
        &format!("az vm identity remove -g {GROUP} -n {VM} --identities '[system]' -o none\n[ -z \"$(az vm identity show -g {GROUP} -n {VM})\" ]"),
    )?;
    Ok(())
}

fn identity(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group();
    let made = json_of(
        world,
        &azure,
        &format!("{LOGIN}az identity create -g {GROUP} -n {IDENTITY} --tags a=b"),
    )?;
    let shown = json_of(
        world,
        &azure,
        &format!("az identity show -g {GROUP} -n {IDENTITY}"),
    )?;
    assert_eq!(made, shown);
    assert_eq!(json_of(world, &azure, "az identity list")?, json!([made]));
    world.script(
        &azure,
        &format!("az identity delete -g {GROUP} -n {IDENTITY}\n[ \"$(az identity list --query 'length(@)')\" = 0 ]"),
    )?;
    Ok(())
}

fn role(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group().with_vault();
    let principal = azure.text(
        &format!("az-identity create -g {GROUP} -n {IDENTITY}"),
        "principalId",
    );
    let scope = azure.vault_id();
    azure
        .local()
        .args(["clock", "advance", "1m"])
        .assert()
        .success();
    let create = format!(
        "az role assignment create --assignee {principal} --role '{OFFICER}' --scope {scope}"
    );
    let made = json_of(world, &azure, &format!("{LOGIN}{create}"))?;
    assert_eq!(made["principalType"], "ServicePrincipal");
    // An application's id is found in the directory.
    world.script(
        &azure,
        &format!("az role assignment create --assignee \"$AZURE_CLIENT_ID\" --role Reader --scope {scope} -o none
                  az role assignment delete --assignee \"$AZURE_CLIENT_ID\" --role Reader --scope {scope}"),
    )?;
    // The same again is the same.
    assert_eq!(json_of(world, &azure, &create)?["id"], made["id"]);
    let listed = json_of(
        world,
        &azure,
        &format!("az role assignment list --scope {scope}"),
    )?;
    assert_eq!(
        (&listed[0]["roleDefinitionName"], &listed[0]["id"]),
        (&json!(OFFICER), &made["id"])
    );
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let by_assignee = json_of(
        world,
        &azure,
        &format!("az role assignment list --assignee {principal} --all"),
    )?;
    assert_eq!(by_assignee[0]["id"], made["id"]);
    let definition = json_of(
        world,
        &azure,
        &format!("az role definition list --name '{OFFICER}'"),
    )?;
    assert_eq!(definition.as_array().map(Vec::len), Some(1));
    assert_eq!(
        definition[0]["name"],
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
    );
    world.script(
        &azure,
        &format!(
            "az role assignment delete --assignee {principal} --role '{OFFICER}' --scope {scope}
             [ \"$(az role assignment list --scope {scope} --query 'length(@)')\" = 0 ]
             az role assignment create --assignee-object-id {principal} --assignee-principal-type ServicePrincipal --role b86a8fe4-44ce-4948-aee5-eccb2c155cd7 --scope {scope} -o none
             az role assignment delete --ids $(az role assignment list --scope {scope} --query '[0].id' -o tsv)"
        ),
    )?;
    Ok(())
}

fn keyvault(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group();
    let made = json_of(
        world,
        &azure,
        &format!(
            "{LOGIN}az keyvault create --location eastus --name {VAULT} --resource-group {GROUP} --enable-rbac-authorization"
        ),
    )?;
    assert_eq!(made["properties"]["provisioningState"], "Succeeded");
    let shown = json_of(world, &azure, &format!("az keyvault show --name {VAULT}"))?;
    assert_eq!(
        shown["properties"]["vaultUri"],
        made["properties"]["vaultUri"]
    );
    world.script(
        &azure,
        &format!(
            "[ \"$(az keyvault list --query '[0].name' -o tsv)\" = {VAULT} ]
             az keyvault update -n {VAULT} --set tags.a=b -o none
             az keyvault delete -n {VAULT}
             [ \"$(az keyvault list-deleted --query '[0].name' -o tsv)\" = {VAULT} ]
             [ \"$(az keyvault show-deleted -n {VAULT} --query properties.tags.a -o tsv)\" = b ]
             az keyvault recover -n {VAULT} -o none
             [ \"$(az keyvault show -n {VAULT} --query tags.a -o tsv)\" = b ]
             az keyvault delete -n {VAULT}
             az keyvault purge -n {VAULT}
             [ \"$(az keyvault list-deleted --query 'length(@)')\" = 0 ]"
        ),
    )?;
    Ok(())
}

fn secret(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group().with_vault();
    azure.grant(&azure.own_object_id(), "Key Vault Administrator");
    azure
        .run(&format!(
            "kv-get --list --vault-name {VAULT} --wait-for-access 2m"
        ))
        .assert()
        .success();
    let on = format!("--vault-name {VAULT} --name s");
    let first = json_of(
        world,
        &azure,
        &format!(
            "{LOGIN}az keyvault secret set {on} --value one --content-type text/plain --tags a=b --expires 2030-01-02T03:04:05Z"
        ),
    )?;
    assert_eq!(
        (&first["value"], &first["contentType"], &first["tags"]["a"]),
        (&json!("one"), &json!("text/plain"), &json!("b"))
    );
    assert_eq!(first["attributes"]["expires"], "2030-01-02T03:04:05+00:00");
    let version = first["id"]
        .as_str()
        .and_then(|id| id.rsplit('/').next())
        .expect("a version")
        .to_owned();
    world.script(
        &azure,
        &format!(
            "az keyvault secret set {on} --value two -o none
             [ \"$(az keyvault secret show {on} --query value -o tsv)\" = two ]
             [ \"$(az keyvault secret show {on} --version {version} --query value -o tsv)\" = one ]
             [ \"$(az keyvault secret list --vault-name {VAULT} --query 'length(@)')\" = 1 ]
             [ \"$(az keyvault secret list-versions {on} --query 'length(@)')\" = 2 ]
             az keyvault secret set-attributes {on} --enabled false -o none
             az keyvault secret show {on} >denied 2>&1 && exit 1
             grep -q SecretDisabled denied
             az keyvault secret delete {on} -o none
             [ \"$(az keyvault secret list-deleted --vault-name {VAULT} --query '[0].name' -o tsv)\" = s ]
             az keyvault secret recover {on} -o none
             az keyvault secret delete {on} -o none
             az keyvault secret purge {on}
             [ \"$(az keyvault secret list-deleted --vault-name {VAULT} --query 'length(@)')\" = 0 ]"
        ),
    )?;
    Ok(())
}

fn secret_denied(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group().with_vault();
    let denied = world.try_script(
        &azure,
        &format!("{LOGIN}az keyvault secret set --vault-name {VAULT} -n s --value v"),
    )?;
    let said = String::from_utf8_lossy(&denied.stderr).into_owned();
    assert!(
        denied.status.code() == Some(1) && said.contains("ForbiddenByRbac"),
        "{said}"
    );
    Ok(())
}

fn resource_list(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group().with_vm().with_vault();
    let all = json_of(world, &azure, &format!("{LOGIN}az resource list"))?;
    assert_eq!(all.as_array().map(Vec::len), Some(7), "{all}");
    let one = json_of(
        world,
        &azure,
        "az resource list --resource-type Microsoft.KeyVault/vaults",
    )?;
    assert_eq!(one[0]["name"], VAULT);
    let tagged = json_of(
        world,
        &azure,
        &format!(
            "az resource tag --ids {} --tags a=b -o none; az resource list --tag a=b",
            azure.vault_id()
        ),
    )?;
    assert_eq!(tagged.as_array().map(Vec::len), Some(1), "{tagged}");
    Ok(())
}

fn rest(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    let listed = json_of(
        world,
        &azure,
        &format!(
            "{LOGIN}az rest --url https://management.azure.com/subscriptions?api-version=2022-12-01"
        ),
    )?;
    assert_eq!(
        listed["value"][0]["subscriptionId"],
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    let own = azure.own_object_id();
    let principal = json_of(
        world,
        &azure,
        &format!("az rest --url 'https://graph.microsoft.com/v1.0/servicePrincipals/{own}'"),
    )?;
    assert_eq!(principal["appId"], azure.var("AZURE_CLIENT_ID"));
    Ok(())
}

const TEMPLATE: &str = r#"cat > template.json <<'END'
{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
 "parameters": {"name": {"type": "string"}, "location": {"type": "string", "defaultValue": "[resourceGroup().location]"}},
 "resources": [{"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2024-11-30",
   "name": "[parameters('name')]", "location": "[parameters('location')]"}],
 "outputs": {"principal": {"type": "string", "value": "[reference(parameters('name')).principalId]"}}}
END
"#;

fn deployment(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group();
    let run = format!("-g {GROUP} --template-file template.json --parameters name={IDENTITY}");
    let before = json_of(
        world,
        &azure,
        &format!("{LOGIN}{TEMPLATE}az deployment group what-if {run} --no-pretty-print"),
    )?;
    assert_eq!(before["changes"][0]["changeType"], "Create");
    world.script(
        &azure,
        &format!("az deployment group validate {run} -o none"),
    )?;
    let made = json_of(
        world,
        &azure,
        &format!("az deployment group create {run} -n first"),
    )?;
    let principal = azure.text(
        &format!("az-identity show -g {GROUP} -n {IDENTITY}"),
        "principalId",
    );
    assert_eq!(
        made["properties"]["outputs"]["principal"]["value"],
        principal
    );
    world.script(
        &azure,
        &format!(
            "[ \"$(az deployment group show -g {GROUP} -n first --query properties.provisioningState -o tsv)\" = Succeeded ]
             [ \"$(az deployment group list -g {GROUP} --query 'length(@)')\" = 1 ]
             [ \"$(az deployment operation group list -g {GROUP} -n first --query 'length(@)')\" = 1 ]
             az deployment group export -g {GROUP} -n first -o none
             az deployment group delete -g {GROUP} -n first
             [ \"$(az deployment group list -g {GROUP} --query 'length(@)')\" = 0 ]"
        ),
    )?;
    Ok(())
}

fn deployment_refused(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group();
    let run = format!(
        "az deployment group create -g {GROUP} --template-file template.json --parameters name=some"
    );
    for (change, word) in [
        (
            "sed -i 's/resourceGroup()/nonsense()/' template.json",
            "nonsense",
        ),
        (
            "sed -i 's/resourceGroup().location/concat()/' template.json",
            "InvalidTemplate",
        ),
        (
            "sed -i \"s/\\[resourceGroup().location\\]/atlantis/\" template.json",
            "LocationNotAvailableForResourceType",
        ),
    ] {
        let refused = world.try_script(&azure, &format!("{LOGIN}{TEMPLATE}{change}\n{run}"))?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains(word),
            "{change}: {said}"
        );
    }
    Ok(())
}

/// What is not there is exit status 3, as everywhere with `az`.
fn not_found(world: &World) -> Result<(), Missing> {
    let azure = world.azure().with_group();
    world.script(&azure, LOGIN)?;
    for command in [
        format!("az vm show -g {GROUP} -n none"),
        "az group show -n none".to_owned(),
        format!("az identity show -g {GROUP} -n none"),
        format!("az deployment group show -g {GROUP} -n none"),
    ] {
        let output = world.try_script(&azure, &command)?;
        assert_eq!(
            output.status.code(),
            Some(3),
            "{command}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
