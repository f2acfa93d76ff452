"""The tutorial and its neighbourhood at the desk, with the Azure SDK for Python as it is installed.

    story.py [--aio]

Prints `ok NAME` or `FAIL NAME: REASON` for each step; a step that fails does not stop the others. Exits with 1 if
one failed. With --aio the same steps run on the asynchronous clients.
"""

import asyncio
import base64
import importlib
import inspect
import json
import os
import secrets
import sys
import time
import uuid

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

LOCATION = "eastus"
GROUP = "python-on-azure"
VM = "python-on-azure-vm"
VAULT = "python-on-azure-vault"
IDENTITY = "python-on-azure-identity"
SECRET = "quickstart-secret"
SECOND = "second\nwith 'quotes' and ünïcödé"
OFFICER = "Key Vault Secrets Officer"
OFFICER_ID = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
IMAGE = {
    "publisher": "canonical",
    "offer": "0001-com-ubuntu-server-jammy",
    "sku": "22_04-lts",
    "version": "latest",
}


class Sdk:
    """One way to write a call for both kinds of client: `await sdk(call)` and `await sdk.all(pages)`.

    The asynchronous clients take proxy and authority from the environment as the others do: their AioHttpTransport
    has use_env_settings=True (aiohttp's trust_env), and aiohttp's default TLS context reads SSL_CERT_FILE. No option
    is set here.
    """

    def __init__(self, aio):
        self.suffix = ".aio" if aio else ""
        self.aio = aio
        self.opened = []

    def client(self, package, name, *args):
        module = importlib.import_module(f"azure.{package}{self.suffix}")
        client = getattr(module, name)(*args)
        self.opened.append(client)
        return client

    async def __call__(self, call):
        """The result of a call, of a long-running one when it is done."""
        if inspect.isawaitable(call):
            call = await call
        if hasattr(call, "result") and hasattr(call, "polling_method"):
            call = call.result()
            if inspect.isawaitable(call):
                call = await call
        return call

    async def all(self, pages):
        return [item async for item in pages] if self.aio else list(pages)

    async def delete_secret(self, client, name):
        # Secrets have pollers only in the synchronous client; the other waits within the call.
        if self.aio:
            return await client.delete_secret(name)
        poller = client.begin_delete_secret(name)
        poller.wait()
        return poller.result()

    async def recover_secret(self, client, name):
        if self.aio:
            return await client.recover_deleted_secret(name)
        poller = client.begin_recover_deleted_secret(name)
        poller.wait()
        return poller.result()

    async def close(self):
        for client in reversed(self.opened):
            await self(client.close())


def equal(what, found, wanted):
    assert found == wanted, f"{what} is {found!r}, not {wanted!r}"


def same_id(what, found, wanted):
    equal(what, found.lower(), wanted.lower())


def inner_code(error):
    """The innermost code of an error: ForbiddenByRbac, where `error.code` is Forbidden."""
    found = error.error
    code = found.code if found else None
    inner = found.innererror if found else None
    while inner:
        code, inner = inner.get("code", code), inner.get("innererror")
    return code


