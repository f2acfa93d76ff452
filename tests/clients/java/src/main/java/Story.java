import com.azure.core.exception.HttpResponseException;
import com.azure.core.exception.ResourceNotFoundException;
import com.azure.core.management.AzureEnvironment;
import com.azure.core.management.exception.ManagementException;
import com.azure.core.management.profile.AzureProfile;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.resourcemanager.AzureResourceManager;
import com.azure.resourcemanager.keyvault.models.Vault;
import com.azure.resourcemanager.msi.models.Identity;
import com.azure.resourcemanager.network.models.SecurityRuleProtocol;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.SecretClientBuilder;
import com.azure.security.keyvault.secrets.models.KeyVaultSecret;
import com.azure.security.keyvault.secrets.models.SecretProperties;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.Callable;

/**
 * The tutorial's story at the desk with the Azure SDK for Java.
 *
 * <p>Prints a line for each checked step, "ok NAME" or "FAIL NAME: reason", and exits with 1 if any failed. STORY_NAME is
 * the prefix of all names (default: random).
 */
public final class Story {
    private static final String PREFIX = Objects.requireNonNullElseGet(
            System.getenv("STORY_NAME"), () -> "st" + HexFormat.of().toHexDigits(new SecureRandom().nextInt()));
    private static final String GROUP = PREFIX + "-group";
    private static final String VAULT = PREFIX + "-kv";
    private static final String LOCATION = "eastus";
    private static final String ROLE = "Key Vault Secrets Officer";
    private static final String SECRET = "quickstart-secret";
    private static final Duration ACCESS_WITHIN = Duration.ofSeconds(60);

    private final AzureResourceManager azure;
    private final SecretClient secrets;
    private Vault vault;
    private Identity identity;
    private int failures;

    private interface Check {
        void run() throws Exception;
    }

    private Story() {
        var credential = new DefaultAzureCredentialBuilder().build();
        azure = AzureResourceManager.configure()
                .authenticate(credential, new AzureProfile(AzureEnvironment.AZURE))
                .withDefaultSubscription();
        secrets = new SecretClientBuilder()
                .vaultUrl("https://" + VAULT + ".vault.azure.net")
                .credential(credential)
                .buildClient();
    }

    public static void main(String[] arguments) {
        var story = new Story();
        story.group();
        story.network();
        story.vault();
        story.roles();
        story.secrets();
        story.cleanUp();
        // Its threads wait for more work.
        System.exit(story.failures > 0 ? 1 : 0);
    }

    /** Says how a step went. A failed one does not end the story. */
    private void step(String name, Check check) {
        try {
            check.run();
            System.out.println("ok " + name);
        } catch (Exception | AssertionError error) {
            failures += 1;
            var line = "?";
            for (var frame : error.getStackTrace()) {
                if (frame.getClassName().startsWith("Story") && !frame.getMethodName().equals("same")) {
                    line = String.valueOf(frame.getLineNumber());
                    break;
                }
            }
            System.out.println("FAIL " + name + ": line " + line + ": " + String.valueOf(error).replaceAll("\\s+", " "));
        }
    }

    private static void same(Object got, Object wanted) {
        if (!Objects.equals(got, wanted)) {
            throw new AssertionError(got + ", not " + wanted);
        }
    }

    /** Asserts that a call is refused, and gives its error. */
    private static <E extends HttpResponseException> E refused(Class<E> kind, int status, Check call) throws Exception {
        try {
            call.run();
        } catch (HttpResponseException error) {
            same(error.getClass().getName() + " " + error.getResponse().getStatusCode(), kind.getName() + " " + status);
            return kind.cast(error);
        }
        throw new AssertionError("this was not refused with " + status);
    }

    /** Repeats a call until a role is effective. */
    private static <T> T untilAllowed(Callable<T> call) throws Exception {
        var end = Instant.now().plus(ACCESS_WITHIN);
        while (true) {
            try {
                return call.call();
            } catch (HttpResponseException error) {
                if (error.getResponse().getStatusCode() != 403 || Instant.now().isAfter(end)) {
                    throw error;
                }
                Thread.sleep(200);
            }
        }
    }

    private void group() {
        step("subscription", () -> {
            same(azure.getCurrentSubscription().subscriptionId(), System.getenv("AZURE_SUBSCRIPTION_ID"));
            same(azure.getCurrentSubscription().state().toString(), "Enabled");
        });
        step("group", () -> {
            var group = azure.resourceGroups().define(GROUP).withRegion(LOCATION).withTag("story", "java").create();
            same(group.provisioningState(), "Succeeded");
            same(azure.resourceGroups().contain(GROUP), true);
            same(azure.resourceGroups().getByName(GROUP).tags().get("story"), "java");
        });
    }

