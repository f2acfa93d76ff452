// The tutorial's story with the Azure SDK for JavaScript.
//
// Prints a line for each checked step, `ok NAME` or `FAIL NAME: reason`, and exits with 1 if any failed.
// STORY_NAME is the prefix of all names (at most 20 letters, digits and hyphens; default: random). KEY_VAULT_NAME or
// VAULT_NAME names the vault (at most 23 characters; another one has this name and a `2`).

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { isIPv4 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { AuthorizationManagementClient } from "@azure/arm-authorization";
import { ComputeManagementClient } from "@azure/arm-compute";
import { KeyVaultManagementClient } from "@azure/arm-keyvault";
import { ManagedServiceIdentityClient } from "@azure/arm-msi";
import { NetworkManagementClient } from "@azure/arm-network";
import { ResourceManagementClient } from "@azure/arm-resources";
import { SubscriptionClient } from "@azure/arm-resources-subscriptions";
import { ClientSecretCredential, DefaultAzureCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

const SUBSCRIPTION = process.env.AZURE_SUBSCRIPTION_ID;
const TENANT = process.env.AZURE_TENANT_ID;
const PREFIX = process.env.STORY_NAME || `st${randomBytes(4).toString("hex")}`;
const VAULT = process.env.KEY_VAULT_NAME || process.env.VAULT_NAME || `${PREFIX}-kv`;
const OTHER_VAULT = `${VAULT}2`;
const GROUP = `${PREFIX}-group`;
const MACHINE = `${PREFIX}-vm`;
const IDENTITY = `${PREFIX}-identity`;
const LOCATION = "eastus";
const ROLE = "Key Vault Secrets Officer";
const SECRET = "quickstart-secret";
const ACCESS_WITHIN = 60_000;
const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPCvI8wL1yq5pHtWFdOFkYHPZkGKRJ9xjaBvxVnN6dYy story";
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAC = /^([0-9A-F]{2}-){5}[0-9A-F]{2}$/;
const DAY = 86_400_000;
/** How often operations are asked whether they are done. */
const POLL = { updateIntervalInMs: 100 };

const credential = new DefaultAzureCredential();
const subscriptions = new SubscriptionClient(credential);
const resources = new ResourceManagementClient(credential, SUBSCRIPTION);
const network = new NetworkManagementClient(credential, SUBSCRIPTION);
const compute = new ComputeManagementClient(credential, SUBSCRIPTION);
const { vaults } = new KeyVaultManagementClient(credential, SUBSCRIPTION);
const { userAssignedIdentities } = new ManagedServiceIdentityClient(credential, SUBSCRIPTION);
const roles = new AuthorizationManagementClient(credential, SUBSCRIPTION);
const vaultUrl = `https://${VAULT}.vault.azure.net`;
const secrets = new SecretClient(vaultUrl, credential);
const otherSecrets = new SecretClient(`https://${OTHER_VAULT}.vault.azure.net`, credential);

let failures = 0;

/** Says how a step went. A failed one does not end the story. */
async function step(name, check) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failures += 1;
    const line = /story\.mjs:(\d+)/.exec(error.stack ?? "")?.[1] ?? "?";
    console.log(`FAIL ${name}: line ${line}: ${error.name}: ${String(error.message).split(/\s+/).join(" ")}`);
  }
}

function sameId(got, wanted) {
  assert.equal(got?.toLowerCase(), wanted.toLowerCase());
}

/** All that a pager gives. */
async function every(pager) {
  const items = [];
  for await (const item of pager) items.push(item);
  return items;
}

async function names(pager) {
  return (await every(pager)).map((item) => item.name).sort();
}

/** Asserts that a call is refused, and gives its error. */
async function refused(status, code, call) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.name, "RestError", `${error.name}: ${error.message}`);
    assert.deepEqual([error.statusCode, error.code], [status, code], error.message);
    return error;
  }
  assert.fail(`this was not refused with ${status} ${code}`);
}

/** The code within a Key Vault error, which says more. */
function innerCode(error) {
  return error.details?.error?.innerError?.code;
}

function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
}

const nobody = { properties: {} };
let desk, guard, net, ip, nic, machine, identity, role;
let vault = nobody;
const principals = {};
const assignments = {};

// At the desk.

await step("credential", async () => {
  const token = await credential.getToken("https://management.azure.com/.default");
  assert.ok(token.expiresOnTimestamp > Date.now() + 300_000);
  const what = claims(token.token);
  assert.equal(what.tid, TENANT);
  assert.equal(what.appid, process.env.AZURE_CLIENT_ID);
  assert.match(what.oid, GUID);
  desk = what.oid;
});

await step("subscription", async () => {
  const one = await subscriptions.subscriptions.get(SUBSCRIPTION);
  assert.equal(one.subscriptionId, SUBSCRIPTION);
  assert.equal(one.id, `/subscriptions/${SUBSCRIPTION}`);
  assert.equal(one.state, "Enabled");
  assert.ok(one.displayName);
  const listed = await every(subscriptions.subscriptions.list());
  assert.ok(listed.some((found) => found.subscriptionId === SUBSCRIPTION && found.tenantId === TENANT));
});

