//! The real Azure CLI with people, groups, roles of one's own, and identities that others vouch for.

use crate::az::LOGIN;
use crate::clients::Missing;
use crate::suite::{Case, World};
use end_to_end::{GROUP, IDENTITY};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("az/people", people),
        Case::new("az/custom-role", custom_role),
        Case::new("az/federated-credential", federated_credential),
    ]
}

const PREPARE: &str = "\
SUB=/subscriptions/$AZURE_SUBSCRIPTION_ID
az-local set role-delay 0s >/dev/null; az-local set principal-delay 0s >/dev/null
az-local principal add user ada@example.com --password-file <(echo Correct-Horse-1) >/dev/null
az group create -n go-on-azure -l eastus -o none
";

fn people(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    let text = world.script(
        &azure,
        &format!(
            "{LOGIN}{PREPARE}\
            az ad user create --display-name Bob --password Other-Horse-2 --user-principal-name bob@example.com -o none\n\
            az ad group create --display-name Devs --mail-nickname devs -o none\n\
            az ad group member add -g Devs --member-id $(az ad user show --id ada@example.com --query id -o tsv)\n\
            az ad group member list -g Devs --query '[].userPrincipalName' -o tsv\n\
            az ad group member check -g Devs --member-id $(az ad user show --id bob@example.com --query id -o tsv) --query value\n\
            az role assignment create --assignee bob@example.com --role Reader --scope $SUB/resourceGroups/{GROUP} --query principalType -o tsv\n\
            az role assignment create --assignee-object-id $(az ad group show -g Devs --query id -o tsv) \
                --assignee-principal-type Group --role Contributor --scope $SUB/resourceGroups/{GROUP} -o none\n\
            az role assignment list --assignee ada@example.com --include-groups --scope $SUB/resourceGroups/{GROUP} --query '[].principalName' -o tsv\n\
            az login -u ada@example.com -p Correct-Horse-1 --query '[].user.type' -o tsv\n\
            az ad signed-in-user show --query userPrincipalName -o tsv\n\
            az identity create -g {GROUP} -n {IDENTITY} --query name -o tsv\n\
            az login -u bob@example.com -p Other-Horse-2 -o none\n\
            (az identity delete -g {GROUP} -n {IDENTITY} 2>&1 || true) | grep -m1 -o \"The client 'bob@example.com'\""
        ),
    )?;
    let expected = [
        "ada@example.com",
        "false",
        "User",
        "Devs",
        "user",
        "ada@example.com",
        IDENTITY,
        "The client 'bob@example.com'",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    Ok(())
}

fn custom_role(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    let text = world.script(
        &azure,
        &format!(
            "{LOGIN}{PREPARE}\
            role() {{ cat > role.json <<END\n\
            {{\"Name\": \"Group Keeper\", \"Description\": \"$1\", \"Actions\": [\"Microsoft.Resources/subscriptions/resourceGroups/*\"], \
            \"NotActions\": [\"*/delete\"], \"AssignableScopes\": [\"$SUB\"]}}\n\
            END\n\
            }}\n\
            role first; az role definition create --role-definition role.json --query roleType -o tsv\n\
            az role definition list --custom-role-only --query '[].roleName' -o tsv\n\
            role second; az role definition update --role-definition role.json --query description -o tsv\n\
            az role assignment create --assignee ada@example.com --role 'Group Keeper' --scope $SUB/resourceGroups/{GROUP} -o none\n\
            (az role definition delete -n 'Group Keeper' 2>&1 || true) | grep -m1 -o RoleDefinitionHasAssignments\n\
            az login -u ada@example.com -p Correct-Horse-1 -o none\n\
            az group update -n {GROUP} --set tags.a=b --query tags.a -o tsv\n\
            (az group delete -n {GROUP} --yes 2>&1 || true) | grep -m1 -o AuthorizationFailed\n\
            {LOGIN}\
            az role assignment delete --assignee ada@example.com --role 'Group Keeper' --scope $SUB/resourceGroups/{GROUP}\n\
            az role definition delete -n 'Group Keeper'\n\
            az role definition list --custom-role-only --query 'length(@)'"
        ),
    )?;
    let expected = [
        "CustomRole",
        "Group Keeper",
        "second",
        "RoleDefinitionHasAssignments",
        "b",
        "AuthorizationFailed",
        "0",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    Ok(())
}

fn federated_credential(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    let text = world.script(
        &azure,
        &format!(
            "{LOGIN}{PREPARE}\
            ISSUER=https://token.actions.githubusercontent.com SUBJECT=repo:o/r:ref:refs/heads/main\n\
            az identity create -g {GROUP} -n {IDENTITY} -o none\n\
            az identity federated-credential create -g {GROUP} --identity-name {IDENTITY} -n github --issuer $ISSUER \
                --subject $SUBJECT --audiences api://AzureADTokenExchange\n\
            CLIENT=$(az identity show -g {GROUP} -n {IDENTITY} --query clientId -o tsv)\n\
            az role assignment create --assignee $CLIENT --role Reader --scope $SUB/resourceGroups/{GROUP} -o none\n\
            az-local credential federated -o assertion --issuer $ISSUER --subject $SUBJECT >/dev/null\n\
            az login --service-principal -u $CLIENT --tenant $AZURE_TENANT_ID --federated-token \"$(cat assertion)\" -o none\n\
            az group list --query '[].name' -o tsv >&2\n\
            {LOGIN}\
            az identity federated-credential delete -g {GROUP} --identity-name {IDENTITY} -n github --yes\n\
            az identity federated-credential list -g {GROUP} --identity-name {IDENTITY} --query 'length(@)' >&2\n\
            az account clear\n\
            ! az login --service-principal -u $CLIENT --tenant $AZURE_TENANT_ID --federated-token \"$(cat assertion)\" -o none 2>/dev/null"
        ),
    )?;
    let made: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(made["name"], "github");
    assert_eq!(made["subject"], "repo:o/r:ref:refs/heads/main");
    assert_eq!(made["audiences"], json!(["api://AzureADTokenExchange"]));
    Ok(())
}
