"""The tutorial's story with the Azure SDK for Python.

python story.py [--aio]

One story for both kinds of client: an answer that can be awaited is awaited. Prints a line for each checked step,
`ok NAME` or `FAIL NAME: reason`, and exits with 1 if any failed.

STORY_NAME is the prefix of all names (at most 20 letters, digits and hyphens; default: random). KEY_VAULT_NAME or
VAULT_NAME names the vault (at most 23 characters; another one has this name and a `2`).
"""

import asyncio
import base64
import contextlib
import datetime
import inspect
import ipaddress
import json
import logging
import os
import re
import secrets as random
import sys
import time
import uuid

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.keyvault.secrets import KeyVaultSecret, SecretProperties
from azure.mgmt.authorization.models import RoleAssignmentCreateParameters
from azure.mgmt.compute.models import VirtualMachine
from azure.mgmt.keyvault.models import (
    AccessPolicyEntry,
    Permissions,
    Sku,
    Vault,
    VaultAccessPolicyParameters,
    VaultAccessPolicyProperties,
    VaultCheckNameAvailabilityParameters,
    VaultCreateOrUpdateParameters,
    VaultPatchParameters,
    VaultProperties,
)
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources.models import ResourceGroup

AIO = sys.argv[1:] == ["--aio"]
if AIO:
    from azure.identity.aio import ClientSecretCredential, DefaultAzureCredential
    from azure.keyvault.secrets.aio import SecretClient
    from azure.mgmt.authorization.aio import AuthorizationManagementClient
    from azure.mgmt.compute.aio import ComputeManagementClient
    from azure.mgmt.keyvault.aio import KeyVaultManagementClient
    from azure.mgmt.msi.aio import ManagedServiceIdentityClient
    from azure.mgmt.network.aio import NetworkManagementClient
    from azure.mgmt.resource.deployments.aio import DeploymentsMgmtClient
    from azure.mgmt.resource.resources.aio import ResourceManagementClient
    from azure.mgmt.resource.subscriptions.aio import SubscriptionClient
else:
    from azure.identity import ClientSecretCredential, DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient
    from azure.mgmt.authorization import AuthorizationManagementClient
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.keyvault import KeyVaultManagementClient
    from azure.mgmt.msi import ManagedServiceIdentityClient
    from azure.mgmt.network import NetworkManagementClient
    from azure.mgmt.resource.deployments import DeploymentsMgmtClient
    from azure.mgmt.resource.resources import ResourceManagementClient
    from azure.mgmt.resource.subscriptions import SubscriptionClient

SUBSCRIPTION = os.environ["AZURE_SUBSCRIPTION_ID"]
TENANT = os.environ["AZURE_TENANT_ID"]
PREFIX = os.environ.get("STORY_NAME") or f"st{random.token_hex(4)}"
VAULT = os.environ.get("KEY_VAULT_NAME") or os.environ.get("VAULT_NAME") or f"{PREFIX}-kv"
GROUP = f"{PREFIX}-group"
MACHINE = f"{PREFIX}-vm"
LOCATION = "eastus"
ROLE = "Key Vault Secrets Officer"
SECRET = "quickstart-secret"
ACCESS_WITHIN = 60
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPCvI8wL1yq5pHtWFdOFkYHPZkGKRJ9xjaBvxVnN6dYy story"

# Refusals are part of the story.
logging.getLogger("azure.identity").setLevel(logging.CRITICAL)

failures = 0


@contextlib.contextmanager
def step(name):
    """Says how a step went. A failed one does not end the story."""
    global failures
    try:
        yield
    except Exception as error:
        failures += 1
        reason = f"{type(error).__name__}: {error}" if str(error) else f"{type(error).__name__} {where(error)}"
        print(f"FAIL {name}: {' '.join(reason.split())}", flush=True)
    else:
        print(f"ok {name}", flush=True)


def where(error):
    """The line of the story that failed."""
    trace = error.__traceback__
    while trace.tb_next and trace.tb_next.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return f"at line {trace.tb_lineno}"


def same(got, wanted):
    assert got == wanted, f"{got!r}, not {wanted!r}"


def same_id(got, wanted):
    same(got.lower(), wanted.lower())


async def done(value):
    """A sync client's answer, or what an async client's leads to."""
    return await value if inspect.isawaitable(value) else value


async def every(pager):
    """All that a pager gives."""
    if hasattr(pager, "__aiter__"):
        return [item async for item in pager]
    return list(pager)


async def pages(pager):
    """The pages of a pager, as lists."""
    return [await every(page) for page in await every(pager.by_page())]


async def finished(poller):
    """The result of a long-running operation."""
    poller = await done(poller)
    return await done(poller.result())


