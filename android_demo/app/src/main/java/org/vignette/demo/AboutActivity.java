package org.vignette.demo;

import android.app.Activity;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.widget.TextView;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.vignette.demo.core.Views;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Files;
import org.vignette.demo.model.ModelFile;
import org.vignette.demo.model.Verdict;

/** Shows the built-in model, the gate's verdict on it, and the licences of everything in the app. */
public final class AboutActivity extends Activity {
    private static final int SHA256_SHOWN = 12;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.about);
        Views.edgeToEdge(this, findViewById(R.id.about));
        TextView text = findViewById(R.id.about);
        DemoApp app = (DemoApp) getApplication();
        Handler main = new Handler(Looper.getMainLooper());
        app.modelThread().post(() -> {
            String words = model(app.files()) + "\n\n" + licences();
            main.post(() -> text.setText(words));
        });
    }

    private String model(Files files) {
        try {
            ModelFile file = ModelFile.open(files);
            if (file == null) {
                return getString(R.string.no_model_title);
            }
            Contract contract = file.contract;
            String sha256 = contract.modelSha256.substring(0, Math.min(SHA256_SHOWN, contract.modelSha256.length()));
            return getString(R.string.about_model, contract.flavour, contract.modelFile, sha256)
                    + "\n" + Verdict.read(files).message(getResources())
                    + (contract.weaker() ? "\n" + getString(R.string.contract_weaker) : "");
        } catch (BundleException e) {
            return e.message(getResources());
        }
    }

    private String licences() {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (InputStream in = getResources().openRawResource(R.raw.licences)) {
            byte[] part = new byte[8192];
            for (int n = in.read(part); n >= 0; n = in.read(part)) {
                all.write(part, 0, n);
            }
        } catch (IOException e) {
            throw new AssertionError("a resource of the app's own cannot be unreadable", e);
        }
        return new String(all.toByteArray(), StandardCharsets.UTF_8);
    }
}
