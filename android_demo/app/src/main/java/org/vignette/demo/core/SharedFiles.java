package org.vignette.demo.core;

import android.app.Activity;
import android.content.ClipData;
import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.content.Intent;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.OpenableColumns;
import java.io.File;
import java.io.FileNotFoundException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Gives the app with which the user shares photos or results read access to those files, as long as Android's grant
 * lasts. Serves only names that this app gives to its own files.
 */
public final class SharedFiles extends ContentProvider {
    private static final String AUTHORITY = "org.vignette.demo.files";
    private static final Pattern SERVED = Pattern.compile(
            "/photos/\\d{8}-\\d{6}/\\d{8}-\\d{6}-\\d{3}\\.(png|json)|/shared/vignette-photos\\.zip"
            + "|/benchmark/[A-Za-z0-9][A-Za-z0-9_-]{0,63}\\.json");

    /** Opens the share sheet. */
    public static void share(Activity activity, String type, File... files) {
        ArrayList<Uri> uris = new ArrayList<>();
        for (File file : files) {
            uris.add(uri(file));
        }
        Intent send = new Intent(uris.size() == 1 ? Intent.ACTION_SEND : Intent.ACTION_SEND_MULTIPLE).setType(type);
        if (uris.size() == 1) {
            send.putExtra(Intent.EXTRA_STREAM, uris.get(0));
        } else {
            send.putParcelableArrayListExtra(Intent.EXTRA_STREAM, uris);
        }
        // The grants travel with the clip, even through the chooser.
        ClipData clip = ClipData.newRawUri(null, uris.get(0));
        for (Uri uri : uris.subList(1, uris.size())) {
            clip.addItem(new ClipData.Item(uri));
        }
        send.setClipData(clip);
        send.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION);
        activity.startActivity(Intent.createChooser(send, null));
    }

    /** @param file in a folder of the app's external files. */
    static Uri uri(File file) {
        List<String> parts = new ArrayList<>();
        for (File at = file; at != null; at = at.getParentFile()) {
            parts.add(0, at.getName());
            if (at.getName().matches("photos|shared|benchmark")) {
                break;
            }
        }
        Uri.Builder uri = new Uri.Builder().scheme("content").authority(AUTHORITY);
        for (String part : parts) {
            uri.appendPath(part);
        }
        return uri.build();
    }

    @Override
    public boolean onCreate() {
        return true;
    }

    @Override
    public String getType(Uri uri) {
        String path = String.valueOf(uri.getPath());
        return path.endsWith(".png") ? "image/png" : path.endsWith(".zip") ? "application/zip" : "application/json";
    }

    @Override
    public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        if (!"r".equals(mode)) {
            throw new FileNotFoundException("only for reading");
        }
        return ParcelFileDescriptor.open(file(uri), ParcelFileDescriptor.MODE_READ_ONLY);
    }

    @Override
    public Cursor query(Uri uri, String[] projection, String selection, String[] arguments, String order) {
        String[] columns = projection == null
                ? new String[] {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE} : projection;
        MatrixCursor cursor = new MatrixCursor(columns, 1);
        try {
            File file = file(uri);
            MatrixCursor.RowBuilder row = cursor.newRow();
            for (String column : columns) {
                row.add(OpenableColumns.DISPLAY_NAME.equals(column) ? file.getName()
                        : OpenableColumns.SIZE.equals(column) ? (Object) file.length() : null);
            }
        } catch (FileNotFoundException e) {
            // No rows: there is no such file.
            return cursor;
        }
        return cursor;
    }

    @Override
    public Uri insert(Uri uri, ContentValues values) {
        throw new UnsupportedOperationException("only for reading");
    }

    @Override
    public int delete(Uri uri, String selection, String[] arguments) {
        throw new UnsupportedOperationException("only for reading");
    }

    @Override
    public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
        throw new UnsupportedOperationException("only for reading");
    }

    private File file(Uri uri) throws FileNotFoundException {
        Context context = getContext();
        File folder = context == null ? null : context.getExternalFilesDir(null);
        String path = String.valueOf(uri.getPath());
        if (folder == null || !SERVED.matcher(path).matches()) {
            throw new FileNotFoundException(path);
        }
        return new File(folder, path.substring(1));
    }
}