async def refused(kind, status, code, call):
    """The error of a call that must be refused."""
    try:
        await call()
    except HttpResponseError as error:
        assert isinstance(error, kind), f"{type(error).__name__}, not {kind.__name__}: {error.message}"
        same(error.status_code, status)
        same(error.error.code if error.error else None, code)
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def inner_code(error):
    """The code within a Key Vault error, which says more."""
    inner = error.error.innererror if error.error else None
    return inner.get("code") if inner else None


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def main():
    async with contextlib.AsyncExitStack() as stack:

        async def open_client(client):
            if AIO:
                return await stack.enter_async_context(client)
            return stack.enter_context(client)

        credential = await open_client(DefaultAzureCredential())
        for_subscription = (credential, SUBSCRIPTION)
        subscriptions = await open_client(SubscriptionClient(credential))
        deployments = (await open_client(DeploymentsMgmtClient(*for_subscription))).deployments
        resources = await open_client(ResourceManagementClient(*for_subscription))
        network = await open_client(NetworkManagementClient(*for_subscription))
        compute = await open_client(ComputeManagementClient(*for_subscription))
        vaults = (await open_client(KeyVaultManagementClient(*for_subscription))).vaults
        identities = (await open_client(ManagedServiceIdentityClient(*for_subscription))).user_assigned_identities
        roles = await open_client(AuthorizationManagementClient(*for_subscription))
        secrets = await open_client(SecretClient(f"https://{VAULT}.vault.azure.net", credential))

        other = await open_client(SecretClient(f"https://{VAULT}2.vault.azure.net", credential))

        desk = await at_the_desk(credential, subscriptions, resources)
        await the_wrong_credentials(open_client)
        await the_group(resources)
        await the_machine(network, compute)
        vault = await the_vault(vaults, resources, secrets)
        principals = await the_identities(identities, compute)
        await the_roles(roles, vault, {**principals, "desk": desk})
        await the_lists(resources, vaults, compute, identities)
        await the_secrets(secrets)
        await the_access_policies(vaults, other, desk, principals.get("user"))
        await the_deployment(deployments, network)
        await the_machine_goes(compute, network)
        await clean_up(resources, vaults, roles, compute, vault)


async def at_the_desk(credential, subscriptions, resources):
    oid = None
    with step("credential"):
        token = await done(credential.get_token("https://management.azure.com/.default"))
        assert token.expires_on > time.time() + 300
        what = claims(token.token)
        same(what["tid"], TENANT)
        same(what["appid"], os.environ["AZURE_CLIENT_ID"])
        oid = what["oid"]
        uuid.UUID(oid)

    with step("subscription"):
        one = await done(subscriptions.subscriptions.get(SUBSCRIPTION))
        same(one.subscription_id, SUBSCRIPTION)
        same(one.id, f"/subscriptions/{SUBSCRIPTION}")
        same(one.state, "Enabled")
        assert one.display_name
        listed = await every(subscriptions.subscriptions.list())
        assert SUBSCRIPTION in [found.subscription_id for found in listed]

    with step("tenant"):
        assert TENANT in [found.tenant_id for found in await every(subscriptions.tenants.list())]

    with step("locations"):
        listed = {found.name: found for found in await every(subscriptions.subscriptions.list_locations(SUBSCRIPTION))}
        same(listed[LOCATION].display_name, "East US")
        same(listed[LOCATION].metadata.region_type, "Physical")

    with step("providers"):
        one = await done(resources.providers.get("Microsoft.KeyVault"))
        same(one.namespace, "Microsoft.KeyVault")
        same(one.registration_state, "Registered")
        kinds = {kind.resource_type: kind for kind in one.resource_types}
        assert kinds["vaults"].api_versions
        assert "East US" in kinds["vaults"].locations, kinds["vaults"].locations
        listed = {found.namespace for found in await every(resources.providers.list())}
        assert {"Microsoft.Compute", "Microsoft.KeyVault", "Microsoft.ManagedIdentity", "Microsoft.Network"} <= listed
    return oid


async def the_wrong_credentials(open_client):
    client, secret = os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"]
    nobody, scope = str(uuid.uuid4()), "https://management.azure.com/.default"
    for name, tenant, app, key, audience, code in [
        ("a wrong secret", TENANT, client, "not-the-secret", scope, "AADSTS7000215"),
        ("no such application", TENANT, nobody, secret, scope, "AADSTS700016"),
        ("no such tenant", nobody, client, secret, scope, "AADSTS90002"),
        ("no such audience", TENANT, client, secret, f"https://{nobody}.example/.default", "AADSTS500011"),
    ]:
        with step(name):
            credential = await open_client(ClientSecretCredential(tenant, app, key))
            try:
                await done(credential.get_token(audience))
            except ClientAuthenticationError as error:
                # The sync client words this one itself.
                known = code in error.message or "Unable to get authority configuration" in error.message
                assert known if name == "no such tenant" else code in error.message, error.message
            else:
                raise AssertionError("a token came")


async def the_group(resources):
    groups = resources.resource_groups
    with step("no group yet"):
        same(await done(groups.check_existence(GROUP)), False)
        await refused(ResourceNotFoundError, 404, "ResourceGroupNotFound", lambda: done(groups.get(GROUP)))

    with step("group"):
        group = await done(
            groups.create_or_update(GROUP, ResourceGroup(location=LOCATION, tags={"made": "by the story"}))
        )
        same_id(group.id, f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}")
        same(group.name, GROUP)
        same(group.type, "Microsoft.Resources/resourceGroups")
        same(group.location, LOCATION)
        same(group.tags, {"made": "by the story"})
        same(group.properties.provisioning_state, "Succeeded")
        same(await done(groups.check_existence(GROUP)), True)

    with step("group stays where it is"):
        await refused(
            ResourceExistsError,
            409,
            "InvalidResourceGroupLocation",
            lambda: done(groups.create_or_update(GROUP, ResourceGroup(location="westus"))),
        )

    with step("group's tags"):
        group = await done(groups.update(GROUP, {"tags": {"made": "again"}}))
        same(group.tags, {"made": "again"})
        found = await every(groups.list(filter="tagName eq 'made' and tagValue eq 'again'"))
        assert GROUP in [group.name for group in found]
        found = await every(groups.list(filter="tagName eq 'made' and tagValue eq 'by nobody'"))
        same([group.name for group in found], [])