    private void network() {
        step("network", () -> {
            var rules = azure.networkSecurityGroups().define(PREFIX + "-nsg").withRegion(LOCATION)
                    .withExistingResourceGroup(GROUP)
                    .defineRule("ssh").allowInbound().fromAnyAddress().fromAnyPort().toAnyAddress().toPort(22)
                    .withProtocol(SecurityRuleProtocol.TCP).withPriority(1000).attach()
                    .create();
            var net = azure.networks().define(PREFIX + "-vnet").withRegion(LOCATION).withExistingResourceGroup(GROUP)
                    .withAddressSpace("10.0.0.0/16")
                    .defineSubnet("default").withAddressPrefix("10.0.0.0/24").withExistingNetworkSecurityGroup(rules)
                    .attach().create();
            same(net.subnets().get("default").networkSecurityGroupId(), rules.id());
            var nic = azure.networkInterfaces().define(PREFIX + "-nic").withRegion(LOCATION)
                    .withExistingResourceGroup(GROUP).withExistingPrimaryNetwork(net).withSubnet("default")
                    .withPrimaryPrivateIPAddressDynamic().create();
            same(nic.primaryPrivateIP(), "10.0.0.4");
        });
        step("identity", () -> {
            identity = azure.identities().define(PREFIX + "-identity").withRegion(LOCATION)
                    .withExistingResourceGroup(GROUP).create();
            same(azure.identities().getById(identity.id()).principalId(), identity.principalId());
        });
    }

    private void vault() {
        step("vault", () -> {
            vault = azure.vaults().define(VAULT).withRegion(LOCATION).withExistingResourceGroup(GROUP)
                    .withRoleBasedAccessControl().create();
            same(vault.vaultUri().replaceAll("/$", ""), secrets.getVaultUrl());
            same(vault.roleBasedAccessControlEnabled(), true);
            same(azure.vaults().getById(vault.id()).name(), VAULT);
        });
        step("no access without a role", () ->
                refused(HttpResponseException.class, 403, () -> secrets.setSecret(SECRET, "none")));
    }

    private void roles() {
        step("role", () -> {
            var role = azure.accessManagement().roleDefinitions().getByScopeAndRoleName(vault.id(), ROLE);
            var assignments = azure.accessManagement().roleAssignments();
            assignments.define(UUID.randomUUID().toString())
                    .forServicePrincipal(System.getenv("AZURE_CLIENT_ID"))
                    .withRoleDefinition(role.id()).withScope(vault.id()).create();
            var given = assignments.define(UUID.randomUUID().toString()).forObjectId(identity.principalId())
                    .withRoleDefinition(role.id()).withScope(vault.id()).create();
            same(assignments.getById(given.id()).principalId(), identity.principalId());
            assignments.deleteById(given.id());
        });
    }

    private void secrets() {
        step("set and get", () -> {
            var first = untilAllowed(() -> secrets.setSecret(SECRET, "createdWithJava"));
            var second = secrets.setSecret(new KeyVaultSecret(SECRET, "again")
                    .setProperties(new SecretProperties().setContentType("text/plain")));
            same(secrets.getSecret(SECRET).getValue(), "again");
            same(secrets.getSecret(SECRET).getProperties().getContentType(), "text/plain");
            same(secrets.getSecret(SECRET, first.getProperties().getVersion()).getValue(), "createdWithJava");
            same(second.getProperties().getVersion().equals(first.getProperties().getVersion()), false);
        });
        step("list", () -> {
            same(secrets.listPropertiesOfSecrets().stream().map(SecretProperties::getName).toList(), List.of(SECRET));
            same(secrets.listPropertiesOfSecretVersions(SECRET).stream().count(), 2L);
        });
        step("no such secret", () ->
                refused(ResourceNotFoundException.class, 404, () -> secrets.getSecret("nothing")));
        step("delete, recover, purge", () -> {
            secrets.beginDeleteSecret(SECRET).waitForCompletion();
            refused(ResourceNotFoundException.class, 404, () -> secrets.getSecret(SECRET));
            same(secrets.getDeletedSecret(SECRET).getName(), SECRET);
            secrets.beginRecoverDeletedSecret(SECRET).waitForCompletion();
            same(secrets.getSecret(SECRET).getValue(), "again");
            secrets.beginDeleteSecret(SECRET).waitForCompletion();
            secrets.purgeDeletedSecret(SECRET);
        });
    }

    private void cleanUp() {
        step("delete the group", () -> {
            azure.resourceGroups().deleteByName(GROUP);
            same(azure.resourceGroups().contain(GROUP), false);
            var error = refused(ManagementException.class, 404, () -> azure.vaults().getById(vault.id()));
            same(error.getValue().getCode(), "ResourceGroupNotFound");
        });
        step("purge the vault", () -> {
            same(azure.vaults().getDeleted(VAULT, LOCATION).name(), VAULT);
            azure.vaults().purgeDeleted(VAULT, LOCATION);
            var left = new ArrayList<String>();
            azure.vaults().listDeleted().forEach(one -> left.add(one.name()));
            same(left.contains(VAULT), false);
        });
    }
}
