package org.vignette.demo.benchmark;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import java.io.File;
import java.io.FileNotFoundException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.core.Phone;

/**
 * Hands the files of the benchmark to adb, which many phones do not let into the app's folder. The manifest demands
 * android.permission.DUMP of whoever asks: adb's shell holds it, other apps do not.
 *
 * <pre>content read --uri content://org.vignette.demo.benchmark/SESSION.json</pre>
 *
 * <p>A query gives the same as the only row, in the column {@code json}; delete removes the file.
 */
public final class BenchmarkProvider extends ContentProvider {
    private static final Pattern SERVED = Pattern.compile("/([A-Za-z0-9][A-Za-z0-9_-]{0,63}\\.json)");

    @Override
    public boolean onCreate() {
        return true;
    }

    @Override
    public String getType(Uri uri) {
        return "application/json";
    }

    @Override
    public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        if (!"r".equals(mode)) {
            throw new FileNotFoundException("only for reading");
        }
        return ParcelFileDescriptor.open(file(uri), ParcelFileDescriptor.MODE_READ_ONLY);
    }

    /** No rows if there is no such session. */
    @Override
    public Cursor query(Uri uri, String[] projection, String selection, String[] arguments, String order) {
        MatrixCursor cursor = new MatrixCursor(new String[] {"json"}, 1);
        try {
            cursor.addRow(new String[] {new Disk().read(file(uri))});
        } catch (FileNotFoundException e) {
            return cursor;
        } catch (LocalizedException e) {
            throw new IllegalStateException(e.message(Phone.english(getContext())), e);
        }
        return cursor;
    }

    @Override
    public int delete(Uri uri, String selection, String[] arguments) {
        try {
            return file(uri).delete() ? 1 : 0;
        } catch (FileNotFoundException e) {
            return 0;
        }
    }

    @Override
    public Uri insert(Uri uri, ContentValues values) {
        throw new UnsupportedOperationException("only for reading");
    }

    @Override
    public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
        throw new UnsupportedOperationException("only for reading");
    }

    private File file(Uri uri) throws FileNotFoundException {
        Context context = getContext();
        File folder = context == null ? null : context.getExternalFilesDir("benchmark");
        Matcher name = SERVED.matcher(String.valueOf(uri.getPath()));
        File file = folder == null || !name.matches() ? null : new File(folder, name.group(1));
        if (file == null || !file.isFile()) {
            throw new FileNotFoundException(String.valueOf(uri.getPath()));
        }
        return file;
    }
}