async def the_machine(network, compute):
    net = ip = guard = nic = None
    with step("network security group"):
        guard = await finished(
            network.network_security_groups.begin_create_or_update(
                GROUP,
                f"{MACHINE}-nsg",
                {
                    "location": LOCATION,
                    "properties": {
                        "securityRules": [
                            {
                                "name": "ssh",
                                "properties": {
                                    "priority": 1000,
                                    "protocol": "Tcp",
                                    "access": "Allow",
                                    "direction": "Inbound",
                                    "sourceAddressPrefix": "*",
                                    "sourcePortRange": "*",
                                    "destinationAddressPrefix": "*",
                                    "destinationPortRange": "22",
                                },
                            }
                        ]
                    },
                },
            )
        )
        same(guard.provisioning_state, "Succeeded")
        [rule] = guard.security_rules
        same((rule.name, rule.priority, rule.destination_port_range), ("ssh", 1000, "22"))
        assert len(guard.default_security_rules) == 6

    with step("virtual network"):
        net = await finished(
            network.virtual_networks.begin_create_or_update(
                GROUP,
                f"{MACHINE}-vnet",
                {
                    "location": LOCATION,
                    "properties": {
                        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                        "subnets": [{"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}],
                    },
                },
            )
        )
        same(net.provisioning_state, "Succeeded")
        same(net.address_space.address_prefixes, ["10.0.0.0/16"])
        assert net.etag and net.resource_guid
        [subnet] = net.subnets
        same_id(subnet.id, f"{net.id}/subnets/default")

    with step("subnet"):
        subnet = await done(network.subnets.get(GROUP, f"{MACHINE}-vnet", "default"))
        same(subnet.address_prefix, "10.0.0.0/24")
        same(subnet.provisioning_state, "Succeeded")
        same([one.name for one in await every(network.subnets.list(GROUP, f"{MACHINE}-vnet"))], ["default"])

    with step("public IP address"):
        ip = await finished(
            network.public_ip_addresses.begin_create_or_update(
                GROUP,
                f"{MACHINE}-ip",
                {
                    "location": LOCATION,
                    "sku": {"name": "Standard"},
                    "properties": {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"},
                },
            )
        )
        same(ip.provisioning_state, "Succeeded")
        same((ip.sku.name, ip.public_ip_allocation_method), ("Standard", "Static"))
        ipaddress.IPv4Address(ip.ip_address)

    with step("network interface"):
        nic = await finished(
            network.network_interfaces.begin_create_or_update(
                GROUP,
                f"{MACHINE}-nic",
                {
                    "location": LOCATION,
                    "properties": {
                        "networkSecurityGroup": {"id": guard.id},
                        "ipConfigurations": [
                            {
                                "name": "main",
                                "properties": {
                                    "subnet": {"id": net.subnets[0].id},
                                    "publicIPAddress": {"id": ip.id},
                                },
                            }
                        ],
                    },
                },
            )
        )
        same(nic.provisioning_state, "Succeeded")
        [config] = nic.ip_configurations
        assert ipaddress.IPv4Address(config.private_ip_address) in ipaddress.IPv4Network("10.0.0.0/24")
        same(config.primary, True)
        same_id(config.public_ip_address.id, ip.id)
        same_id(nic.network_security_group.id, guard.id)
        assert nic.mac_address is None or re.fullmatch("([0-9A-F]{2}-){5}[0-9A-F]{2}", nic.mac_address)

    with step("addresses are in use"):
        there = await done(network.public_ip_addresses.get(GROUP, f"{MACHINE}-ip"))
        same_id(there.ip_configuration.id, nic.ip_configurations[0].id)
        await refused(
            HttpResponseError,
            400,
            "PublicIPAddressCannotBeDeleted",
            lambda: finished(network.public_ip_addresses.begin_delete(GROUP, f"{MACHINE}-ip")),
        )

    with step("no machine yet"):
        error = await refused(
            ResourceNotFoundError, 404, "ResourceNotFound", lambda: done(compute.virtual_machines.get(GROUP, MACHINE))
        )
        assert f"Microsoft.Compute/virtualMachines/{MACHINE}" in error.message

    with step("machine"):
        machine = await finished(
            compute.virtual_machines.begin_create_or_update(
                GROUP,
                MACHINE,
                {
                    "location": LOCATION,
                    "properties": {
                        "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
                        "storageProfile": {
                            "imageReference": {
                                "publisher": "canonical",
                                "offer": "0001-com-ubuntu-server-jammy",
                                "sku": "22_04-lts",
                                "version": "latest",
                            },
                            "osDisk": {
                                "createOption": "FromImage",
                                "managedDisk": {"storageAccountType": "Premium_LRS"},
                            },
                        },
                        "osProfile": {
                            "computerName": MACHINE,
                            "adminUsername": "azureuser",
                            "linuxConfiguration": {
                                "disablePasswordAuthentication": True,
                                "ssh": {
                                    "publicKeys": [{"path": "/home/azureuser/.ssh/authorized_keys", "keyData": SSH_KEY}]
                                },
                            },
                        },
                        "networkProfile": {"networkInterfaces": [{"id": nic.id, "properties": {"primary": True}}]},
                    },
                },
            )
        )
        assert isinstance(machine, VirtualMachine)
        same(machine.provisioning_state, "Succeeded")
        same((machine.name, machine.location), (MACHINE, LOCATION))
        same(machine.hardware_profile.vm_size, "Standard_D2s_v3")
        same(machine.os_profile.admin_username, "azureuser")
        same(machine.os_profile.linux_configuration.ssh.public_keys[0].key_data, SSH_KEY)
        same(machine.storage_profile.os_disk.os_type, "Linux")
        assert machine.storage_profile.image_reference.exact_version
        assert isinstance(machine.time_created, datetime.datetime)
        uuid.UUID(machine.vm_id)
        same(machine.identity, None)

    with step("machine runs"):
        view = await done(compute.virtual_machines.instance_view(GROUP, MACHINE))
        same({status.code for status in view.statuses}, {"ProvisioningState/succeeded", "PowerState/running"})
        assert view.os_name is None or isinstance(view.os_name, str)
        machine = await done(compute.virtual_machines.get(GROUP, MACHINE, expand="instanceView"))
        assert "PowerState/running" in [status.code for status in machine.instance_view.statuses]

    with step("disk"):
        [disk] = await every(compute.disks.list_by_resource_group(GROUP))
        same_id(disk.id, machine.storage_profile.os_disk.managed_disk.id)
        same_id(disk.managed_by, machine.id)
        same((disk.sku.name, disk.disk_state, disk.os_type), ("Premium_LRS", "Attached", "Linux"))

    with step("interface is the machine's"):
        there = await done(network.network_interfaces.get(GROUP, f"{MACHINE}-nic"))
        same_id(there.virtual_machine.id, machine.id)
        same(there.primary, True)
        assert re.fullmatch("([0-9A-F]{2}-){5}[0-9A-F]{2}", there.mac_address)

    with step("machine stops and starts"):
        await finished(compute.virtual_machines.begin_deallocate(GROUP, MACHINE))
        view = await done(compute.virtual_machines.instance_view(GROUP, MACHINE))
        assert "PowerState/deallocated" in [status.code for status in view.statuses]
        await finished(compute.virtual_machines.begin_start(GROUP, MACHINE))
        view = await done(compute.virtual_machines.instance_view(GROUP, MACHINE))
        assert "PowerState/running" in [status.code for status in view.statuses]

    with step("machine's image stays"):
        change = machine.as_dict()
        change.pop("resources", None)
        change["properties"].pop("instanceView", None)
        change["properties"]["storageProfile"]["imageReference"]["sku"] = "22_04-lts-gen2"
        await refused(
            HttpResponseError,
            409,
            "PropertyChangeNotAllowed",
            lambda: finished(compute.virtual_machines.begin_create_or_update(GROUP, MACHINE, change)),
        )


def vault_of(name):
    return VaultCreateOrUpdateParameters(
        location=LOCATION,
        properties=VaultProperties(
            tenant_id=TENANT, sku=Sku(family="A", name="standard"), enable_rbac_authorization=True
        ),
    )


async def the_vault(vaults, resources, secrets):
    vault = None
    with step("vault's name is free"):
        free = await done(vaults.check_name_availability(VaultCheckNameAvailabilityParameters(name=VAULT)))
        same(free.name_available, True)

    with step("vault"):
        vault = await finished(vaults.begin_create_or_update(GROUP, VAULT, vault_of(VAULT)))
        assert isinstance(vault, Vault)
        same_id(
            vault.id,
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/{VAULT}",
        )
        same((vault.name, vault.type, vault.location), (VAULT, "Microsoft.KeyVault/vaults", LOCATION))
        facts = vault.properties
        same(facts.tenant_id, TENANT)
        same((facts.sku.family, facts.sku.name), ("A", "standard"))
        same(facts.vault_uri, f"https://{VAULT}.vault.azure.net/")
        same(facts.provisioning_state, "Succeeded")
        same(facts.enable_rbac_authorization, True)
        same(facts.enable_soft_delete, True)
        same(facts.soft_delete_retention_in_days, 90)
        assert vault.system_data is None or isinstance(vault.system_data.created_at, datetime.datetime)

    with step("another vault"):
        await finished(vaults.begin_create_or_update(GROUP, f"{VAULT}2", vault_of(f"{VAULT}2")))
        same((await done(vaults.get(GROUP, f"{VAULT}2"))).name, f"{VAULT}2")

    with step("vault's name is taken"):
        free = await done(vaults.check_name_availability(VaultCheckNameAvailabilityParameters(name=VAULT)))
        same((free.name_available, free.reason), (False, "AlreadyExists"))
        assert free.message
        bad = await done(vaults.check_name_availability(VaultCheckNameAvailabilityParameters(name="1-no")))
        same((bad.name_available, bad.reason), (False, "AccountNameInvalid"))

    with step("vault's tags"):
        changed = await done(vaults.update(GROUP, VAULT, VaultPatchParameters(tags={"a": "b"})))
        same((changed.tags, changed.properties.enable_rbac_authorization), ({"a": "b"}, True))
        found = await done(resources.resources.get_by_id(vault.id, api_version="2023-07-01"))
        same((found.type, found.tags), ("Microsoft.KeyVault/vaults", {"a": "b"}))
        same(found.properties["vaultUri"], vault.properties.vault_uri)

    with step("no vault of a bad name"):
        await refused(
            HttpResponseError,
            400,
            "VaultNameNotValid",
            lambda: finished(vaults.begin_create_or_update(GROUP, "1-no", vault_of("1-no"))),
        )

    with step("no access yet"):
        error = await refused(HttpResponseError, 403, "Forbidden", lambda: done(secrets.get_secret(SECRET)))
        same(inner_code(error), "ForbiddenByRbac")
        assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in error.message, error.message

    with step("no such vault"):
        await refused(ResourceNotFoundError, 404, "ResourceNotFound", lambda: done(vaults.get(GROUP, f"{VAULT}x")))
    return vault


async def the_identities(identities, compute):
    principals, identity = {}, None
    with step("user-assigned identity"):
        identity = await done(
            identities.create_or_update(GROUP, f"{PREFIX}-identity", Identity(location=LOCATION, tags={"a": "b"}))
        )
        same((identity.name, identity.location, identity.tags), (f"{PREFIX}-identity", LOCATION, {"a": "b"}))
        same(identity.type, "Microsoft.ManagedIdentity/userAssignedIdentities")
        same(identity.tenant_id, TENANT)
        uuid.UUID(identity.client_id)
        principals["user"] = str(uuid.UUID(identity.principal_id))
        again = await done(identities.get(GROUP, f"{PREFIX}-identity"))
        same((again.principal_id, again.client_id), (identity.principal_id, identity.client_id))

    with step("system-assigned identity"):
        machine = await finished(
            compute.virtual_machines.begin_update(GROUP, MACHINE, {"identity": {"type": "SystemAssigned"}})
        )
        same(machine.identity.type, "SystemAssigned")
        same(machine.identity.tenant_id, TENANT)
        principals["system"] = str(uuid.UUID(machine.identity.principal_id))

    with step("both identities"):
        machine = await finished(
            compute.virtual_machines.begin_update(
                GROUP,
                MACHINE,
                {
                    "identity": {
                        "type": "SystemAssigned, UserAssigned",
                        "userAssignedIdentities": {identity.id: {}},
                    }
                },
            )
        )
        same(machine.identity.type, "SystemAssigned, UserAssigned")
        same(machine.identity.principal_id, principals["system"])
        [(found, facts)] = machine.identity.user_assigned_identities.items()
        same_id(found, identity.id)
        same((facts.principal_id, facts.client_id), (identity.principal_id, identity.client_id))

    with step("system-assigned identity again"):
        machine = await finished(
            compute.virtual_machines.begin_update(GROUP, MACHINE, {"identity": {"type": "SystemAssigned"}})
        )
        same((machine.identity.type, machine.identity.principal_id), ("SystemAssigned", principals["system"]))
        assert not machine.identity.user_assigned_identities
    return principals


async def the_roles(roles, vault, principals):
    role, made = None, {}
    with step("role by its name"):
        [role] = await every(roles.role_definitions.list(vault.id, filter=f"roleName eq '{ROLE}'"))
        same((role.role_name, role.role_type), (ROLE, "BuiltInRole"))
        same(role.name, "b86a8fe4-44ce-4948-aee5-eccb2c155cd7")
        same(role.permissions[0].data_actions, ["Microsoft.KeyVault/vaults/secrets/*"])
        same((await done(roles.role_definitions.get(vault.id, role.name))).role_name, ROLE)

    with step("all roles"):
        listed = {one.role_name: one for one in await every(roles.role_definitions.list(vault.id))}
        same(listed["Owner"].permissions[0].actions, ["*"])
        same(listed["Reader"].permissions[0].actions, ["*/read"])
        same({one.role_type for one in listed.values()}, {"BuiltInRole"})

    for who, principal in principals.items():
        with step(f"role for {who}"):
            name = str(uuid.uuid4())
            assignment = await done(
                roles.role_assignments.create(
                    vault.id,
                    name,
                    RoleAssignmentCreateParameters(
                        role_definition_id=role.id, principal_id=principal, principal_type="ServicePrincipal"
                    ),
                )
            )
            same((assignment.name, assignment.principal_id), (name, principal))
            same(assignment.type, "Microsoft.Authorization/roleAssignments")
            same(assignment.principal_type, "ServicePrincipal")
            same_id(assignment.scope, vault.id)
            assert assignment.role_definition_id.lower().endswith(role.name)
            assert isinstance(assignment.created_on, datetime.datetime)
            made[principal] = assignment

    with step("role assignments"):
        listed = await every(roles.role_assignments.list_for_scope(vault.id, filter="atScope()"))
        assert set(made) <= {one.principal_id for one in listed if one.scope.lower() == vault.id.lower()}
        some = await every(
            roles.role_assignments.list_for_scope(vault.id, filter=f"principalId eq '{principals['user']}'")
        )
        same([one.name for one in some], [made[principals["user"]].name])
        one = await done(roles.role_assignments.get_by_id(some[0].id))
        same(one.name, some[0].name)

    with step("role assignment is there already"):
        await refused(
            ResourceExistsError,
            409,
            "RoleAssignmentExists",
            lambda: done(
                roles.role_assignments.create(
                    vault.id,
                    str(uuid.uuid4()),
                    RoleAssignmentCreateParameters(
                        role_definition_id=role.id,
                        principal_id=principals["user"],
                        principal_type="ServicePrincipal",
                    ),
                )
            ),
        )

    with step("role for nobody"):
        await refused(
            HttpResponseError,
            400,
            "PrincipalNotFound",
            lambda: done(
                roles.role_assignments.create(
                    vault.id,
                    str(uuid.uuid4()),
                    RoleAssignmentCreateParameters(role_definition_id=role.id, principal_id=str(uuid.uuid4())),
                )
            ),
        )

    with step("role assignment goes"):
        gone = await done(roles.role_assignments.delete(vault.id, made[principals["user"]].name))
        same(gone.principal_id, principals["user"])
        same(await done(roles.role_assignments.delete(vault.id, made[principals["user"]].name)), None)


async def the_lists(resources, vaults, compute, identities):
    kinds = {
        "Microsoft.Compute/disks": 1,
        "Microsoft.Compute/virtualMachines": 1,
        "Microsoft.KeyVault/vaults": 2,
        "Microsoft.ManagedIdentity/userAssignedIdentities": 1,
        "Microsoft.Network/networkInterfaces": 1,
        "Microsoft.Network/networkSecurityGroups": 1,
        "Microsoft.Network/publicIPAddresses": 1,
        "Microsoft.Network/virtualNetworks": 1,
    }

    def count(found):
        types = [one.type for one in found]
        return {kind: types.count(kind) for kind in set(types)}

    with step("resources"):
        same(count(await every(resources.resources.list_by_resource_group(GROUP))), kinds)
        some = await every(
            resources.resources.list_by_resource_group(GROUP, filter="resourceType eq 'Microsoft.KeyVault/vaults'")
        )
        same({one.name for one in some}, {VAULT, f"{VAULT}2"})

    with step("resources by pages"):
        some = await pages(resources.resources.list_by_resource_group(GROUP, top=4))
        same(count(sum(some, [])), kinds)
        assert len(some) > 1, f"{len(some)} page"

    with step("machines"):
        same([one.name for one in await every(compute.virtual_machines.list(GROUP))], [MACHINE])
        assert MACHINE in [one.name for one in await every(compute.virtual_machines.list_all())]

    with step("vaults"):
        both = {VAULT, f"{VAULT}2"}
        same({one.name for one in await every(vaults.list_by_resource_group(GROUP))}, both)
        assert both <= {one.name for one in await every(vaults.list_by_subscription())}
        assert both <= {one.name for one in await every(vaults.list())}

    with step("vaults by pages"):
        some = await pages(vaults.list_by_resource_group(GROUP, top=1))
        same({one.name for one in sum(some, [])}, both)
        assert len(some) > 1, f"{len(some)} page"

    with step("identities"):
        names = [one.name for one in await every(identities.list_by_resource_group(GROUP))]
        same(names, [f"{PREFIX}-identity"])

    with step("sizes"):
        sizes = {one.name: one for one in await every(compute.virtual_machine_sizes.list(LOCATION))}
        same((sizes["Standard_D2s_v3"].number_of_cores, sizes["Standard_D2s_v3"].memory_in_mb), (2, 8192))


async def the_secrets(secrets):
    url = f"https://{VAULT}.vault.azure.net"
    first = second = None
    with step("access"):
        until = time.monotonic() + ACCESS_WITHIN
        while True:
            try:
                first = await done(secrets.set_secret(SECRET, "one"))
                break
            except HttpResponseError as error:
                if error.status_code != 403 or inner_code(error) != "ForbiddenByRbac" or time.monotonic() > until:
                    raise
                await asyncio.sleep(0.5)

    with step("set a secret"):
        assert isinstance(first, KeyVaultSecret)
        same((first.name, first.value), (SECRET, "one"))
        assert re.fullmatch(f"{re.escape(url)}/secrets/{SECRET}/[0-9a-f]{{32}}", first.id), first.id
        facts = first.properties
        same((facts.vault_url, facts.enabled), (url, True))
        same(facts.recovery_level, "Recoverable+Purgeable")
        same(facts.recoverable_days, 90)
        assert isinstance(facts.created_on, datetime.datetime) and facts.created_on == facts.updated_on

    with step("get a secret"):
        same((await done(secrets.get_secret(SECRET))).value, "one")
        same((await done(secrets.get_secret(SECRET, first.properties.version))).id, first.id)

    with step("a new version"):
        ends = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=30)
        second = await done(
            secrets.set_secret(
                SECRET, "two \u00fc\u4e8c\n", tags={"a": "b"}, content_type="text/plain", expires_on=ends
            )
        )
        assert second.properties.version != first.properties.version
        there = await done(secrets.get_secret(SECRET))
        same((there.id, there.value), (second.id, "two \u00fc\u4e8c\n"))
        same((there.properties.tags, there.properties.content_type), ({"a": "b"}, "text/plain"))
        same(there.properties.expires_on, ends)
        same((await done(secrets.get_secret(SECRET, first.properties.version))).value, "one")

    with step("update a secret"):
        facts = await done(secrets.update_secret_properties(SECRET, content_type="text/html", tags={"c": "d"}))
        assert isinstance(facts, SecretProperties)
        same((facts.version, facts.content_type), (second.properties.version, "text/html"))
        same((facts.tags, facts.expires_on), ({"c": "d"}, ends))

    with step("a disabled version"):
        version = first.properties.version
        facts = await done(secrets.update_secret_properties(SECRET, version, enabled=False))
        same((facts.version, facts.enabled), (version, False))
        error = await refused(HttpResponseError, 403, "Forbidden", lambda: done(secrets.get_secret(SECRET, version)))
        same(inner_code(error), "SecretDisabled")
        same((await done(secrets.get_secret(SECRET))).id, second.id)

    with step("no such secret"):
        await refused(ResourceNotFoundError, 404, "SecretNotFound", lambda: done(secrets.get_secret("not-there")))

    with step("a bad name"):
        error = await refused(HttpResponseError, 400, "BadParameter", lambda: done(secrets.set_secret("not_good", "x")))
        assert "not_good" in error.message, error.message

    with step("versions"):
        listed = await every(secrets.list_properties_of_secret_versions(SECRET))
        same(
            {one.version: one.enabled for one in listed},
            {first.properties.version: False, second.properties.version: True},
        )
        some = await pages(secrets.list_properties_of_secret_versions(SECRET, max_page_size=1))
        same([len(page) for page in some if page], [1, 1])

    with step("secrets"):
        for number in range(4):
            await done(secrets.set_secret(f"other-{number}", str(number)))
        names = {SECRET, *(f"other-{number}" for number in range(4))}
        same({one.name for one in await every(secrets.list_properties_of_secrets())}, names)
        some = await pages(secrets.list_properties_of_secrets(max_page_size=2))
        same({one.name for one in sum(some, [])}, names)
        same([len(page) for page in some if page], [2, 2, 1])

    with step("backup and restore"):
        backup = await done(secrets.backup_secret("other-0"))
        assert isinstance(backup, bytes) and backup
        await delete(secrets, "other-0")
        await done(secrets.purge_deleted_secret("other-0"))
        await purged(secrets, "other-0")
        facts = await done(secrets.restore_secret_backup(backup))
        same(facts.name, "other-0")
        same((await done(secrets.get_secret("other-0"))).value, "0")

    with step("delete a secret"):
        gone = await delete(secrets, SECRET)
        same(gone.name, SECRET)
        same(gone.recovery_id, f"{url}/deletedsecrets/{SECRET}")
        same((gone.scheduled_purge_date - gone.deleted_date).days, 90)
        await refused(ResourceNotFoundError, 404, "SecretNotFound", lambda: done(secrets.get_secret(SECRET)))
        same([one.name for one in await every(secrets.list_deleted_secrets())], [SECRET])
        same((await done(secrets.get_deleted_secret(SECRET))).id, gone.id)

    with step("a deleted secret's name is kept"):
        error = await refused(ResourceExistsError, 409, "Conflict", lambda: done(secrets.set_secret(SECRET, "again")))
        same(inner_code(error), "ObjectIsDeletedButRecoverable")

    with step("recover a secret"):
        if AIO:
            facts = await secrets.recover_deleted_secret(SECRET)
        else:
            poller = secrets.begin_recover_deleted_secret(SECRET)
            poller.wait()
            facts = poller.result()
        same((facts.name, facts.version), (SECRET, second.properties.version))
        same((await done(secrets.get_secret(SECRET))).value, "two \u00fc\u4e8c\n")
        same(await every(secrets.list_deleted_secrets()), [])

    with step("purge a secret"):
        await delete(secrets, SECRET)
        same(await done(secrets.purge_deleted_secret(SECRET)), None)
        await purged(secrets, SECRET)
        await refused(ResourceNotFoundError, 404, "SecretNotFound", lambda: done(secrets.get_secret(SECRET)))
        same((await done(secrets.set_secret(SECRET, "anew"))).value, "anew")


async def delete(secrets, name):
    """Deletes a secret and waits until it is a deleted one."""
    if AIO:
        return await secrets.delete_secret(name)
    poller = secrets.begin_delete_secret(name)
    poller.wait()
    return poller.result()


async def purged(secrets, name):
    """Waits until a deleted secret is gone."""
    for _ in range(100):
        try:
            await done(secrets.get_deleted_secret(name))
        except ResourceNotFoundError:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"'{name}' is still there")


async def the_access_policies(vaults, secrets, desk, user):
    name = f"{VAULT}2"

    def policy(*may):
        return AccessPolicyEntry(tenant_id=TENANT, object_id=desk, permissions=Permissions(secrets=list(may)))

    def with_policies(*may):
        body = vault_of(name)
        body.properties.enable_rbac_authorization = False
        body.properties.access_policies = [policy(*may)]
        return body

    async def until_allowed(call):
        until = time.monotonic() + ACCESS_WITHIN
        while True:
            try:
                return await done(call())
            except HttpResponseError as error:
                if error.status_code != 403 or inner_code(error) != "AccessDenied" or time.monotonic() > until:
                    raise
            await asyncio.sleep(0.5)

    with step("a vault with access policies"):
        vault = await finished(vaults.begin_create_or_update(GROUP, name, with_policies("get", "set")))
        same(vault.properties.enable_rbac_authorization, False)
        [entry] = vault.properties.access_policies
        same((entry.object_id, entry.tenant_id), (desk, TENANT))
        same({word.lower() for word in entry.permissions.secrets}, {"get", "set"})

    with step("a policy allows"):
        same((await until_allowed(lambda: secrets.set_secret("kept", "by a policy"))).value, "by a policy")
        same((await done(secrets.get_secret("kept"))).value, "by a policy")

    with step("a policy does not allow"):
        error = await refused(HttpResponseError, 403, "Forbidden", lambda: every(secrets.list_properties_of_secrets()))
        same(inner_code(error), "AccessDenied")
        assert "does not have secrets list permission on key vault" in error.message, error.message

    async def change(kind, *policies):
        """Changes the policies, and gives what each principal may do then."""
        body = VaultAccessPolicyParameters(properties=VaultAccessPolicyProperties(access_policies=list(policies)))
        await done(vaults.update_access_policy(GROUP, name, kind, body))
        there = (await done(vaults.get(GROUP, name))).properties.access_policies
        return {one.object_id: {word.lower() for word in one.permissions.secrets} for one in there}

    with step("a policy is added"):
        same(await change("add", policy("list")), {desk: {"get", "set", "list"}})
        listed = await until_allowed(lambda: every(secrets.list_properties_of_secrets()))
        same([one.name for one in listed], ["kept"])

    with step("a policy is replaced"):
        stranger = AccessPolicyEntry(tenant_id=TENANT, object_id=user, permissions=Permissions(secrets=["get"]))
        same(await change("add", stranger), {desk: {"get", "set", "list"}, user: {"get"}})
        same(await change("replace", policy("get", "delete")), {desk: {"get", "delete"}, user: {"get"}})

    with step("a policy is removed"):
        same(await change("remove", policy("delete")), {desk: {"get"}, user: {"get"}})
        same(await change("remove", stranger), {desk: {"get"}})

    with step("delete and recover a vault"):
        await finished(vaults.begin_create_or_update(GROUP, name, with_policies("get", "set")))
        same(await done(vaults.delete(GROUP, name)), None)
        await refused(ResourceNotFoundError, 404, "ResourceNotFound", lambda: done(vaults.get(GROUP, name)))
        same((await done(vaults.get_deleted(name, LOCATION))).name, name)
        await refused(
            ResourceExistsError,
            409,
            "ConflictError",
            lambda: finished(vaults.begin_create_or_update(GROUP, name, vault_of(name))),
        )
        body = vault_of(name)
        body.properties.create_mode = "recover"
        vault = await finished(vaults.begin_create_or_update(GROUP, name, body))
        same((vault.name, vault.properties.provisioning_state), (name, "Succeeded"))
        same((await until_allowed(lambda: secrets.get_secret("kept"))).value, "by a policy")


async def the_deployment(deployments, network):
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"name": {"type": "string"}, "prefix": {"type": "string", "defaultValue": "10.9.0.0/16"}},
        "resources": [
            {
                "type": "Microsoft.Network/virtualNetworks",
                "apiVersion": "2024-05-01",
                "name": "[parameters('name')]",
                "location": "[resourceGroup().location]",
                "properties": {"addressSpace": {"addressPrefixes": ["[parameters('prefix')]"]}},
            }
        ],
        "outputs": {
            "made": {
                "type": "string",
                "value": "[resourceId('Microsoft.Network/virtualNetworks', parameters('name'))]",
            }
        },
    }
    name = f"{PREFIX}-made"
    body = {"properties": {"mode": "Incremental", "template": template, "parameters": {"name": {"value": name}}}}

    with step("deployment"):
        made = await finished(deployments.begin_create_or_update(GROUP, "one", body))
        same((made.name, made.type), ("one", "Microsoft.Resources/deployments"))
        facts = made.properties
        same((facts.provisioning_state, facts.mode), ("Succeeded", "Incremental"))
        same(facts.parameters["name"]["value"], name)
        net = await done(network.virtual_networks.get(GROUP, name))
        same(net.address_space.address_prefixes, ["10.9.0.0/16"])
        same_id(facts.outputs["made"]["value"], net.id)
        same_id(facts.output_resources[0].id, net.id)

    with step("deployments"):
        same(await done(deployments.check_existence(GROUP, "one")), True)
        same(await done(deployments.check_existence(GROUP, "two")), False)
        same([one.name for one in await every(deployments.list_by_resource_group(GROUP))], ["one"])
        await finished(network.virtual_networks.begin_delete(GROUP, name))

    with step("a deployment that is wrong"):
        body["properties"]["template"]["resources"][0]["name"] = "[nothing('name')]"
        await refused(
            HttpResponseError,
            400,
            "InvalidTemplate",
            lambda: finished(deployments.begin_create_or_update(GROUP, "two", body)),
        )