await step("tenant", async () => {
  assert.ok((await every(subscriptions.tenants.list())).some((found) => found.tenantId === TENANT));
});

await step("locations", async () => {
  const listed = await every(subscriptions.subscriptions.listLocations(SUBSCRIPTION));
  const found = listed.find((location) => location.name === LOCATION);
  assert.equal(found.displayName, "East US");
  assert.equal(found.metadata.regionType, "Physical");
});

await step("providers", async () => {
  const one = await resources.providers.get("Microsoft.KeyVault");
  assert.equal(one.registrationState, "Registered");
  const kind = one.resourceTypes.find((found) => found.resourceType === "vaults");
  assert.ok(kind.apiVersions.length > 0);
  assert.ok(kind.locations.includes("East US"), kind.locations.join());
  const listed = (await every(resources.providers.list())).map((found) => found.namespace);
  for (const wanted of ["Compute", "KeyVault", "ManagedIdentity", "Network"]) {
    assert.ok(listed.includes(`Microsoft.${wanted}`), wanted);
  }
});

// Wrong credentials.

{
  const { AZURE_CLIENT_ID: app, AZURE_CLIENT_SECRET: key } = process.env;
  const scope = "https://management.azure.com/.default";
  const stranger = randomUUID();
  for (const [name, code, tenant, client, secret, audience] of [
    ["a wrong secret", "AADSTS7000215", TENANT, app, "not-the-secret", scope],
    ["no such application", "AADSTS700016", TENANT, stranger, key, scope],
    ["no such tenant", "AADSTS90002", stranger, app, key, scope],
    ["no such audience", "AADSTS500011", TENANT, app, key, `https://${stranger}.example/.default`],
  ]) {
    await step(name, async () => {
      await assert.rejects(new ClientSecretCredential(tenant, client, secret).getToken(audience), (error) => {
        assert.equal(error.name, "AuthenticationRequiredError", `${error.name}: ${error.message}`);
        assert.ok(error.message.includes(code), error.message);
        return true;
      });
    });
  }
}

// The group.

await step("no group yet", async () => {
  assert.equal((await resources.resourceGroups.checkExistence(GROUP)).body, false);
  await refused(404, "ResourceGroupNotFound", () => resources.resourceGroups.get(GROUP));
});

await step("group", async () => {
  const group = await resources.resourceGroups.createOrUpdate(GROUP, {
    location: LOCATION,
    tags: { made: "by the story" },
  });
  sameId(group.id, `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}`);
  assert.deepEqual(
    [group.name, group.type, group.location, group.properties.provisioningState],
    [GROUP, "Microsoft.Resources/resourceGroups", LOCATION, "Succeeded"],
  );
  assert.deepEqual(group.tags, { made: "by the story" });
  assert.equal((await resources.resourceGroups.checkExistence(GROUP)).body, true);
});

await step("group stays where it is", async () => {
  await refused(409, "InvalidResourceGroupLocation", () =>
    resources.resourceGroups.createOrUpdate(GROUP, { location: "westus" }),
  );
});

await step("group's tags", async () => {
  const group = await resources.resourceGroups.update(GROUP, { tags: { made: "again" } });
  assert.deepEqual(group.tags, { made: "again" });
  const tagged = (value) =>
    names(resources.resourceGroups.list({ filter: `tagName eq 'made' and tagValue eq '${value}'` }));
  assert.ok((await tagged("again")).includes(GROUP));
  assert.deepEqual(await tagged("by nobody"), []);
});

// The machine and what it needs.

await step("network security group", async () => {
  guard = await network.networkSecurityGroups.beginCreateOrUpdateAndWait(
    GROUP,
    `${MACHINE}-nsg`,
    {
      location: LOCATION,
      securityRules: [
        {
          name: "ssh",
          priority: 1000,
          protocol: "Tcp",
          access: "Allow",
          direction: "Inbound",
          sourceAddressPrefix: "*",
          sourcePortRange: "*",
          destinationAddressPrefix: "*",
          destinationPortRange: "22",
        },
      ],
    },
    POLL,
  );
  assert.equal(guard.provisioningState, "Succeeded");
  assert.equal(guard.securityRules.length, 1);
  const [rule] = guard.securityRules;
  assert.deepEqual([rule.name, rule.priority, rule.destinationPortRange], ["ssh", 1000, "22"]);
  assert.equal(guard.defaultSecurityRules.length, 6);
});

await step("virtual network", async () => {
  net = await network.virtualNetworks.beginCreateOrUpdateAndWait(
    GROUP,
    `${MACHINE}-vnet`,
    {
      location: LOCATION,
      addressSpace: { addressPrefixes: ["10.0.0.0/16"] },
      subnets: [{ name: "default", addressPrefix: "10.0.0.0/24" }],
    },
    POLL,
  );
  assert.equal(net.provisioningState, "Succeeded");
  assert.deepEqual(net.addressSpace.addressPrefixes, ["10.0.0.0/16"]);
  assert.ok(net.etag && net.resourceGuid);
  assert.equal(net.subnets.length, 1);
  sameId(net.subnets[0].id, `${net.id}/subnets/default`);
});