class Story:
    def __init__(self, sdk, subscription):
        self.sdk = sdk
        self.subscription = subscription
        self.group_id = f"/subscriptions/{subscription}/resourceGroups/{GROUP}"
        self.credential = sdk.client("identity", "DefaultAzureCredential")
        managed = (self.credential, subscription)
        self.groups = sdk.client("mgmt.resource.resources", "ResourceManagementClient", *managed)
        self.compute = sdk.client("mgmt.compute", "ComputeManagementClient", *managed)
        self.network = sdk.client("mgmt.network", "NetworkManagementClient", *managed)
        self.vaults = sdk.client("mgmt.keyvault", "KeyVaultManagementClient", *managed).vaults
        self.msi = sdk.client("mgmt.msi", "ManagedServiceIdentityClient", *managed)
        self.access = sdk.client("mgmt.authorization", "AuthorizationManagementClient", *managed)
        self.secrets = sdk.client(
            "keyvault.secrets", "SecretClient", f"https://{VAULT}.vault.azure.net/", self.credential
        )
        # What later steps need of the earlier ones.
        self.subnet = self.nsg = self.address = self.nic = None
        self.vault = self.identity = self.machine = self.role = self.desk = None
        self.versions = []

    def id(self, kind, name):
        return f"{self.group_id}/providers/{kind}/{name}"

    async def desk_principal(self):
        token = await self.sdk(self.credential.get_token("https://management.azure.com/.default"))
        claims = token.token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        equal("tid", claims["tid"], os.environ["AZURE_TENANT_ID"])
        self.desk = str(uuid.UUID(claims["oid"]))
        assert token.expires_on > time.time(), "the token has expired"

    async def group_create(self):
        equal("existence", await self.sdk(self.groups.resource_groups.check_existence(GROUP)), False)
        group = await self.sdk(
            self.groups.resource_groups.create_or_update(GROUP, {"location": LOCATION, "tags": {"by": "story"}})
        )
        same_id("id", group.id, self.group_id)
        equal("location", group.location, LOCATION)
        equal("tags", group.tags, {"by": "story"})
        equal("state", group.properties.provisioning_state, "Succeeded")
        equal("existence", await self.sdk(self.groups.resource_groups.check_existence(GROUP)), True)

    async def network_create(self):
        network = await self.sdk(
            self.network.virtual_networks.begin_create_or_update(
                GROUP,
                f"{VM}-vnet",
                {
                    "location": LOCATION,
                    "properties": {
                        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                        "subnets": [{"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}],
                    },
                },
            )
        )
        same_id("id", network.id, self.id("Microsoft.Network/virtualNetworks", f"{VM}-vnet"))
        equal("state", network.provisioning_state, "Succeeded")
        equal("address space", network.address_space.address_prefixes, ["10.0.0.0/16"])
        equal("subnets", [each.name for each in network.subnets], ["default"])
        subnet = await self.sdk(self.network.subnets.get(GROUP, f"{VM}-vnet", "default"))
        equal("subnet's prefix", subnet.address_prefix, "10.0.0.0/24")
        same_id("subnet's id", subnet.id, f"{network.id}/subnets/default")
        self.subnet = subnet.id

    async def security_group_create(self):
        rule = {
            "name": "ssh",
            "properties": {
                "priority": 1000,
                "direction": "Inbound",
                "access": "Allow",
                "protocol": "Tcp",
                "sourceAddressPrefix": "*",
                "sourcePortRange": "*",
                "destinationAddressPrefix": "*",
                "destinationPortRange": "22",
            },
        }
        nsg = await self.sdk(
            self.network.network_security_groups.begin_create_or_update(
                GROUP, f"{VM}-nsg", {"location": LOCATION, "properties": {"securityRules": [rule]}}
            )
        )
        equal("state", nsg.provisioning_state, "Succeeded")
        equal("rules", [(each.name, each.destination_port_range) for each in nsg.security_rules], [("ssh", "22")])
        assert "DenyAllInBound" in [each.name for each in nsg.default_security_rules], "no default rules"
        self.nsg = nsg.id

    async def public_address_create(self):
        address = await self.sdk(
            self.network.public_ip_addresses.begin_create_or_update(
                GROUP,
                f"{VM}-ip",
                {
                    "location": LOCATION,
                    "sku": {"name": "Standard"},
                    "properties": {"publicIPAllocationMethod": "Static"},
                },
            )
        )
        equal("state", address.provisioning_state, "Succeeded")
        equal("sku", address.sku.name, "Standard")
        equal("method", address.public_ip_allocation_method, "Static")
        equal("parts of the address", len(address.ip_address.split(".")), 4)
        self.address = address.id

    async def interface_create(self):
        nic = await self.sdk(
            self.network.network_interfaces.begin_create_or_update(
                GROUP,
                f"{VM}-nic",
                {
                    "location": LOCATION,
                    "properties": {
                        "networkSecurityGroup": {"id": self.nsg},
                        "ipConfigurations": [
                            {
                                "name": "ipconfig",
                                "properties": {
                                    "subnet": {"id": self.subnet},
                                    "publicIPAddress": {"id": self.address},
                                    "privateIPAllocationMethod": "Dynamic",
                                },
                            }
                        ],
                    },
                },
            )
        )
        equal("state", nic.provisioning_state, "Succeeded")
        configuration = nic.ip_configurations[0]
        same_id("subnet", configuration.subnet.id, self.subnet)
        same_id("public address", configuration.public_ip_address.id, self.address)
        same_id("security group", nic.network_security_group.id, self.nsg)
        assert configuration.private_ip_address.startswith("10.0.0."), configuration.private_ip_address
        self.nic = nic.id

    async def machine_create(self):
        machine = await self.sdk(
            self.compute.virtual_machines.begin_create_or_update(
                GROUP,
                VM,
                {
                    "location": LOCATION,
                    "properties": {
                        "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
                        "storageProfile": {
                            "imageReference": IMAGE,
                            "osDisk": {
                                "createOption": "FromImage",
                                "managedDisk": {"storageAccountType": "Premium_LRS"},
                            },
                        },
                        "osProfile": {
                            "computerName": VM,
                            "adminUsername": "azureuser",
                            "adminPassword": f"Aa1!{secrets.token_urlsafe(24)}",
                        },
                        "networkProfile": {"networkInterfaces": [{"id": self.nic, "properties": {"primary": True}}]},
                    },
                },
            )
        )
        same_id("id", machine.id, self.id("Microsoft.Compute/virtualMachines", VM))
        equal("state", machine.provisioning_state, "Succeeded")
        equal("size", machine.hardware_profile.vm_size, "Standard_D2s_v3")
        image = machine.storage_profile.image_reference
        equal("image", {name: image[name] for name in IMAGE}, IMAGE)
        assert image.exact_version and image.exact_version != "latest", f"exact version {image.exact_version!r}"
        equal("system", machine.storage_profile.os_disk.os_type, "Linux")
        equal("password in the answer", machine.os_profile.admin_password, None)
        equal("identity", machine.identity, None)
        uuid.UUID(machine.vm_id)

    async def machine_instance_view(self):
        machine = await self.sdk(self.compute.virtual_machines.get(GROUP, VM, expand="instanceView"))
        codes = [status.code for status in machine.instance_view.statuses]
        assert "PowerState/running" in codes and "ProvisioningState/succeeded" in codes, codes
        view = await self.sdk(self.compute.virtual_machines.instance_view(GROUP, VM))
        equal("codes", [status.code for status in view.statuses], codes)

    async def vault_create(self):
        vault = await self.sdk(
            self.vaults.begin_create_or_update(
                GROUP,
                VAULT,
                {
                    "location": LOCATION,
                    "properties": {
                        "tenantId": os.environ["AZURE_TENANT_ID"],
                        "sku": {"family": "A", "name": "standard"},
                        "enableRbacAuthorization": True,
                    },
                },
            )
        )
        same_id("id", vault.id, self.id("Microsoft.KeyVault/vaults", VAULT))
        equal("state", vault.properties.provisioning_state, "Succeeded")
        equal("uri", vault.properties.vault_uri, f"https://{VAULT}.vault.azure.net/")
        equal("rbac", vault.properties.enable_rbac_authorization, True)
        equal("soft delete", vault.properties.enable_soft_delete, True)
        equal("tenant", vault.properties.tenant_id, os.environ["AZURE_TENANT_ID"])
        taken = await self.sdk(
            self.vaults.check_name_availability({"name": VAULT, "type": "Microsoft.KeyVault/vaults"})
        )
        equal("availability", (taken.name_available, taken.reason), (False, "AlreadyExists"))
        self.vault = vault.id

    async def identity_create(self):
        identity = await self.sdk(
            self.msi.user_assigned_identities.create_or_update(GROUP, IDENTITY, {"location": LOCATION})
        )
        same_id("id", identity.id, self.id("Microsoft.ManagedIdentity/userAssignedIdentities", IDENTITY))
        equal("tenant", identity.tenant_id, os.environ["AZURE_TENANT_ID"])
        uuid.UUID(identity.principal_id)
        uuid.UUID(identity.client_id)
        self.identity = identity

    async def machine_identities(self):
        machine = await self.sdk(
            self.compute.virtual_machines.begin_update(
                GROUP,
                VM,
                {
                    "identity": {
                        "type": "SystemAssigned, UserAssigned",
                        "userAssignedIdentities": {self.identity.id: {}},
                    }
                },
            )
        )
        equal("state", machine.provisioning_state, "Succeeded")
        equal("type", machine.identity.type.replace(" ", ""), "SystemAssigned,UserAssigned")
        uuid.UUID(machine.identity.principal_id)
        equal("tenant", machine.identity.tenant_id, os.environ["AZURE_TENANT_ID"])
        ((key, assigned),) = machine.identity.user_assigned_identities.items()
        same_id("user-assigned identity", key, self.identity.id)
        equal("its principal", assigned.principal_id, self.identity.principal_id)
        equal("its client", assigned.client_id, self.identity.client_id)
        self.machine = machine

    async def role_definition(self):
        found = await self.sdk.all(
            self.access.role_definitions.list(self.vault, filter=f"roleName eq '{OFFICER}'")
        )
        equal("roles", [(each.role_name, each.name) for each in found], [(OFFICER, OFFICER_ID)])
        equal("kind", found[0].role_type, "BuiltInRole")
        actions = found[0].permissions[0].data_actions
        assert "Microsoft.KeyVault/vaults/secrets/*" in actions, actions
        self.role = found[0].id

    async def assign(self, principal):
        name = str(uuid.uuid4())
        wanted = {
            "properties": {
                "roleDefinitionId": self.role,
                "principalId": principal,
                "principalType": "ServicePrincipal",
            }
        }
        made = await self.sdk(self.access.role_assignments.create(self.vault, name, wanted))
        equal("name", made.name, name)
        same_id("scope", made.scope, self.vault)
        same_id("role", made.role_definition_id, self.role)
        equal("principal", (made.principal_id, made.principal_type), (principal, "ServicePrincipal"))
        try:
            await self.sdk(self.access.role_assignments.create(self.vault, str(uuid.uuid4()), wanted))
        except HttpResponseError as error:
            equal("a second one", (error.status_code, error.error.code), (409, "RoleAssignmentExists"))
        else:
            raise AssertionError("a second assignment was created")

    async def role_assignment_system_assigned(self):
        await self.assign(self.machine.identity.principal_id)

    async def role_assignment_user_assigned(self):
        await self.assign(self.identity.principal_id)

    async def role_assignment_desk(self):
        await self.assign(self.desk)

    async def role_assignment_list(self):
        found = await self.sdk.all(self.access.role_assignments.list_for_scope(self.vault, filter="atScope()"))
        here = {each.principal_id for each in found if each.scope.lower() == self.vault.lower()}
        equal("principals", here, {self.desk, self.identity.principal_id, self.machine.identity.principal_id})
        mine = await self.sdk.all(
            self.access.role_assignments.list_for_scope(
                self.vault, filter=f"principalId eq '{self.identity.principal_id}'"
            )
        )
        equal("of the identity", [each.principal_id for each in mine], [self.identity.principal_id])

    async def lists(self):
        names = {
            "groups": (self.groups.resource_groups.list(), [GROUP]),
            "networks": (self.network.virtual_networks.list(GROUP), [f"{VM}-vnet"]),
            "security groups": (self.network.network_security_groups.list(GROUP), [f"{VM}-nsg"]),
            "addresses": (self.network.public_ip_addresses.list(GROUP), [f"{VM}-ip"]),
            "interfaces": (self.network.network_interfaces.list(GROUP), [f"{VM}-nic"]),
            "machines": (self.compute.virtual_machines.list(GROUP), [VM]),
            "machines of the subscription": (self.compute.virtual_machines.list_all(), [VM]),
            "vaults": (self.vaults.list_by_resource_group(GROUP), [VAULT]),
            "vaults of the subscription": (self.vaults.list_by_subscription(), [VAULT]),
            "vaults as resources": (self.vaults.list(), [VAULT]),
            "identities": (self.msi.user_assigned_identities.list_by_resource_group(GROUP), [IDENTITY]),
            "identities of the subscription": (self.msi.user_assigned_identities.list_by_subscription(), [IDENTITY]),
        }
        for what, (pages, wanted) in names.items():
            equal(what, [each.name for each in await self.sdk.all(pages)], wanted)
        resources = await self.sdk.all(self.groups.resources.list_by_resource_group(GROUP))
        kinds = {each.type.lower() for each in resources}
        wanted = {
            "microsoft.compute/disks",
            "microsoft.compute/virtualmachines",
            "microsoft.keyvault/vaults",
            "microsoft.managedidentity/userassignedidentities",
            "microsoft.network/networkinterfaces",
            "microsoft.network/networksecuritygroups",
            "microsoft.network/publicipaddresses",
            "microsoft.network/virtualnetworks",
        }
        equal("kinds of resource", kinds, wanted)

    async def secret_set(self):
        # The role takes a moment to be effective.
        give_up = time.monotonic() + 60
        while True:
            try:
                secret = await self.sdk(
                    self.secrets.set_secret(SECRET, "first", content_type="text/plain", tags={"by": "story"})
                )
                break
            except HttpResponseError as error:
                if (error.status_code, inner_code(error)) != (403, "ForbiddenByRbac") or time.monotonic() > give_up:
                    raise
                await asyncio.sleep(0.2)
        equal("value", secret.value, "first")
        equal("name", secret.name, SECRET)
        self.check(secret.properties, "text/plain", {"by": "story"})
        again = await self.sdk(self.secrets.set_secret(SECRET, SECOND))
        assert again.properties.version != secret.properties.version, "the same version"
        equal("tags of the second version", again.properties.tags or {}, {})
        self.versions = [secret.properties.version, again.properties.version]

    def check(self, properties, content_type, tags):
        equal("content type", properties.content_type, content_type)
        equal("tags", properties.tags, tags)
        equal("enabled", properties.enabled, True)
        equal("vault", properties.vault_url, f"https://{VAULT}.vault.azure.net")
        equal("length of the version", len(properties.version), 32)
        assert abs(properties.created_on.timestamp() - time.time()) < 600, properties.created_on
        equal("recoverable days", properties.recoverable_days, 90)

    async def secret_get(self):
        latest = await self.sdk(self.secrets.get_secret(SECRET))
        equal("latest", (latest.value, latest.properties.version), (SECOND, self.versions[1]))
        first = await self.sdk(self.secrets.get_secret(SECRET, self.versions[0]))
        equal("first", first.value, "first")
        self.check(first.properties, "text/plain", {"by": "story"})
        for name, version in (("not-there", None), (SECRET, "0" * 32)):
            try:
                await self.sdk(self.secrets.get_secret(name, version))
            except ResourceNotFoundError as error:
                equal("code", error.error.code, "SecretNotFound")
            else:
                raise AssertionError(f"{name} {version} was found")

    async def secret_list(self):
        await self.sdk(self.secrets.set_secret("another-secret", "x"))
        for size in ({}, {"max_page_size": 1}):
            found = await self.sdk.all(self.secrets.list_properties_of_secrets(**size))
            equal("names", sorted(each.name for each in found), ["another-secret", SECRET])

    async def secret_list_versions(self):
        for size in ({}, {"max_page_size": 1}):
            found = await self.sdk.all(self.secrets.list_properties_of_secret_versions(SECRET, **size))
            equal("versions", {each.version for each in found}, set(self.versions))

    async def secret_update(self):
        changed = await self.sdk(
            self.secrets.update_secret_properties(
                SECRET, self.versions[0], enabled=False, content_type="text/html", tags={"changed": "yes"}
            )
        )
        equal("version", changed.version, self.versions[0])
        equal("enabled", changed.enabled, False)
        equal("content type", changed.content_type, "text/html")
        equal("tags", changed.tags, {"changed": "yes"})
        try:
            await self.sdk(self.secrets.get_secret(SECRET, self.versions[0]))
        except HttpResponseError as error:
            equal("a disabled version", (error.status_code, inner_code(error)), (403, "SecretDisabled"))
        else:
            raise AssertionError("a disabled version was read")

    async def secret_delete(self):
        deleted = await self.sdk.delete_secret(self.secrets, SECRET)
        equal("name", deleted.name, SECRET)
        equal("recovery id", deleted.recovery_id, f"https://{VAULT}.vault.azure.net/deletedsecrets/{SECRET}")
        kept = deleted.scheduled_purge_date - deleted.deleted_date
        equal("days kept", kept.days, 90)
        listed = await self.sdk.all(self.secrets.list_deleted_secrets())
        equal("deleted", [each.name for each in listed], [SECRET])
        try:
            await self.sdk(self.secrets.set_secret(SECRET, "third"))
        except HttpResponseError as error:
            equal("code", (error.status_code, inner_code(error)), (409, "ObjectIsDeletedButRecoverable"))
        else:
            raise AssertionError("a deleted secret was set")

    async def secret_recover(self):
        recovered = await self.sdk.recover_secret(self.secrets, SECRET)
        equal("name", recovered.name, SECRET)
        latest = await self.sdk(self.secrets.get_secret(SECRET))
        equal("version", latest.properties.version, self.versions[1])
        equal("deleted", await self.sdk.all(self.secrets.list_deleted_secrets()), [])

    async def secret_purge(self):
        await self.sdk.delete_secret(self.secrets, SECRET)
        await self.sdk(self.secrets.purge_deleted_secret(SECRET))
        # The purge is accepted at once and done a moment later.
        give_up = time.monotonic() + 60
        while await self.sdk.all(self.secrets.list_deleted_secrets()):
            assert time.monotonic() < give_up, "still there after a minute"
            await asyncio.sleep(0.2)
        try:
            await self.sdk(self.secrets.get_deleted_secret(SECRET))
        except ResourceNotFoundError as error:
            equal("code", error.error.code, "SecretNotFound")
        else:
            raise AssertionError("a purged secret was found")

    async def group_delete(self):
        await self.sdk(self.groups.resource_groups.begin_delete(GROUP))
        equal("existence", await self.sdk(self.groups.resource_groups.check_existence(GROUP)), False)
        try:
            await self.sdk(self.groups.resource_groups.get(GROUP))
        except ResourceNotFoundError as error:
            equal("code", error.error.code, "ResourceGroupNotFound")
        else:
            raise AssertionError("a deleted group was found")

    async def vault_purge(self):
        listed = await self.sdk.all(self.vaults.list_deleted())
        equal("deleted", [each.name for each in listed], [VAULT])
        deleted = await self.sdk(self.vaults.get_deleted(VAULT, LOCATION))
        same_id("vault", deleted.properties.vault_id, self.vault)
        equal("location", deleted.properties.location, LOCATION)
        kept = deleted.properties.scheduled_purge_date - deleted.properties.deletion_date
        equal("days kept", kept.days, 90)
        await self.sdk(self.vaults.begin_purge_deleted(VAULT, LOCATION))

    async def nothing_left(self):
        equal("deleted vaults", await self.sdk.all(self.vaults.list_deleted()), [])
        equal("groups", await self.sdk.all(self.groups.resource_groups.list()), [])
        equal("resources", await self.sdk.all(self.groups.resources.list()), [])

    steps = (
        desk_principal,
        group_create,
        network_create,
        security_group_create,
        public_address_create,
        interface_create,
        machine_create,
        machine_instance_view,
        vault_create,
        identity_create,
        machine_identities,
        role_definition,
        role_assignment_system_assigned,
        role_assignment_user_assigned,
        role_assignment_desk,
        role_assignment_list,
        lists,
        secret_set,
        secret_get,
        secret_list,
        secret_list_versions,
        secret_update,
        secret_delete,
        secret_recover,
        secret_purge,
        group_delete,
        vault_purge,
        nothing_left,
    )


async def main(aio):
    sdk = Sdk(aio)
    story = Story(sdk, os.environ["AZURE_SUBSCRIPTION_ID"])
    failed = 0
    for step in story.steps:
        name = step.__name__.replace("_", "-")
        try:
            await step(story)
            print(f"ok {name}", flush=True)
        except Exception as error:  # Whatever it is, the other steps still say something.
            failed += 1
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"FAIL {name}: {reason}", flush=True)
    await sdk.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main("--aio" in sys.argv[1:])))