async def the_machine_goes(compute, network):
    with step("machine restarts"):
        same(await finished(compute.virtual_machines.begin_restart(GROUP, MACHINE)), None)
        same(await finished(compute.virtual_machines.begin_power_off(GROUP, MACHINE)), None)
        view = await done(compute.virtual_machines.instance_view(GROUP, MACHINE))
        assert "PowerState/stopped" in [status.code for status in view.statuses]

    with step("interface is in use"):
        await refused(
            HttpResponseError,
            400,
            "NicInUse",
            lambda: finished(network.network_interfaces.begin_delete(GROUP, f"{MACHINE}-nic")),
        )

    with step("delete the machine"):
        same(await finished(compute.virtual_machines.begin_delete(GROUP, MACHINE)), None)
        same([one.name for one in await every(compute.virtual_machines.list(GROUP))], [])
        [disk] = await every(compute.disks.list_by_resource_group(GROUP))
        same((disk.disk_state, disk.managed_by), ("Unattached", None))
        nic = await done(network.network_interfaces.get(GROUP, f"{MACHINE}-nic"))
        same(nic.virtual_machine, None)
        same(await finished(network.network_interfaces.begin_delete(GROUP, nic.name)), None)
        same(await finished(network.public_ip_addresses.begin_delete(GROUP, f"{MACHINE}-ip")), None)


