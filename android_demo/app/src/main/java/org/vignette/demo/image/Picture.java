package org.vignette.demo.image;

import android.content.ContentResolver;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.ColorSpace;
import android.media.ExifInterface;
import android.net.Uri;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;

/**
 * A shared picture as opaque sRGB, upright by its EXIF orientation, read row by row.
 *
 * <p>{@link BitmapFactory} decodes alike on every Android since 8 and converts the colour profile. Alpha is composited
 * over black with the same arithmetic as in Python. Pictures above {@link #MAX_PIXELS} are decoded at half, a quarter…
 * of their size, so that 64 MB suffice. JPEG decoders on phones differ from Pillow by a grey level or two. Android
 * 8.0 reads no EXIF from files under 5,000 bytes, and no Android reports a truncated JPEG: the rest is grey.
 */
public final class Picture implements Letterbox.Rows, AutoCloseable {
    /** The most pixels decoded at full size: 4 bytes each, 64 MB. */
    static final int MAX_PIXELS = 16_000_000;

    /** Of the upright picture, in pixels. */
    public final int width;
    public final int height;
    public final long decodeNanos;

    private final Bitmap bitmap;
    private final boolean sideways;
    private final boolean mirrored;
    private final boolean upsideDown;
    private final int[] row;

    /**
     * Decodes a picture.
     *
     * @throws IOException it cannot be opened, or this phone cannot decode it.
     */
    public Picture(ContentResolver resolver, Uri uri) throws IOException {
        long start = System.nanoTime();
        int orientation = orientation(resolver, uri);
        bitmap = decode(resolver, uri);
        // How rows and columns of the upright picture map to the stored one: EXIF 2.32, tag 274.
        sideways = orientation >= ExifInterface.ORIENTATION_TRANSPOSE;
        mirrored = orientation == ExifInterface.ORIENTATION_FLIP_HORIZONTAL
                || orientation == ExifInterface.ORIENTATION_ROTATE_180
                || orientation == ExifInterface.ORIENTATION_ROTATE_90
                || orientation == ExifInterface.ORIENTATION_TRANSVERSE;
        upsideDown = orientation == ExifInterface.ORIENTATION_ROTATE_180
                || orientation == ExifInterface.ORIENTATION_FLIP_VERTICAL
                || orientation == ExifInterface.ORIENTATION_TRANSVERSE
                || orientation == ExifInterface.ORIENTATION_ROTATE_270;
        width = sideways ? bitmap.getHeight() : bitmap.getWidth();
        height = sideways ? bitmap.getWidth() : bitmap.getHeight();
        row = new int[width];
        decodeNanos = System.nanoTime() - start;
    }

    @Override
    public void read(int y, byte[] rgb) {
        int line = upsideDown ? height - 1 - y : y;
        if (sideways) {
            bitmap.getPixels(row, 0, 1, line, 0, 1, width);
        } else {
            bitmap.getPixels(row, 0, width, 0, line, width, 1);
        }
        int next = 0;
        for (int x = 0; x < width; x++) {
            int colour = row[mirrored ? width - 1 - x : x];
            int alpha = colour >>> 24;
            rgb[next++] = (byte) (((colour >> 16 & 255) * alpha + 127) / 255);
            rgb[next++] = (byte) (((colour >> 8 & 255) * alpha + 127) / 255);
            rgb[next++] = (byte) (((colour & 255) * alpha + 127) / 255);
        }
    }

    @Override
    public void close() {
        bitmap.recycle();
    }

    /** The power of two by which to divide width and height so that a picture stays within the limit. */
    static int sampleSize(int width, int height) {
        int size = 1;
        while ((long) (width / size) * (height / size) > MAX_PIXELS) {
            size *= 2;
        }
        return size;
    }

    private static Bitmap decode(ContentResolver resolver, Uri uri) throws IOException {
        BitmapFactory.Options options = new BitmapFactory.Options();
        options.inJustDecodeBounds = true;
        decode(resolver, uri, options);
        if (options.outWidth < 1 || options.outHeight < 1) {
            throw new IOException(uri.toString());
        }
        options.inJustDecodeBounds = false;
        options.inSampleSize = sampleSize(options.outWidth, options.outHeight);
        options.inPreferredConfig = Bitmap.Config.ARGB_8888;
        options.inPreferredColorSpace = ColorSpace.get(ColorSpace.Named.SRGB);
        options.inPremultiplied = false;
        options.inScaled = false;
        Bitmap decoded = decode(resolver, uri, options);
        if (decoded == null) {
            throw new IOException(uri.toString());
        }
        return decoded;
    }

    private static Bitmap decode(ContentResolver resolver, Uri uri, BitmapFactory.Options options)
            throws IOException {
        try (InputStream in = open(resolver, uri)) {
            return BitmapFactory.decodeStream(in, null, options);
        }
    }

    private static int orientation(ContentResolver resolver, Uri uri) throws IOException {
        try (InputStream in = open(resolver, uri)) {
            return new ExifInterface(in)
                    .getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL);
        } catch (RuntimeException e) {
            // Android's reader trips over some damaged EXIF; a picture without a readable orientation is upright.
            return ExifInterface.ORIENTATION_NORMAL;
        }
    }

    private static InputStream open(ContentResolver resolver, Uri uri) throws IOException {
        InputStream in;
        try {
            in = resolver.openInputStream(uri);
        } catch (RuntimeException e) {
            // The grant ended with the sharing app, or its provider failed and its exception was passed through.
            throw new IOException(e);
        }
        if (in == null) {
            throw new FileNotFoundException(uri.toString());
        }
        return in;
    }
}
