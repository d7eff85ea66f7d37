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
 * read from VIGNETTE_KEYSTORE_PASSWORD, because other users can see arguments. With an empty ALIAS the keystore must
 * hold exactly one key. Entries are not moved. Exit code 3: the keystore cannot be opened, standard output says why;
 * 4: it does not hold the key, standard output lists those that it holds.
 */
public final class Sign {
    private static final String PASSWORD = "VIGNETTE_KEYSTORE_PASSWORD";

    private static final class NotOneKey extends GeneralSecurityException {
        NotOneKey(String keys) {
            super(keys);
        }
    }

    public static void main(String[] arguments) throws Exception {
        ApkSigner.SignerConfig signer = null;
        try {
            signer = signer(new File(arguments[0]), arguments[1], System.getenv(PASSWORD).toCharArray());
        } catch (GeneralSecurityException | java.io.IOException e) {
            System.out.println(e.getMessage());
            System.exit(e instanceof NotOneKey ? 4 : 3);
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
            throw new NotOneKey(keys.isEmpty() ? "none" : String.join(", ", keys));
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