await step("subnet", async () => {
  const subnet = await network.subnets.get(GROUP, `${MACHINE}-vnet`, "default");
  assert.deepEqual([subnet.addressPrefix, subnet.provisioningState], ["10.0.0.0/24", "Succeeded"]);
  assert.deepEqual(await names(network.subnets.list(GROUP, `${MACHINE}-vnet`)), ["default"]);
});

await step("public IP address", async () => {
  ip = await network.publicIPAddresses.beginCreateOrUpdateAndWait(
    GROUP,
    `${MACHINE}-ip`,
    {
      location: LOCATION,
      sku: { name: "Standard" },
      publicIPAllocationMethod: "Static",
      publicIPAddressVersion: "IPv4",
    },
    POLL,
  );
  assert.deepEqual(
    [ip.provisioningState, ip.sku.name, ip.publicIPAllocationMethod],
    ["Succeeded", "Standard", "Static"],
  );
  assert.ok(isIPv4(ip.ipAddress), ip.ipAddress);
});

await step("network interface", async () => {
  nic = await network.networkInterfaces.beginCreateOrUpdateAndWait(
    GROUP,
    `${MACHINE}-nic`,
    {
      location: LOCATION,
      networkSecurityGroup: { id: guard.id },
      ipConfigurations: [{ name: "main", subnet: { id: net.subnets[0].id }, publicIPAddress: { id: ip.id } }],
    },
    POLL,
  );
  assert.equal(nic.provisioningState, "Succeeded");
  assert.equal(nic.ipConfigurations.length, 1);
  const [config] = nic.ipConfigurations;
  assert.match(config.privateIPAddress, /^10\.0\.0\.\d+$/);
  assert.equal(config.primary, true);
  sameId(config.publicIPAddress.id, ip.id);
  sameId(nic.networkSecurityGroup.id, guard.id);
});

await step("addresses are in use", async () => {
  const there = await network.publicIPAddresses.get(GROUP, `${MACHINE}-ip`);
  sameId(there.ipConfiguration.id, nic.ipConfigurations[0].id);
  await refused(400, "PublicIPAddressCannotBeDeleted", () =>
    network.publicIPAddresses.beginDeleteAndWait(GROUP, `${MACHINE}-ip`, POLL),
  );
});

await step("no machine yet", async () => {
  const error = await refused(404, "ResourceNotFound", () => compute.virtualMachines.get(GROUP, MACHINE));
  assert.ok(error.message.includes(`Microsoft.Compute/virtualMachines/${MACHINE}`), error.message);
});

await step("machine", async () => {
  machine = await compute.virtualMachines.createOrUpdate(
    GROUP,
    MACHINE,
    {
      location: LOCATION,
      hardwareProfile: { vmSize: "Standard_D2s_v3" },
      storageProfile: {
        imageReference: {
          publisher: "canonical",
          offer: "0001-com-ubuntu-server-jammy",
          sku: "22_04-lts",
          version: "latest",
        },
        osDisk: { createOption: "FromImage", managedDisk: { storageAccountType: "Premium_LRS" } },
      },
      osProfile: {
        computerName: MACHINE,
        adminUsername: "azureuser",
        linuxConfiguration: {
          disablePasswordAuthentication: true,
          ssh: { publicKeys: [{ path: "/home/azureuser/.ssh/authorized_keys", keyData: SSH_KEY }] },
        },
      },
      networkProfile: { networkInterfaces: [{ id: nic.id, primary: true }] },
    },
    POLL,
  );
  assert.deepEqual(
    [machine.provisioningState, machine.name, machine.location, machine.hardwareProfile.vmSize],
    ["Succeeded", MACHINE, LOCATION, "Standard_D2s_v3"],
  );
  assert.equal(machine.osProfile.adminUsername, "azureuser");
  assert.equal(machine.osProfile.linuxConfiguration.ssh.publicKeys[0].keyData, SSH_KEY);
  assert.equal(machine.storageProfile.osDisk.osType, "Linux");
  assert.ok(machine.storageProfile.imageReference.exactVersion);
  assert.ok(machine.timeCreated instanceof Date && !Number.isNaN(machine.timeCreated.valueOf()));
  assert.match(machine.vmId, GUID);
  assert.equal(machine.identity, undefined);
});

const power = async () =>
  (await compute.virtualMachines.instanceView(GROUP, MACHINE)).statuses.map((status) => status.code).sort();

await step("machine runs", async () => {
  assert.deepEqual(await power(), ["PowerState/running", "ProvisioningState/succeeded"]);
  const there = await compute.virtualMachines.get(GROUP, MACHINE, { expand: "instanceView" });
  assert.ok(there.instanceView.statuses.some((status) => status.code === "PowerState/running"));
});

await step("disk", async () => {
  const disks = await every(compute.disks.listByResourceGroup(GROUP));
  assert.equal(disks.length, 1);
  const [disk] = disks;
  sameId(disk.id, machine.storageProfile.osDisk.managedDisk.id);
  sameId(disk.managedBy, machine.id);
  assert.deepEqual([disk.sku.name, disk.diskState, disk.osType], ["Premium_LRS", "Attached", "Linux"]);
});

await step("interface is the machine's", async () => {
  const there = await network.networkInterfaces.get(GROUP, `${MACHINE}-nic`);
  sameId(there.virtualMachine.id, machine.id);
  assert.equal(there.primary, true);
  assert.match(there.macAddress, MAC);
});

