// The tutorial and its neighbourhood at the desk, with the Azure SDK for JavaScript as it is installed.
//
//     node story.mjs
//
// Prints `ok NAME` or `FAIL NAME: REASON` for each step; a step that fails does not stop the others. Exits with 1 if
// one failed.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { AuthorizationManagementClient } from "@azure/arm-authorization";
import { ComputeManagementClient } from "@azure/arm-compute";
import { KeyVaultManagementClient } from "@azure/arm-keyvault";
import { ManagedServiceIdentityClient } from "@azure/arm-msi";
import { NetworkManagementClient } from "@azure/arm-network";
import { ResourceManagementClient } from "@azure/arm-resources";
import { DefaultAzureCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

const LOCATION = "eastus";
const GROUP = "js-on-azure";
const VM = "js-on-azure-vm";
const VAULT = "js-on-azure-vault";
const IDENTITY = "js-on-azure-identity";
const SECRET = "quickstart-secret";
const SECOND = "second\nwith 'quotes' and ünïcödé";
const OFFICER = "Key Vault Secrets Officer";
const OFFICER_ID = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DAY = 24 * 60 * 60 * 1000;
const IMAGE = {
  publisher: "canonical",
  offer: "0001-com-ubuntu-server-jammy",
  sku: "22_04-lts",
  version: "latest",
};

const { AZURE_SUBSCRIPTION_ID: subscription, AZURE_TENANT_ID: tenant } = process.env;
const groupId = `/subscriptions/${subscription}/resourceGroups/${GROUP}`;
const idOf = (type, name) => `${groupId}/providers/${type}/${name}`;

const credential = new DefaultAzureCredential();
const { resourceGroups, resources } = new ResourceManagementClient(credential, subscription);
const { virtualMachines } = new ComputeManagementClient(credential, subscription);
const network = new NetworkManagementClient(credential, subscription);
const { vaults } = new KeyVaultManagementClient(credential, subscription);
const { userAssignedIdentities } = new ManagedServiceIdentityClient(credential, subscription);
const { roleAssignments, roleDefinitions } = new AuthorizationManagementClient(credential, subscription);
const secrets = new SecretClient(`https://${VAULT}.vault.azure.net/`, credential);

// What later steps need of the earlier ones.
const made = {};

async function all(pages) {
  const found = [];
  for await (const item of pages) found.push(item);
  return found;
}

const names = async (pages) => (await all(pages)).map((each) => each.name);

const sameId = (found, wanted) => assert.equal(found.toLowerCase(), wanted.toLowerCase());

// The code that says most: ForbiddenByRbac, where the error's own is Forbidden.
const codeOf = (error) => error.details?.error?.innerError?.code ?? error.code;

const refused = (promise, statusCode, code) =>
  assert.rejects(promise, (error) => {
    assert.deepEqual([error.statusCode, codeOf(error)], [statusCode, code]);
    return true;
  });

async function assign(principalId) {
  const name = randomUUID();
  const wanted = { roleDefinitionId: made.role, principalId, principalType: "ServicePrincipal" };
  const assignment = await roleAssignments.create(made.vault, name, wanted);
  assert.equal(assignment.name, name);
  sameId(assignment.scope, made.vault);
  sameId(assignment.roleDefinitionId, made.role);
  assert.deepEqual([assignment.principalId, assignment.principalType], [principalId, "ServicePrincipal"]);
  await refused(roleAssignments.create(made.vault, randomUUID(), wanted), 409, "RoleAssignmentExists");
}

function checkSecret(properties, contentType, tags) {
  assert.equal(properties.contentType, contentType);
  assert.deepEqual(properties.tags, tags);
  assert.equal(properties.enabled, true);
  assert.equal(properties.vaultUrl, `https://${VAULT}.vault.azure.net`);
  assert.match(properties.version, /^[0-9a-f]{32}$/);
  assert(Math.abs(properties.createdOn - Date.now()) < 600_000, `created on ${properties.createdOn}`);
  assert.equal(properties.recoverableDays, 90);
}

const steps = {
  async "desk-principal"() {
    const { token, expiresOnTimestamp } = await credential.getToken("https://management.azure.com/.default");
    const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
    assert.equal(claims.tid, tenant);
    assert.match(claims.oid, UUID);
    assert(expiresOnTimestamp > Date.now(), "the token has expired");
    made.desk = claims.oid;
  },

  async "group-create"() {
    assert.equal((await resourceGroups.checkExistence(GROUP)).body, false);
    const group = await resourceGroups.createOrUpdate(GROUP, { location: LOCATION, tags: { by: "story" } });
    sameId(group.id, groupId);
    assert.equal(group.location, LOCATION);
    assert.deepEqual(group.tags, { by: "story" });
    assert.equal(group.properties.provisioningState, "Succeeded");
    assert.equal((await resourceGroups.checkExistence(GROUP)).body, true);
  },

  async "network-create"() {
    const vnet = await network.virtualNetworks.beginCreateOrUpdateAndWait(GROUP, `${VM}-vnet`, {
      location: LOCATION,
      addressSpace: { addressPrefixes: ["10.0.0.0/16"] },
      subnets: [{ name: "default", addressPrefix: "10.0.0.0/24" }],
    });
    sameId(vnet.id, idOf("Microsoft.Network/virtualNetworks", `${VM}-vnet`));
    assert.equal(vnet.provisioningState, "Succeeded");
    assert.deepEqual(vnet.addressSpace.addressPrefixes, ["10.0.0.0/16"]);
    assert.deepEqual(vnet.subnets.map((each) => each.name), ["default"]);
    const subnet = await network.subnets.get(GROUP, `${VM}-vnet`, "default");
    assert.equal(subnet.addressPrefix, "10.0.0.0/24");
    sameId(subnet.id, `${vnet.id}/subnets/default`);
    made.subnet = subnet.id;
  },

  async "security-group-create"() {
    const rule = {
      name: "ssh",
      priority: 1000,
      direction: "Inbound",
      access: "Allow",
      protocol: "Tcp",
      sourceAddressPrefix: "*",
      sourcePortRange: "*",
      destinationAddressPrefix: "*",
      destinationPortRange: "22",
    };
    const nsg = await network.networkSecurityGroups.beginCreateOrUpdateAndWait(GROUP, `${VM}-nsg`, {
      location: LOCATION,
      securityRules: [rule],
    });
    assert.equal(nsg.provisioningState, "Succeeded");
    assert.deepEqual(nsg.securityRules.map((each) => [each.name, each.destinationPortRange]), [["ssh", "22"]]);
    assert(nsg.defaultSecurityRules.some((each) => each.name === "DenyAllInBound"), "no default rules");
    made.nsg = nsg.id;
  },

  async "public-address-create"() {
    const address = await network.publicIPAddresses.beginCreateOrUpdateAndWait(GROUP, `${VM}-ip`, {
      location: LOCATION,
      sku: { name: "Standard" },
      publicIPAllocationMethod: "Static",
    });
    assert.equal(address.provisioningState, "Succeeded");
    assert.equal(address.sku.name, "Standard");
    assert.equal(address.publicIPAllocationMethod, "Static");
    assert.match(address.ipAddress, /^\d+(\.\d+){3}$/);
    made.address = address.id;
  },

  async "interface-create"() {
    const nic = await network.networkInterfaces.beginCreateOrUpdateAndWait(GROUP, `${VM}-nic`, {
      location: LOCATION,
      networkSecurityGroup: { id: made.nsg },
      ipConfigurations: [
        {
          name: "ipconfig",
          subnet: { id: made.subnet },
          publicIPAddress: { id: made.address },
          privateIPAllocationMethod: "Dynamic",
        },
      ],
    });
    assert.equal(nic.provisioningState, "Succeeded");
    const [configuration] = nic.ipConfigurations;
    sameId(configuration.subnet.id, made.subnet);
    sameId(configuration.publicIPAddress.id, made.address);
    sameId(nic.networkSecurityGroup.id, made.nsg);
    assert.match(configuration.privateIPAddress, /^10\.0\.0\.\d+$/);
    made.nic = nic.id;
  },

  async "machine-create"() {
    const machine = await virtualMachines.beginCreateOrUpdateAndWait(GROUP, VM, {
      location: LOCATION,
      hardwareProfile: { vmSize: "Standard_D2s_v3" },
      storageProfile: {
        imageReference: IMAGE,
        osDisk: { createOption: "FromImage", managedDisk: { storageAccountType: "Premium_LRS" } },
      },
      osProfile: {
        computerName: VM,
        adminUsername: "azureuser",
        adminPassword: `Aa1!${randomBytes(24).toString("base64url")}`,
      },
      networkProfile: { networkInterfaces: [{ id: made.nic, primary: true }] },
    });
    sameId(machine.id, idOf("Microsoft.Compute/virtualMachines", VM));
    assert.equal(machine.provisioningState, "Succeeded");
    assert.equal(machine.hardwareProfile.vmSize, "Standard_D2s_v3");
    const { exactVersion, publisher, offer, sku, version } = machine.storageProfile.imageReference;
    assert.deepEqual({ publisher, offer, sku, version }, IMAGE);
    assert(exactVersion && exactVersion !== "latest", `exact version ${exactVersion}`);
    assert.equal(machine.storageProfile.osDisk.osType, "Linux");
    assert.equal(machine.osProfile.adminPassword, undefined);
    assert.equal(machine.identity, undefined);
    assert.match(machine.vmId, UUID);
  },

  async "machine-instance-view"() {
    const machine = await virtualMachines.get(GROUP, VM, { expand: "instanceView" });
    const codes = machine.instanceView.statuses.map((status) => status.code);
    assert.deepEqual(codes.toSorted(), ["PowerState/running", "ProvisioningState/succeeded"]);
    const view = await virtualMachines.instanceView(GROUP, VM);
    assert.deepEqual(view.statuses.map((status) => status.code), codes);
  },

  async "vault-create"() {
    const vault = await vaults.beginCreateOrUpdateAndWait(GROUP, VAULT, {
      location: LOCATION,
      properties: { tenantId: tenant, sku: { family: "A", name: "standard" }, enableRbacAuthorization: true },
    });
    sameId(vault.id, idOf("Microsoft.KeyVault/vaults", VAULT));
    assert.equal(vault.properties.provisioningState, "Succeeded");
    assert.equal(vault.properties.vaultUri, `https://${VAULT}.vault.azure.net/`);
    assert.equal(vault.properties.enableRbacAuthorization, true);
    assert.equal(vault.properties.enableSoftDelete, true);
    assert.equal(vault.properties.tenantId, tenant);
    const taken = await vaults.checkNameAvailability({ name: VAULT, type: "Microsoft.KeyVault/vaults" });
    assert.deepEqual([taken.nameAvailable, taken.reason], [false, "AlreadyExists"]);
    made.vault = vault.id;
  },

  async "identity-create"() {
    const identity = await userAssignedIdentities.createOrUpdate(GROUP, IDENTITY, { location: LOCATION });
    sameId(identity.id, idOf("Microsoft.ManagedIdentity/userAssignedIdentities", IDENTITY));
    assert.equal(identity.tenantId, tenant);
    assert.match(identity.principalId, UUID);
    assert.match(identity.clientId, UUID);
    made.identity = identity;
  },

  async "machine-identities"() {
    const machine = await virtualMachines.beginUpdateAndWait(GROUP, VM, {
      identity: { type: "SystemAssigned, UserAssigned", userAssignedIdentities: { [made.identity.id]: {} } },
    });
    assert.equal(machine.provisioningState, "Succeeded");
    assert.equal(machine.identity.type.replaceAll(" ", ""), "SystemAssigned,UserAssigned");
    assert.match(machine.identity.principalId, UUID);
    assert.equal(machine.identity.tenantId, tenant);
    const assigned = Object.entries(machine.identity.userAssignedIdentities);
    assert.equal(assigned.length, 1);
    const [[key, { principalId, clientId }]] = assigned;
    sameId(key, made.identity.id);
    assert.deepEqual([principalId, clientId], [made.identity.principalId, made.identity.clientId]);
    made.machine = machine;
  },

  async "role-definition"() {
    const found = await all(roleDefinitions.list(made.vault, { filter: `roleName eq '${OFFICER}'` }));
    assert.deepEqual(found.map((each) => [each.roleName, each.name]), [[OFFICER, OFFICER_ID]]);
    assert.equal(found[0].roleType, "BuiltInRole");
    assert(found[0].permissions[0].dataActions.includes("Microsoft.KeyVault/vaults/secrets/*"));
    made.role = found[0].id;
  },

  "role-assignment-system-assigned": () => assign(made.machine.identity.principalId),
  "role-assignment-user-assigned": () => assign(made.identity.principalId),
  "role-assignment-desk": () => assign(made.desk),

  async "role-assignment-list"() {
    const found = await all(roleAssignments.listForScope(made.vault, { filter: "atScope()" }));
    const here = found.filter((each) => each.scope.toLowerCase() === made.vault.toLowerCase());
    assert.deepEqual(
      new Set(here.map((each) => each.principalId)),
      new Set([made.desk, made.identity.principalId, made.machine.identity.principalId]),
    );
    const filter = `principalId eq '${made.identity.principalId}'`;
    const mine = await all(roleAssignments.listForScope(made.vault, { filter }));
    assert.deepEqual(mine.map((each) => each.principalId), [made.identity.principalId]);
  },

  async lists() {
    const wanted = [
      [resourceGroups.list(), GROUP],
      [network.virtualNetworks.list(GROUP), `${VM}-vnet`],
      [network.networkSecurityGroups.list(GROUP), `${VM}-nsg`],
      [network.publicIPAddresses.list(GROUP), `${VM}-ip`],
      [network.networkInterfaces.list(GROUP), `${VM}-nic`],
      [virtualMachines.list(GROUP), VM],
      [virtualMachines.listAll(), VM],
      [vaults.listByResourceGroup(GROUP), VAULT],
      [vaults.listBySubscription(), VAULT],
      [vaults.list(), VAULT],
      [userAssignedIdentities.listByResourceGroup(GROUP), IDENTITY],
      [userAssignedIdentities.listBySubscription(), IDENTITY],
    ];
    for (const [pages, name] of wanted) assert.deepEqual(await names(pages), [name]);
    const found = await all(resources.listByResourceGroup(GROUP));
    assert.deepEqual(
      found.map((each) => each.type.toLowerCase()).sort(),
      [
        "microsoft.compute/disks",
        "microsoft.compute/virtualmachines",
        "microsoft.keyvault/vaults",
        "microsoft.managedidentity/userassignedidentities",
        "microsoft.network/networkinterfaces",
        "microsoft.network/networksecuritygroups",
        "microsoft.network/publicipaddresses",
        "microsoft.network/virtualnetworks",
      ],
    );
  },

  async "secret-set"() {
    // The role takes a moment to be effective.
    const giveUp = Date.now() + 60_000;
    let first;
    while (!first) {
      try {
        first = await secrets.setSecret(SECRET, "first", { contentType: "text/plain", tags: { by: "story" } });
      } catch (error) {
        if (error.statusCode !== 403 || codeOf(error) !== "ForbiddenByRbac" || Date.now() > giveUp) throw error;
        await sleep(200);
      }
    }
    assert.deepEqual([first.name, first.value], [SECRET, "first"]);
    checkSecret(first.properties, "text/plain", { by: "story" });
    const second = await secrets.setSecret(SECRET, SECOND);
    assert.notEqual(second.properties.version, first.properties.version);
    assert.deepEqual(second.properties.tags ?? {}, {});
    made.versions = [first.properties.version, second.properties.version];
  },

  async "secret-get"() {
    const latest = await secrets.getSecret(SECRET);
    assert.deepEqual([latest.value, latest.properties.version], [SECOND, made.versions[1]]);
    const first = await secrets.getSecret(SECRET, { version: made.versions[0] });
    assert.equal(first.value, "first");
    checkSecret(first.properties, "text/plain", { by: "story" });
    await refused(secrets.getSecret("not-there"), 404, "SecretNotFound");
    await refused(secrets.getSecret(SECRET, { version: "0".repeat(32) }), 404, "SecretNotFound");
  },

  async "secret-list"() {
    await secrets.setSecret("another-secret", "x");
    assert.deepEqual((await names(secrets.listPropertiesOfSecrets())).sort(), ["another-secret", SECRET]);
    const pages = await all(secrets.listPropertiesOfSecrets().byPage({ maxPageSize: 1 }));
    assert.deepEqual(pages.flat().map((each) => each.name).sort(), ["another-secret", SECRET]);
  },

  async "secret-list-versions"() {
    const versions = new Set(made.versions);
    const found = await all(secrets.listPropertiesOfSecretVersions(SECRET));
    assert.deepEqual(new Set(found.map((each) => each.version)), versions);
    const pages = await all(secrets.listPropertiesOfSecretVersions(SECRET).byPage({ maxPageSize: 1 }));
    assert.deepEqual(new Set(pages.flat().map((each) => each.version)), versions);
  },

  async "secret-update"() {
    const changed = await secrets.updateSecretProperties(SECRET, made.versions[0], {
      enabled: false,
      contentType: "text/html",
      tags: { changed: "yes" },
    });
    assert.equal(changed.version, made.versions[0]);
    assert.equal(changed.enabled, false);
    assert.equal(changed.contentType, "text/html");
    assert.deepEqual(changed.tags, { changed: "yes" });
    await refused(secrets.getSecret(SECRET, { version: made.versions[0] }), 403, "SecretDisabled");
  },

  async "secret-delete"() {
    const deleted = await (await secrets.beginDeleteSecret(SECRET)).pollUntilDone();
    const { deletedOn, recoveryId, scheduledPurgeDate } = deleted.properties;
    assert.equal(deleted.name, SECRET);
    assert.equal(recoveryId, `https://${VAULT}.vault.azure.net/deletedsecrets/${SECRET}`);
    assert.equal((scheduledPurgeDate - deletedOn) / DAY, 90);
    assert.deepEqual(await names(secrets.listDeletedSecrets()), [SECRET]);
    await refused(secrets.setSecret(SECRET, "third"), 409, "ObjectIsDeletedButRecoverable");
  },

  async "secret-recover"() {
    const recovered = await (await secrets.beginRecoverDeletedSecret(SECRET)).pollUntilDone();
    assert.equal(recovered.name, SECRET);
    assert.equal((await secrets.getSecret(SECRET)).properties.version, made.versions[1]);
    assert.deepEqual(await names(secrets.listDeletedSecrets()), []);
  },

  async "secret-purge"() {
    await (await secrets.beginDeleteSecret(SECRET)).pollUntilDone();
    await secrets.purgeDeletedSecret(SECRET);
    // The purge is accepted at once and done a moment later.
    const giveUp = Date.now() + 60_000;
    while ((await all(secrets.listDeletedSecrets())).length > 0) {
      assert(Date.now() < giveUp, "still there after a minute");
      await sleep(200);
    }
    await refused(secrets.getDeletedSecret(SECRET), 404, "SecretNotFound");
  },

  async "group-delete"() {
    await resourceGroups.beginDeleteAndWait(GROUP);
    assert.equal((await resourceGroups.checkExistence(GROUP)).body, false);
    await refused(resourceGroups.get(GROUP), 404, "ResourceGroupNotFound");
  },

  async "vault-purge"() {
    assert.deepEqual(await names(vaults.listDeleted()), [VAULT]);
    const { properties } = await vaults.getDeleted(VAULT, LOCATION);
    sameId(properties.vaultId, made.vault);
    assert.equal(properties.location, LOCATION);
    assert.equal((properties.scheduledPurgeDate - properties.deletionDate) / DAY, 90);
    await vaults.beginPurgeDeletedAndWait(VAULT, LOCATION);
  },

  async "nothing-left"() {
    assert.deepEqual(await names(vaults.listDeleted()), []);
    assert.deepEqual(await names(resourceGroups.list()), []);
    assert.deepEqual(await names(resources.list()), []);
  },
};

for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`ok ${name}`);
  } catch (error) {
    // Whatever it is, the other steps still say something.
    console.log(`FAIL ${name}: ${`${error.name}: ${error.message}`.replace(/\s+/g, " ")}`);
    process.exitCode = 1;
  }
}
