package org.vignette.demo.core;

import android.app.Activity;
import android.graphics.Insets;
import android.graphics.RectF;
import android.os.Build;
import android.view.View;
import android.view.WindowInsets;
import android.widget.TextView;
import org.vignette.demo.R;

/** What all screens do with their views. */
public final class Views {
    private Views() {}

    /** Draws up to the edges of the screen and keeps content clear of bars and cut-outs. */
    public static void edgeToEdge(Activity activity, View... reachingBottom) {
        View root = activity.findViewById(R.id.root);
        if (Build.VERSION.SDK_INT >= 30) {
            activity.getWindow().setDecorFitsSystemWindows(false);
        } else {
            root.setSystemUiVisibility(View.SYSTEM_UI_FLAG_LAYOUT_STABLE | View.SYSTEM_UI_FLAG_LAYOUT_FULLSCREEN
                    | View.SYSTEM_UI_FLAG_LAYOUT_HIDE_NAVIGATION);
        }
        int padding = activity.getResources().getDimensionPixelSize(R.dimen.edge);
        root.setOnApplyWindowInsetsListener((view, insets) -> {
            RectF edges = edges(insets);
            view.setPadding((int) edges.left, (int) edges.top, (int) edges.right, 0);
            for (View bottom : reachingBottom) {
                bottom.setPadding(bottom.getPaddingLeft(), bottom.getPaddingTop(), bottom.getPaddingRight(),
                        padding + (int) edges.bottom);
            }
            return insets;
        });
    }

    /** Sets a text only if it changes, so that a screen reader does not repeat it with every frame. */
    public static void setText(TextView view, String text) {
        if (!text.contentEquals(view.getText())) {
            view.setText(text);
        }
    }

    public static void setVisible(View view, boolean visible) {
        view.setVisibility(visible ? View.VISIBLE : View.GONE);
    }

    private static RectF edges(WindowInsets insets) {
        if (Build.VERSION.SDK_INT >= 30) {
            Insets bars = insets.getInsets(
                    WindowInsets.Type.systemBars() | WindowInsets.Type.displayCutout());
            return new RectF(bars.left, bars.top, bars.right, bars.bottom);
        }
        return new RectF(insets.getSystemWindowInsetLeft(), insets.getSystemWindowInsetTop(),
                insets.getSystemWindowInsetRight(), insets.getSystemWindowInsetBottom());
    }
}