await step("machine stops and starts", async () => {
  await compute.virtualMachines.deallocate(GROUP, MACHINE, POLL);
  assert.ok((await power()).includes("PowerState/deallocated"));
  await compute.virtualMachines.start(GROUP, MACHINE, POLL);
  assert.ok((await power()).includes("PowerState/running"));
});

await step("machine's image stays", async () => {
  const { resources: _, ...change } = machine;
  change.storageProfile = {
    ...machine.storageProfile,
    imageReference: { ...machine.storageProfile.imageReference, sku: "22_04-lts-gen2" },
  };
  await refused(409, "PropertyChangeNotAllowed", async () => {
    await compute.virtualMachines.createOrUpdate(GROUP, MACHINE, change, POLL);
  });
});

// The vault.

await step("vault's name is free", async () => {
  const free = await vaults.checkNameAvailability({ name: VAULT, type: "Microsoft.KeyVault/vaults" });
  assert.equal(free.nameAvailable, true);
});

const newVault = {
  location: LOCATION,
  properties: { tenantId: TENANT, sku: { family: "A", name: "standard" }, enableRbacAuthorization: true },
};

await step("vault", async () => {
  vault = await vaults.createOrUpdate(GROUP, VAULT, newVault, POLL);
  sameId(
    vault.id,
    `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.KeyVault/vaults/${VAULT}`,
  );
  assert.deepEqual([vault.name, vault.type, vault.location], [VAULT, "Microsoft.KeyVault/vaults", LOCATION]);
  const facts = vault.properties;
  assert.equal(facts.tenantId, TENANT);
  assert.deepEqual([facts.sku.family, facts.sku.name], ["A", "standard"]);
  assert.equal(facts.vaultUri, `${vaultUrl}/`);
  assert.equal(facts.provisioningState, "Succeeded");
  assert.deepEqual([facts.enableRbacAuthorization, facts.enableSoftDelete], [true, true]);
  assert.equal(facts.softDeleteRetentionInDays, 90);
});

await step("another vault", async () => {
  await vaults.createOrUpdate(GROUP, OTHER_VAULT, newVault, POLL);
  assert.equal((await vaults.get(GROUP, OTHER_VAULT)).name, OTHER_VAULT);
});

await step("vault's name is taken", async () => {
  const taken = await vaults.checkNameAvailability({ name: VAULT, type: "Microsoft.KeyVault/vaults" });
  assert.deepEqual([taken.nameAvailable, taken.reason], [false, "AlreadyExists"]);
  assert.ok(taken.message);
  const bad = await vaults.checkNameAvailability({ name: "1-no", type: "Microsoft.KeyVault/vaults" });
  assert.deepEqual([bad.nameAvailable, bad.reason], [false, "AccountNameInvalid"]);
});

await step("vault's tags", async () => {
  const changed = await vaults.update(GROUP, VAULT, { tags: { a: "b" } });
  assert.deepEqual(changed.tags, { a: "b" });
  assert.equal(changed.properties.enableRbacAuthorization, true);
  const found = await resources.resources.getById(vault.id, "2023-07-01");
  assert.equal(found.type, "Microsoft.KeyVault/vaults");
  assert.deepEqual(found.tags, { a: "b" });
  assert.equal(found.properties.vaultUri, vault.properties.vaultUri);
});

await step("no vault of a bad name", async () => {
  await refused(400, "VaultNameNotValid", async () => {
    await vaults.createOrUpdate(GROUP, "1-no", newVault, POLL);
  });
});

await step("no access yet", async () => {
  const error = await refused(403, "Forbidden", () => secrets.getSecret(SECRET));
  assert.equal(innerCode(error), "ForbiddenByRbac");
  assert.ok(error.message.includes("Microsoft.KeyVault/vaults/secrets/getSecret/action"), error.message);
});

await step("no such vault", async () => {
  await refused(404, "ResourceNotFound", () => vaults.get(GROUP, `${VAULT}x`));
});

// The identities.

await step("user-assigned identity", async () => {
  identity = await userAssignedIdentities.createOrUpdate(GROUP, IDENTITY, { location: LOCATION, tags: { a: "b" } });
  assert.deepEqual(
    [identity.name, identity.location, identity.type, identity.tenantId],
    [IDENTITY, LOCATION, "Microsoft.ManagedIdentity/userAssignedIdentities", TENANT],
  );
  assert.deepEqual(identity.tags, { a: "b" });
  assert.match(identity.clientId, GUID);
  assert.match(identity.principalId, GUID);
  principals.user = identity.principalId;
  const again = await userAssignedIdentities.get(GROUP, IDENTITY);
  assert.deepEqual([again.principalId, again.clientId], [identity.principalId, identity.clientId]);
});

await step("system-assigned identity", async () => {
  const changed = await compute.virtualMachines.update(GROUP, MACHINE, { identity: { type: "SystemAssigned" } }, POLL);
  assert.deepEqual([changed.identity.type, changed.identity.tenantId], ["SystemAssigned", TENANT]);
  assert.match(changed.identity.principalId, GUID);
  principals.system = changed.identity.principalId;
});