async def clean_up(resources, vaults, roles, compute, vault):
    with step("delete the group"):
        same(await finished(resources.resource_groups.begin_delete(GROUP)), None)
        same(await done(resources.resource_groups.check_existence(GROUP)), False)
        await refused(
            ResourceNotFoundError,
            404,
            "ResourceGroupNotFound",
            lambda: done(compute.virtual_machines.get(GROUP, MACHINE)),
        )

    with step("deleted vaults"):
        listed = {one.name: one for one in await every(vaults.list_deleted())}
        assert {VAULT, f"{VAULT}2"} <= set(listed)
        facts = listed[VAULT].properties
        same_id(facts.vault_id, vault.id)
        same(facts.location, LOCATION)
        same((facts.scheduled_purge_date - facts.deletion_date).days, 90)
        one = await done(vaults.get_deleted(VAULT, LOCATION))
        same(one.id, listed[VAULT].id)

    with step("a deleted vault's name is kept"):
        free = await done(vaults.check_name_availability(VaultCheckNameAvailabilityParameters(name=VAULT)))
        same((free.name_available, free.reason), (False, "AlreadyExists"))

    with step("purge the vaults"):
        same(await finished(vaults.begin_purge_deleted(VAULT, LOCATION)), None)
        same(await finished(vaults.begin_purge_deleted(f"{VAULT}2", LOCATION)), None)

    with step("nothing is left"):
        left = [one.name for one in await every(vaults.list_deleted())]
        same([name for name in left if name.startswith(VAULT)], [])
        same([one.name for one in await every(resources.resource_groups.list()) if one.name == GROUP], [])
        free = await done(vaults.check_name_availability(VaultCheckNameAvailabilityParameters(name=VAULT)))
        same(free.name_available, True)


if __name__ == "__main__":
    asyncio.run(main())
    sys.exit(1 if failures else 0)
