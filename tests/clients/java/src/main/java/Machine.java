import com.azure.identity.ManagedIdentityCredentialBuilder;
import com.azure.security.keyvault.secrets.SecretClientBuilder;

/**
 * What the tutorial runs on the machine: write a secret with the machine's identity, and show it.
 *
 * <p>KEY_VAULT_NAME names the vault. AZURE_CLIENT_ID chooses a user-assigned identity. There are no retries for access:
 * whoever starts this waits for the role first.
 */
public final class Machine {
    private Machine() {}

    public static void main(String[] arguments) {
        var credential = new ManagedIdentityCredentialBuilder();
        var chosen = System.getenv("AZURE_CLIENT_ID");
        if (chosen != null) {
            credential.clientId(chosen);
        }
        var client = new SecretClientBuilder()
                .vaultUrl("https://" + System.getenv("KEY_VAULT_NAME") + ".vault.azure.net")
                .credential(credential.build())
                .buildClient();
        var secret = client.setSecret("quickstart-secret", "createdWithJava");
        System.out.println("Name: " + secret.getId() + ", Value: " + secret.getValue());
    }
}