await step("both identities", async () => {
  const changed = await compute.virtualMachines.update(
    GROUP,
    MACHINE,
    {
      identity: { type: "SystemAssigned, UserAssigned", userAssignedIdentities: { [identity.id]: {} } },
    },
    POLL,
  );
  assert.deepEqual(
    [changed.identity.type, changed.identity.principalId],
    ["SystemAssigned, UserAssigned", principals.system],
  );
  const user = Object.entries(changed.identity.userAssignedIdentities);
  assert.equal(user.length, 1);
  sameId(user[0][0], identity.id);
  assert.deepEqual([user[0][1].principalId, user[0][1].clientId], [identity.principalId, identity.clientId]);
});

await step("system-assigned identity again", async () => {
  const changed = await compute.virtualMachines.update(GROUP, MACHINE, { identity: { type: "SystemAssigned" } }, POLL);
  assert.deepEqual([changed.identity.type, changed.identity.principalId], ["SystemAssigned", principals.system]);
  assert.deepEqual(Object.keys(changed.identity.userAssignedIdentities ?? {}), []);
});

// The roles.

await step("role by its name", async () => {
  const found = await every(roles.roleDefinitions.list(vault.id, { filter: `roleName eq '${ROLE}'` }));
  assert.equal(found.length, 1);
  [role] = found;
  assert.deepEqual(
    [role.roleName, role.roleType, role.name],
    [ROLE, "BuiltInRole", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"],
  );
  assert.deepEqual(role.permissions[0].dataActions, ["Microsoft.KeyVault/vaults/secrets/*"]);
  assert.equal((await roles.roleDefinitions.get(vault.id, role.name)).roleName, ROLE);
});

await step("all roles", async () => {
  const listed = await every(roles.roleDefinitions.list(vault.id));
  const actions = (name) => listed.find((one) => one.roleName === name).permissions[0].actions;
  assert.deepEqual(actions("Owner"), ["*"]);
  assert.deepEqual(actions("Reader"), ["*/read"]);
  assert.ok(listed.every((one) => one.roleType === "BuiltInRole"));
});

principals.desk = desk;
for (const [who, principalId] of Object.entries(principals)) {
  await step(`role for ${who}`, async () => {
    const name = randomUUID();
    const made = await roles.roleAssignments.create(vault.id, name, {
      roleDefinitionId: role.id,
      principalId,
      principalType: "ServicePrincipal",
    });
    assert.deepEqual(
      [made.name, made.type, made.principalId, made.principalType],
      [name, "Microsoft.Authorization/roleAssignments", principalId, "ServicePrincipal"],
    );
    sameId(made.scope, vault.id);
    assert.ok(made.roleDefinitionId.toLowerCase().endsWith(role.name));
    assert.ok(made.createdOn instanceof Date && !Number.isNaN(made.createdOn.valueOf()));
    assignments[who] = made;
  });
}

await step("role assignments", async () => {
  const listed = await every(roles.roleAssignments.listForScope(vault.id, { filter: "atScope()" }));
  for (const made of Object.values(assignments)) assert.ok(listed.some((one) => one.name === made.name));
  const some = await every(
    roles.roleAssignments.listForScope(vault.id, { filter: `principalId eq '${principals.user}'` }),
  );
  assert.deepEqual(
    some.map((one) => one.name),
    [assignments.user.name],
  );
  assert.equal((await roles.roleAssignments.getById(some[0].id)).name, assignments.user.name);
});

await step("role assignment is there already", async () => {
  await refused(409, "RoleAssignmentExists", () =>
    roles.roleAssignments.create(vault.id, randomUUID(), {
      roleDefinitionId: role.id,
      principalId: principals.user,
      principalType: "ServicePrincipal",
    }),
  );
});

await step("role for nobody", async () => {
  await refused(400, "PrincipalNotFound", () =>
    roles.roleAssignments.create(vault.id, randomUUID(), { roleDefinitionId: role.id, principalId: randomUUID() }),
  );
});

await step("role assignment goes", async () => {
  const gone = await roles.roleAssignments.delete(vault.id, assignments.user.name);
  assert.equal(gone.principalId, principals.user);
  const again = await roles.roleAssignments.delete(vault.id, assignments.user.name);
  assert.equal(again?.principalId, undefined);
});

// The lists.

const kinds = [
  "Microsoft.Compute/disks",
  "Microsoft.Compute/virtualMachines",
  "Microsoft.KeyVault/vaults",
  "Microsoft.KeyVault/vaults",
  "Microsoft.ManagedIdentity/userAssignedIdentities",
  "Microsoft.Network/networkInterfaces",
  "Microsoft.Network/networkSecurityGroups",
  "Microsoft.Network/publicIPAddresses",
  "Microsoft.Network/virtualNetworks",
];

await step("resources", async () => {
  const found = await every(resources.resources.listByResourceGroup(GROUP));
  assert.deepEqual(found.map((one) => one.type).sort(), kinds);
  const filter = "resourceType eq 'Microsoft.KeyVault/vaults'";
  assert.deepEqual(await names(resources.resources.listByResourceGroup(GROUP, { filter })), [VAULT, OTHER_VAULT]);
});

await step("resources by pages", async () => {
  const pages = await every(resources.resources.listByResourceGroup(GROUP, { top: 4 }).byPage());
  assert.deepEqual(
    pages
      .flat()
      .map((one) => one.type)
      .sort(),
    kinds,
  );
  assert.ok(pages.length > 1, `${pages.length} page`);
});

await step("machines", async () => {
  assert.deepEqual(await names(compute.virtualMachines.list(GROUP)), [MACHINE]);
  assert.ok((await names(compute.virtualMachines.listAll())).includes(MACHINE));
});

await step("vaults", async () => {
  assert.deepEqual(await names(vaults.listByResourceGroup(GROUP)), [VAULT, OTHER_VAULT]);
  for (const pager of [vaults.listBySubscription(), vaults.list()]) {
    const found = await names(pager);
    assert.ok(found.includes(VAULT) && found.includes(OTHER_VAULT), found.join());
  }
});

await step("vaults by pages", async () => {
  const pages = await every(vaults.listByResourceGroup(GROUP, { top: 1 }).byPage());
  assert.deepEqual(
    pages
      .flat()
      .map((one) => one.name)
      .sort(),
    [VAULT, OTHER_VAULT],
  );
  assert.ok(pages.length > 1, `${pages.length} page`);
});

await step("identities", async () => {
  assert.deepEqual(await names(userAssignedIdentities.listByResourceGroup(GROUP)), [IDENTITY]);
});

await step("sizes", async () => {
  const size = (await every(compute.virtualMachineSizes.list(LOCATION))).find((one) => one.name === "Standard_D2s_v3");
  assert.deepEqual([size.numberOfCores, size.memoryInMB], [2, 8192]);
});

// The secrets.

let first = nobody;
let second = nobody;
const text = "two \u00fc\u4e8c\n";
const deletion = { intervalInMs: 100 };
const erase = async (name) => (await secrets.beginDeleteSecret(name, deletion)).pollUntilDone();

/** Waits until a deleted secret is gone. */
async function purged(name) {
  for (let round = 0; round < 100; round += 1) {
    try {
      await secrets.getDeletedSecret(name);
    } catch (error) {
      if (error.statusCode === 404) return;
      throw error;
    }
    await sleep(100);
  }
  assert.fail(`'${name}' is still there`);
}

await step("access", async () => {
  const until = Date.now() + ACCESS_WITHIN;
  for (;;) {
    try {
      first = await secrets.setSecret(SECRET, "one");
      return;
    } catch (error) {
      if (error.statusCode !== 403 || innerCode(error) !== "ForbiddenByRbac" || Date.now() > until) throw error;
    }
    await sleep(500);
  }
});

await step("set a secret", async () => {
  assert.deepEqual([first.name, first.value], [SECRET, "one"]);
  const facts = first.properties;
  assert.ok(facts.id.startsWith(`${vaultUrl}/secrets/${SECRET}/`), facts.id);
  assert.match(facts.version, /^[0-9a-f]{32}$/);
  assert.deepEqual([facts.vaultUrl, facts.enabled], [vaultUrl, true]);
  assert.deepEqual([facts.recoveryLevel, facts.recoverableDays], ["Recoverable+Purgeable", 90]);
  assert.ok(facts.createdOn instanceof Date);
  assert.deepEqual(facts.createdOn, facts.updatedOn);
});

await step("get a secret", async () => {
  assert.equal((await secrets.getSecret(SECRET)).value, "one");
  const there = await secrets.getSecret(SECRET, { version: first.properties.version });
  assert.equal(there.properties.id, first.properties.id);
});

const ends = new Date(Math.floor(Date.now() / 1000) * 1000 + 30 * DAY);

await step("a new version", async () => {
  second = await secrets.setSecret(SECRET, text, { tags: { a: "b" }, contentType: "text/plain", expiresOn: ends });
  assert.notEqual(second.properties.version, first.properties.version);
  const there = await secrets.getSecret(SECRET);
  assert.deepEqual([there.properties.id, there.value], [second.properties.id, text]);
  assert.deepEqual({ ...there.properties.tags }, { a: "b" });
  assert.equal(there.properties.contentType, "text/plain");
  assert.deepEqual(there.properties.expiresOn, ends);
  assert.equal((await secrets.getSecret(SECRET, { version: first.properties.version })).value, "one");
});

await step("update a secret", async () => {
  const { version } = second.properties;
  const facts = await secrets.updateSecretProperties(SECRET, version, { contentType: "text/html", tags: { c: "d" } });
  assert.deepEqual([facts.version, facts.contentType], [version, "text/html"]);
  assert.deepEqual({ ...facts.tags }, { c: "d" });
  assert.deepEqual(facts.expiresOn, ends);
});

await step("a disabled version", async () => {
  const { version } = first.properties;
  const facts = await secrets.updateSecretProperties(SECRET, version, { enabled: false });
  assert.deepEqual([facts.version, facts.enabled], [version, false]);
  const error = await refused(403, "Forbidden", () => secrets.getSecret(SECRET, { version }));
  assert.equal(innerCode(error), "SecretDisabled");
  assert.equal((await secrets.getSecret(SECRET)).properties.id, second.properties.id);
});

await step("no such secret", async () => {
  await refused(404, "SecretNotFound", () => secrets.getSecret("not-there"));
});

await step("a bad name", async () => {
  const error = await refused(400, "BadParameter", () => secrets.setSecret("not_good", "x"));
  assert.ok(error.message.includes("not_good"), error.message);
});

await step("versions", async () => {
  const listed = await every(secrets.listPropertiesOfSecretVersions(SECRET));
  assert.deepEqual(Object.fromEntries(listed.map((one) => [one.version, one.enabled])), {
    [first.properties.version]: false,
    [second.properties.version]: true,
  });
  const pages = await every(secrets.listPropertiesOfSecretVersions(SECRET).byPage({ maxPageSize: 1 }));
  assert.deepEqual(pages.map((page) => page.length).filter(Boolean), [1, 1]);
});

await step("secrets", async () => {
  const wanted = [SECRET];
  for (let number = 0; number < 4; number += 1) {
    await secrets.setSecret(`other-${number}`, String(number));
    wanted.push(`other-${number}`);
  }
  assert.deepEqual(await names(secrets.listPropertiesOfSecrets()), wanted.sort());
  const pages = await every(secrets.listPropertiesOfSecrets().byPage({ maxPageSize: 2 }));
  assert.deepEqual(
    pages
      .flat()
      .map((one) => one.name)
      .sort(),
    wanted,
  );
  assert.deepEqual(pages.map((page) => page.length).filter(Boolean), [2, 2, 1]);
});

await step("backup and restore", async () => {
  const backup = await secrets.backupSecret("other-0");
  assert.ok(backup instanceof Uint8Array && backup.length > 0);
  await erase("other-0");
  await secrets.purgeDeletedSecret("other-0");
  await purged("other-0");
  assert.equal((await secrets.restoreSecretBackup(backup)).name, "other-0");
  assert.equal((await secrets.getSecret("other-0")).value, "0");
});

await step("delete a secret", async () => {
  const gone = await erase(SECRET);
  assert.equal(gone.name, SECRET);
  assert.equal(gone.recoveryId ?? gone.properties.recoveryId, `${vaultUrl}/deletedsecrets/${SECRET}`);
  const facts = gone.properties;
  assert.equal(facts.scheduledPurgeDate - facts.deletedOn, 90 * DAY);
  await refused(404, "SecretNotFound", () => secrets.getSecret(SECRET));
  assert.deepEqual(await names(secrets.listDeletedSecrets()), [SECRET]);
  assert.equal((await secrets.getDeletedSecret(SECRET)).properties.id, facts.id);
});

await step("a deleted secret's name is kept", async () => {
  const error = await refused(409, "Conflict", () => secrets.setSecret(SECRET, "again"));
  assert.equal(innerCode(error), "ObjectIsDeletedButRecoverable");
});

await step("recover a secret", async () => {
  const facts = await (await secrets.beginRecoverDeletedSecret(SECRET, deletion)).pollUntilDone();
  assert.deepEqual([facts.name, facts.version], [SECRET, second.properties.version]);
  assert.equal((await secrets.getSecret(SECRET)).value, text);
  assert.deepEqual(await names(secrets.listDeletedSecrets()), []);
});

await step("purge a secret", async () => {
  await erase(SECRET);
  await secrets.purgeDeletedSecret(SECRET);
  await purged(SECRET);
  await refused(404, "SecretNotFound", () => secrets.getSecret(SECRET));
  assert.equal((await secrets.setSecret(SECRET, "anew")).value, "anew");
});

// Access policies.

const policy = (objectId, ...may) => ({ tenantId: TENANT, objectId, permissions: { secrets: may } });

const withPolicies = (...may) => ({
  location: LOCATION,
  properties: { ...newVault.properties, enableRbacAuthorization: false, accessPolicies: [policy(desk, ...may)] },
});

/** What each principal may do by a vault's policies. */
const allowed = (policies) =>
  Object.fromEntries(
    policies.map((one) => [one.objectId, one.permissions.secrets.map((word) => word.toLowerCase()).sort()]),
  );

/** Changes the policies, and gives what each principal may do then. */
async function change(kind, one) {
  await vaults.updateAccessPolicy(GROUP, OTHER_VAULT, kind, { properties: { accessPolicies: [one] } });
  return allowed((await vaults.get(GROUP, OTHER_VAULT)).properties.accessPolicies);
}

/** Calls until a policy that allows the call is effective. */
async function untilAllowed(call) {
  const until = Date.now() + ACCESS_WITHIN;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error.statusCode !== 403 || Date.now() > until) throw error;
    }
    await sleep(500);
  }
}

