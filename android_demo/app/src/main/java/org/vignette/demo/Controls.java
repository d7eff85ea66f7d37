package org.vignette.demo;

import android.app.Activity;
import android.app.AlertDialog;
import android.content.Intent;
import android.content.SharedPreferences;
import android.os.Bundle;
import android.view.View;
import android.view.ViewGroup;
import android.widget.ImageButton;
import android.widget.PopupMenu;
import android.widget.RadioButton;
import android.widget.SeekBar;
import android.widget.TextView;
import java.util.List;
import org.vignette.demo.benchmark.BenchmarkActivity;
import org.vignette.demo.camera.Preview;
import org.vignette.demo.core.Views;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Model;
import org.vignette.demo.photos.PhotosActivity;

/** What the user can change on the camera screen, and the ways to other screens. Main thread only. */
final class Controls {
    private static final String PREFERENCES = "controls";
    private static final String FRONT = "front";
    private static final String FULL_SPEED = "full_speed";
    private static final String FLAVOUR = "flavour";
    /** Followed by the model's sha256; absent for the model's own. */
    private static final String THRESHOLD = "threshold ";

    private final Activity activity;
    private final Preview preview;
    private final Runnable onSelfTest;
    private final Runnable onFlavour;
    private final SharedPreferences preferences;
    private final ImageButton torch;
    private final View flip;
    /** The one that the user chose, until the app is left for good; null for the usual one. */
    private String flavour;
    private Model model;
    /** Null until the model is open. */
    private Contract contract;
    private List<String> flavours;
    /** While they are open: windows of their own, which would outlive the activity's. */
    private PopupMenu menu;
    private AlertDialog dialog;

    /**
     * @param saved by {@link #save}; null at the first start.
     * @param onFlip called when the camera of the other side is to be opened.
     * @param onSelfTest called when the user asks for the self-test.
     * @param onFlavour called before the screen starts again with another flavour.
     */
    Controls(Activity activity, Bundle saved, Preview preview, Runnable onFlip, Runnable onSelfTest,
            Runnable onFlavour) {
        this.activity = activity;
        flavour = saved == null ? null : saved.getString(FLAVOUR);
        this.preview = preview;
        this.onSelfTest = onSelfTest;
        this.onFlavour = onFlavour;
        preferences = activity.getSharedPreferences(PREFERENCES, Activity.MODE_PRIVATE);
        torch = activity.findViewById(R.id.torch);
        flip = activity.findViewById(R.id.flip);
        activity.findViewById(R.id.menu).setOnClickListener(this::openMenu);
        activity.findViewById(R.id.shutter).setOnClickListener(view -> model.shoot());
        activity.findViewById(R.id.gallery).setOnClickListener(view -> Sharing.pick(activity));
        torch.setOnClickListener(view -> light(!view.isActivated()));
        flip.setOnClickListener(view -> {
            preferences.edit().putBoolean(FRONT, !front()).apply();
            onFlip.run();
        });
        activity.findViewById(R.id.answer).setOnLongClickListener(view -> openChoices());
    }

    void save(Bundle out) {
        out.putString(FLAVOUR, flavour);
    }

    /** The flavour to open; null for the usual one. */
    String flavour() {
        return flavour;
    }

    /** Carries out what a button asks for; false if that is not about the flavour. */
    boolean handle(UiState.Act act) {
        if (act == UiState.Act.USUAL) {
            choose(null);
        }
        return act == UiState.Act.USUAL;
    }

    private void choose(String chosen) {
        flavour = chosen;
        onFlavour.run();
        activity.recreate();
    }

    /** Applies the user's choices to a model that is being opened. */
    void setModel(Model opened) {
        model = opened;
        contract = null;
        model.setFullSpeed(preferences.getBoolean(FULL_SPEED, false));
    }

    /** @param all flavours in the app. */
    void setContract(Contract opened, List<String> all) {
        contract = opened;
        flavours = all;
        applyThreshold();
    }

    private void applyThreshold() {
        int percent = preferences.getInt(THRESHOLD + contract.modelSha256, -1);
        model.setThreshold(percent < 0 ? contract.threshold : percent / 100.0);
    }

