package org.vignette.demo;

import static org.junit.Assert.assertEquals;

import android.app.Activity;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.LinearGradient;
import android.graphics.Paint;
import android.graphics.Shader;
import android.view.View;
import android.view.Window;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/**
 * Compares screens with the pictures in golden/, which a person has checked. run.py --rewrite redraws them; screens that
 * differ are saved in target/made/screens.
 */
public final class Golden {
    private static final Path FOLDER = Path.of(System.getProperty("vignette.golden"));
    private static final boolean REWRITE = Boolean.getBoolean("vignette.rewrite");
    /** Bars are drawn by arithmetic that a library update may round otherwise. */
    private static final int TOLERANCE = 3;

    private final Set<String> telling;
    private final List<String> different = new ArrayList<>();

    /** @param telling which screens are kept by night and in French; by day all are. */
    public Golden(Set<String> telling) {
        this.telling = telling;
    }

    public void assertAllEqual() {
        assertEquals(Collections.emptyList(), different);
    }

    /** A kettle on a table, more or less. */
    public static Bitmap scene(int width, int height) {
        Bitmap bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888);
        Canvas canvas = new Canvas(bitmap);
        canvas.translate(width / 2f, height / 2f);
        canvas.scale(Math.min(width, height) / 240f, Math.min(width, height) / 240f);
        Paint paint = new Paint(Paint.ANTI_ALIAS_FLAG);
        paint.setShader(new LinearGradient(0, -100, 0, 30, 0xffb9cfd6, 0xff7d9aa3, Shader.TileMode.CLAMP));
        canvas.drawPaint(paint);
        paint.setShader(null);
        paint.setColor(0xff8a5a34);
        canvas.drawRect(-500, 30, 500, 500, paint);
        paint.setColor(0xffc8443a);
        canvas.drawOval(-45, -40, 45, 55, paint);
        canvas.drawRect(35, -15, 75, -3, paint);
        paint.setColor(0xff30343a);
        canvas.drawOval(-12, -52, 12, -34, paint);
        paint.setStyle(Paint.Style.STROKE);
        paint.setStrokeWidth(6);
        canvas.drawArc(-55, -62, 55, 30, 200, 140, false, paint);
        return bitmap;
    }

    public static byte[] pixels(Bitmap bitmap) {
        int[] colours = new int[bitmap.getWidth() * bitmap.getHeight()];
        bitmap.getPixels(colours, 0, bitmap.getWidth(), 0, 0, bitmap.getWidth(), bitmap.getHeight());
        byte[] rgb = new byte[3 * colours.length];
        for (int i = 0; i < colours.length; i++) {
            rgb[3 * i] = (byte) Color.red(colours[i]);
            rgb[3 * i + 1] = (byte) Color.green(colours[i]);
            rgb[3 * i + 2] = (byte) Color.blue(colours[i]);
        }
        return rgb;
    }

    public void shoot(Activity activity, String name) throws Exception {
        compare(draw(activity), name);
    }

    public static Bitmap draw(Activity activity) {
        return draw(activity.getWindow());
    }

    public static Bitmap draw(Window window) {
        Demo.settle();
        View view = window.getDecorView();
        Bitmap drawn = Bitmap.createBitmap(view.getWidth(), view.getHeight(), Bitmap.Config.ARGB_8888);
        view.draw(new Canvas(drawn));
        return drawn;
    }

    public void compare(Bitmap drawn, String name) throws Exception {
        Path golden = FOLDER.resolve(name + ".png");
        if ((name.endsWith("-night") || name.endsWith("-fr")) && !telling.contains(name)) {
            return;
        }
        if (REWRITE) {
            write(drawn, golden);
        } else if (!same(drawn, BitmapFactory.decodeFile(golden.toString()))) {
            different.add(name);
            write(drawn, Made.FOLDER.resolve("screens/" + name + ".png"));
        }
    }

    private static void write(Bitmap bitmap, Path path) throws Exception {
        java.nio.file.Files.createDirectories(path.getParent());
        try (OutputStream out = java.nio.file.Files.newOutputStream(path)) {
            bitmap.compress(Bitmap.CompressFormat.PNG, 100, out);
        }
    }

    private static boolean same(Bitmap drawn, Bitmap golden) {
        if (golden == null || golden.getWidth() != drawn.getWidth() || golden.getHeight() != drawn.getHeight()) {
            return false;
        }
        byte[] one = pixels(drawn);
        byte[] other = pixels(golden);
        for (int i = 0; i < one.length; i++) {
            if (Math.abs((one[i] & 255) - (other[i] & 255)) > TOLERANCE) {
                return false;
            }
        }
        return true;
    }
}