await step("a vault with access policies", async () => {
  const made = await vaults.createOrUpdate(GROUP, OTHER_VAULT, withPolicies("get", "set"), POLL);
  assert.equal(made.properties.enableRbacAuthorization, false);
  assert.deepEqual(allowed(made.properties.accessPolicies), { [desk]: ["get", "set"] });
});

await step("a policy allows", async () => {
  const made = await untilAllowed(() => otherSecrets.setSecret("kept", "by a policy"));
  assert.equal(made.value, "by a policy");
  assert.equal((await otherSecrets.getSecret("kept")).value, "by a policy");
});

await step("a policy does not allow", async () => {
  const error = await refused(403, "Forbidden", () => otherSecrets.backupSecret("kept"));
  assert.equal(innerCode(error), "AccessDenied");
  assert.ok(error.message.includes("does not have secrets backup permission on key vault"), error.message);
});

await step("a policy is added", async () => {
  assert.deepEqual(await change("add", policy(desk, "list")), { [desk]: ["get", "list", "set"] });
  assert.deepEqual(await untilAllowed(() => names(otherSecrets.listPropertiesOfSecrets())), ["kept"]);
});

await step("a policy is replaced", async () => {
  const before = await change("add", policy(principals.user, "get"));
  assert.deepEqual(before, { [desk]: ["get", "list", "set"], [principals.user]: ["get"] });
  const after = await change("replace", policy(desk, "get", "delete"));
  assert.deepEqual(after, { [desk]: ["delete", "get"], [principals.user]: ["get"] });
});

