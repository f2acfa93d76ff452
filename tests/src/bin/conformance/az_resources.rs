//! The real Azure CLI with what hangs on resources: locks, tags, disks, extensions, and what it sets and reads back.

use crate::az::LOGIN;
use crate::clients::Missing;
use crate::suite::{Case, World};
use end_to_end::{GROUP, PASSWORD, VM};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("az/lock-and-tag", lock_and_tag),
        Case::new("az/round-trip", round_trip),
        Case::new("az/vm-disk-and-extension", disk_and_extension),
    ]
}

fn lock_and_tag(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    let text = world.script(
        &azure,
        &format!(
            "{LOGIN}az group create -n {GROUP} -l eastus -o none\n\
            GROUP_ID=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/{GROUP}\n\
            az lock create -n keep -g {GROUP} --lock-type CanNotDelete --query level -o tsv\n\
            az lock list -g {GROUP} --query '[].name' -o tsv\n\
            (az group delete -n {GROUP} --yes 2>&1 || true) | grep -m1 -o ScopeLocked\n\
            az tag create --resource-id $GROUP_ID --tags a=1 -o none\n\
            az tag update --resource-id $GROUP_ID --operation merge --tags b=2 -o none\n\
            az group show -n {GROUP} --query 'join(`,`, [tags.a, tags.b])' -o tsv\n\
            az lock delete -n keep -g {GROUP}\n\
            az tag delete --resource-id $GROUP_ID --yes -o none\n\
            az tag list --resource-id $GROUP_ID --query 'length(keys(properties.tags))'\n\
            az group delete -n {GROUP} --yes\n\
            az group exists -n {GROUP}"
        ),
    )?;
    let expected = ["CanNotDelete", "keep", "ScopeLocked", "1,2", "0", "false"];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    Ok(())
}

/// What az sets of a network is what it reads, whether az-local knows of it or not.
fn round_trip(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    let text = world.script(
        &azure,
        &format!(
            "{LOGIN}az group create -n {GROUP} -l eastus -o none\n\
            az network vnet create -g {GROUP} -n net --address-prefixes 10.0.0.0/16 --dns-servers 10.0.0.4 -o none\n\
            az network vnet subnet create -g {GROUP} --vnet-name net -n one --address-prefixes 10.0.1.0/24 \
                --private-endpoint-network-policies Enabled --private-link-service-network-policies Disabled \
                --delegations Microsoft.Web/serverFarms -o none\n\
            az network vnet subnet show -g {GROUP} --vnet-name net -n one --query \
                'join(`,`, [privateEndpointNetworkPolicies, privateLinkServiceNetworkPolicies, delegations[0].serviceName])' -o tsv\n\
            az network vnet show -g {GROUP} -n net --query 'dhcpOptions.dnsServers[0]' -o tsv"
        ),
    )?;
    let expected = ["Enabled,Disabled,Microsoft.Web/serverFarms", "10.0.0.4"];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    Ok(())
}

fn disk_and_extension(world: &World) -> Result<(), Missing> {
    let azure = world.azure();
    let text = world.script(
        &azure,
        &format!(
            "{LOGIN}az group create -n {GROUP} -l eastus -o none\n\
            az vm create -g {GROUP} -n {VM} --image Ubuntu2204 --size Standard_B2s --admin-username azureuser \
                --admin-password {PASSWORD} --data-disk-sizes-gb 4 -o none\n\
            az vm disk attach -g {GROUP} --vm-name {VM} -n more --new --size-gb 8 -o none\n\
            az vm show -g {GROUP} -n {VM} --query 'storageProfile.dataDisks[].[lun, diskSizeGB]' -o tsv\n\
            az disk show -g {GROUP} -n more --query diskState -o tsv\n\
            az vm disk detach -g {GROUP} --vm-name {VM} -n more -o none\n\
            az disk show -g {GROUP} -n more --query diskState -o tsv\n\
            az vm extension set -g {GROUP} --vm-name {VM} --publisher Microsoft.Azure.Extensions -n CustomScript \
                --settings '{{\"commandToExecute\": \"echo ran > $HOME/by-extension\"}}' --query provisioningState -o tsv\n\
            az vm extension list -g {GROUP} --vm-name {VM} --query '[].name' -o tsv\n\
            az-local vm exec -g {GROUP} -n {VM} -- cat by-extension\n\
            (az vm extension set -g {GROUP} --vm-name {VM} --publisher Microsoft.Azure.Extensions -n CustomScript \
                --settings '{{\"commandToExecute\": \"exit 4\"}}' 2>&1 || true) | grep -m1 -o 'exit status=4'\n\
            az vm extension delete -g {GROUP} --vm-name {VM} -n CustomScript\n\
            az vm delete -g {GROUP} -n {VM} --yes\n\
            az disk delete -g {GROUP} -n more --yes"
        ),
    )?;
    let expected = [
        "0\t4",
        "1\t8",
        "Attached",
        "Unattached",
        "Succeeded",
        "CustomScript",
        "ran",
        "exit status=4",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    Ok(())
}
