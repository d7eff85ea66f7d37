package org.vignette.demo;

import android.app.Activity;
import android.content.Intent;
import android.view.View;
import android.widget.PopupMenu;
import org.vignette.demo.benchmark.BenchmarkActivity;
import org.vignette.demo.photos.PhotosActivity;

/** The menu of the camera screen. */
final class MainMenu {
    private final Activity activity;
    private final Runnable onSelfTest;
    /** While it is open. */
    private PopupMenu menu;

    MainMenu(Activity activity, Runnable onSelfTest) {
        this.activity = activity;
        this.onSelfTest = onSelfTest;
    }

    /** @param testable whether there is a model to test. */
    void open(View anchor, boolean testable) {
        menu = new PopupMenu(activity, anchor);
        menu.inflate(R.menu.main);
        menu.getMenu().findItem(R.id.self_test).setEnabled(testable);
        menu.setOnMenuItemClickListener(item -> {
            if (item.getItemId() == R.id.self_test) {
                onSelfTest.run();
            } else {
                activity.startActivity(new Intent(activity, screen(item.getItemId())));
            }
            return true;
        });
        menu.show();
    }

    /** The menu is a window of its own and would outlive the activity's. */
    void close() {
        if (menu != null) {
            menu.dismiss();
        }
    }

    private static Class<? extends Activity> screen(int item) {
        if (item == R.id.photos) {
            return PhotosActivity.class;
        }
        return item == R.id.benchmark ? BenchmarkActivity.class : AboutActivity.class;
    }
}