await step("a policy is removed", async () => {
  assert.deepEqual(await change("remove", policy(desk, "delete")), { [desk]: ["get"], [principals.user]: ["get"] });
  assert.deepEqual(await change("remove", policy(principals.user, "get")), { [desk]: ["get"] });
});

await step("delete and recover a vault", async () => {
  await vaults.createOrUpdate(GROUP, OTHER_VAULT, withPolicies("get", "set"), POLL);
  await vaults.delete(GROUP, OTHER_VAULT);
  await refused(404, "ResourceNotFound", () => vaults.get(GROUP, OTHER_VAULT));
  assert.equal((await vaults.getDeleted(OTHER_VAULT, LOCATION)).name, OTHER_VAULT);
  await refused(409, "ConflictError", async () => {
    await vaults.createOrUpdate(GROUP, OTHER_VAULT, newVault, POLL);
  });
  const recover = { location: LOCATION, properties: { ...newVault.properties, createMode: "recover" } };
  const back = await vaults.createOrUpdate(GROUP, OTHER_VAULT, recover, POLL);
  assert.deepEqual([back.name, back.properties.provisioningState], [OTHER_VAULT, "Succeeded"]);
  assert.equal((await untilAllowed(() => otherSecrets.getSecret("kept"))).value, "by a policy");
});

