import com.android.apksig.ApkVerifier;
import java.io.File;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;

/**
 * Verifies an APK's signature as Android would: Verify APK MIN_SDK. Prints KEY=VALUE lines: verified, a scheme for each
 * valid scheme, sha256 and subject of the certificate, an error for each error.
 */
public final class Verify {
    public static void main(String[] arguments) throws Exception {
        ApkVerifier.Result result = new ApkVerifier.Builder(new File(arguments[0]))
                .setMinCheckedPlatformVersion(Integer.parseInt(arguments[1]))
                .build()
                .verify();
        System.out.println("verified=" + result.isVerified());
        boolean[] schemes = {result.isVerifiedUsingV1Scheme(), result.isVerifiedUsingV2Scheme(),
            result.isVerifiedUsingV3Scheme(), result.isVerifiedUsingV4Scheme()};
        for (int i = 0; i < schemes.length; i++) {
            if (schemes[i]) {
                System.out.println("scheme=" + (i + 1));
            }
        }
        for (X509Certificate certificate : result.getSignerCertificates()) {
            StringBuilder hex = new StringBuilder();
            for (byte b : MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded())) {
                hex.append(String.format("%02x", b));
            }
            System.out.println("sha256=" + hex);
            System.out.println("subject=" + certificate.getSubjectX500Principal().getName());
        }
        for (ApkVerifier.IssueWithParams error : result.getAllErrors()) {
            System.out.println("error=" + error);
        }
    }
}
