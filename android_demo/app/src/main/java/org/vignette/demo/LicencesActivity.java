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

/** Shows the licences of what is inside the app. */
public final class LicencesActivity extends Activity {
    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.licences);
        Screen.edgeToEdge(this, findViewById(R.id.licences));
        TextView text = findViewById(R.id.licences);
        Handler main = new Handler(Looper.getMainLooper());
        ((DemoApp) getApplication()).modelThread().post(() -> {
            String words = read();
            main.post(() -> text.setText(words));
        });
    }

    private String read() {
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