// The machine goes.

await step("machine restarts", async () => {
  await compute.virtualMachines.restart(GROUP, MACHINE, POLL);
  await compute.virtualMachines.powerOff(GROUP, MACHINE, POLL);
  assert.ok((await power()).includes("PowerState/stopped"));
});

await step("interface is in use", async () => {
  await refused(400, "NicInUse", () => network.networkInterfaces.beginDeleteAndWait(GROUP, `${MACHINE}-nic`, POLL));
});

await step("delete the machine", async () => {
  await compute.virtualMachines.delete(GROUP, MACHINE, POLL);
  assert.deepEqual(await names(compute.virtualMachines.list(GROUP)), []);
  const disks = await every(compute.disks.listByResourceGroup(GROUP));
  assert.deepEqual(
    disks.map((disk) => [disk.diskState, disk.managedBy]),
    [["Unattached", undefined]],
  );
  const there = await network.networkInterfaces.get(GROUP, `${MACHINE}-nic`);
  assert.equal(there.virtualMachine, undefined);
  await network.networkInterfaces.beginDeleteAndWait(GROUP, `${MACHINE}-nic`, POLL);
  await network.publicIPAddresses.beginDeleteAndWait(GROUP, `${MACHINE}-ip`, POLL);
});

// Clean up.

await step("delete the group", async () => {
  await resources.resourceGroups.beginDeleteAndWait(GROUP, POLL);
  assert.equal((await resources.resourceGroups.checkExistence(GROUP)).body, false);
  await refused(404, "ResourceGroupNotFound", () => compute.virtualMachines.get(GROUP, MACHINE));
});

await step("deleted vaults", async () => {
  const listed = await every(vaults.listDeleted());
  const one = listed.find((found) => found.name === VAULT);
  assert.ok(listed.some((found) => found.name === OTHER_VAULT));
  sameId(one.properties.vaultId, vault.id);
  assert.equal(one.properties.location, LOCATION);
  assert.equal(one.properties.scheduledPurgeDate - one.properties.deletionDate, 90 * DAY);
  assert.equal((await vaults.getDeleted(VAULT, LOCATION)).id, one.id);
});

await step("a deleted vault's name is kept", async () => {
  const taken = await vaults.checkNameAvailability({ name: VAULT, type: "Microsoft.KeyVault/vaults" });
  assert.deepEqual([taken.nameAvailable, taken.reason], [false, "AlreadyExists"]);
});

await step("purge the vaults", async () => {
  await vaults.purgeDeleted(VAULT, LOCATION, POLL);
  await vaults.purgeDeleted(OTHER_VAULT, LOCATION, POLL);
});

await step("nothing is left", async () => {
  const left = await names(vaults.listDeleted());
  assert.deepEqual(
    left.filter((name) => name.startsWith(VAULT)),
    [],
  );
  assert.ok(!(await names(resources.resourceGroups.list())).includes(GROUP));
  const free = await vaults.checkNameAvailability({ name: VAULT, type: "Microsoft.KeyVault/vaults" });
  assert.equal(free.nameAvailable, true);
});

process.exitCode = failures > 0 ? 1 : 0;