    /** A camera is being opened, with its light off. */
    void onCamera(boolean hasTorch, boolean flips) {
        Views.setVisible(torch, hasTorch);
        Views.setVisible(flip, flips);
        torch.setActivated(false);
        torch.setContentDescription(activity.getString(R.string.torch_on));
    }

    /** Whether the camera is to face the user. */
    boolean front() {
        return preferences.getBoolean(FRONT, false);
    }

    void close() {
        if (menu != null) {
            menu.dismiss();
        }
        if (dialog != null) {
            dialog.dismiss();
        }
    }

    private void light(boolean on) {
        torch.setActivated(on);
        torch.setContentDescription(activity.getString(on ? R.string.torch_off : R.string.torch_on));
        preview.setTorch(on);
    }

    private void openMenu(View anchor) {
        menu = new PopupMenu(activity, anchor);
        menu.inflate(R.menu.main);
        menu.getMenu().findItem(R.id.self_test).setEnabled(contract != null);
        menu.getMenu().findItem(R.id.full_speed).setChecked(preferences.getBoolean(FULL_SPEED, false));
        menu.setOnMenuItemClickListener(item -> {
            if (item.getItemId() == R.id.self_test) {
                onSelfTest.run();
            } else if (item.getItemId() == R.id.full_speed) {
                preferences.edit().putBoolean(FULL_SPEED, !item.isChecked()).apply();
                model.setFullSpeed(!item.isChecked());
            } else {
                activity.startActivity(new Intent(activity, screen(item.getItemId()))
                        .putExtra(AboutActivity.FLAVOUR, flavour));
            }
            return true;
        });
        menu.show();
    }

    private static Class<? extends Activity> screen(int item) {
        if (item == R.id.photos) {
            return PhotosActivity.class;
        }
        return item == R.id.benchmark ? BenchmarkActivity.class : AboutActivity.class;
    }

    /** The threshold on a slider, which the camera's answers follow at once, and the flavours if there are several. */
    private boolean openChoices() {
        if (contract == null) {
            return false;
        }
        String key = THRESHOLD + contract.modelSha256;
        int own = (int) Math.round(100 * contract.threshold);
        View content = activity.getLayoutInflater().inflate(R.layout.threshold, null);
        TextView text = content.findViewById(R.id.text);
        SeekBar slider = content.findViewById(R.id.slider);
        slider.setOnSeekBarChangeListener(new SeekBar.OnSeekBarChangeListener() {
            @Override
            public void onProgressChanged(SeekBar bar, int percent, boolean byUser) {
                text.setText(activity.getString(R.string.threshold_text, percent, own));
                SharedPreferences.Editor editor = preferences.edit();
                (percent == own ? editor.remove(key) : editor.putInt(key, percent)).apply();
                applyThreshold();
            }

            @Override
            public void onStartTrackingTouch(SeekBar bar) {}

            @Override
            public void onStopTrackingTouch(SeekBar bar) {}
        });
        int now = preferences.getInt(key, own);
        text.setText(activity.getString(R.string.threshold_text, now, own));
        slider.setProgress(now);
        if (flavours.size() > 1) {
            showFlavours(content.findViewById(R.id.flavours));
        }
        dialog = new AlertDialog.Builder(activity)
                .setTitle(R.string.threshold_title)
                .setView(content)
                .setPositiveButton(android.R.string.ok, null)
                .setNeutralButton(R.string.threshold_own, (opened, which) -> slider.setProgress(own))
                .show();
        return true;
    }

    private void showFlavours(ViewGroup group) {
        group.setVisibility(View.VISIBLE);
        for (String one : flavours) {
            RadioButton button = (RadioButton) activity.getLayoutInflater().inflate(R.layout.flavour, group, false);
            button.setText(Contract.words(one));
            button.setChecked(one.equals(contract.flavour));
            button.setOnClickListener(view -> {
                if (one.equals(contract.flavour)) {
                    dialog.dismiss();
                } else {
                    choose(one.equals(flavours.get(0)) ? null : one);
                }
            });
            group.addView(button);
        }
    }
}
