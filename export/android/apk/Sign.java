import com.android.apksig.ApkSigner;
import java.io.File;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Signs an APK with schemes 2 and 3: Sign KEYSTORE ALIAS MIN_SDK IN OUT. The password of the keystore and the key is
 * taken from VIGNETTE_KEYSTORE_PASSWORD, since arguments can be read by other users. With an empty ALIAS the keystore
 * must hold one key. Entries stay where they are. What is wrong with the keystore ends in one line and exit code 1.
 */
public final class Sign {
    private static final String PASSWORD = "VIGNETTE_KEYSTORE_PASSWORD";

    public static void main(String[] arguments) throws Exception {
        ApkSigner.SignerConfig signer = null;
        try {
            signer = signer(new File(arguments[0]), arguments[1], System.getenv(PASSWORD).toCharArray());
        } catch (GeneralSecurityException | java.io.IOException e) {
            System.err.println("keystore " + arguments[0] + ": " + e.getMessage());
            System.exit(1);
        }
        new ApkSigner.Builder(Collections.singletonList(signer))
                .setInputApk(new File(arguments[3]))
                .setOutputApk(new File(arguments[4]))
                .setMinSdkVersion(Integer.parseInt(arguments[2]))
                .setV1SigningEnabled(false)
                .setV2SigningEnabled(true)
                .setV3SigningEnabled(true)
                .setV4SigningEnabled(false)
                .setAlignmentPreserved(true)
                .build()
                .sign();
    }

    private static ApkSigner.SignerConfig signer(File file, String alias, char[] password)
            throws GeneralSecurityException, java.io.IOException {
        KeyStore store = KeyStore.getInstance(file, password);
        List<String> keys = new ArrayList<>();
        for (String name : Collections.list(store.aliases())) {
            if (store.isKeyEntry(name)) {
                keys.add(name);
            }
        }
        if (alias.isEmpty() && keys.size() != 1 || !alias.isEmpty() && !store.isKeyEntry(alias)) {
            throw new GeneralSecurityException("which key? It holds " + (keys.isEmpty() ? "none" : keys));
        }
        String name = alias.isEmpty() ? keys.get(0) : alias;
        Key key = store.getKey(name, password);
        List<X509Certificate> certificates = new ArrayList<>();
        for (Certificate certificate : store.getCertificateChain(name)) {
            certificates.add((X509Certificate) certificate);
        }
        return new ApkSigner.SignerConfig.Builder("CERT", (PrivateKey) key, certificates).build();
    }
}
