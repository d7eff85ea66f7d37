package org.vignette.demo.photos;

import android.app.Activity;
import android.content.res.Resources;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.os.Handler;
import android.os.Looper;
import android.util.LruCache;
import android.view.View;
import android.view.ViewGroup;
import android.widget.BaseAdapter;
import android.widget.ImageView;
import android.widget.TextView;
import java.io.File;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import org.vignette.demo.R;

/**
 * The photos as a grid, each marked right, wrong or unlabelled; damaged ones come first. Thumbnails are read on the
 * storage thread when first shown.
 */
final class PhotoGrid extends BaseAdapter {
    /** How many photo pixels make one thumbnail pixel, per axis. */
    private static final int SHRINK = 2;
    /** More than any screen shows at once. */
    private static final int KEPT = 150;

    private final Activity activity;
    private final Resources resources;
    private final Handler storage;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final LruCache<File, Bitmap> pictures = new LruCache<>(KEPT);
    private final Set<File> awaited = new HashSet<>();
    private Photos.Album album = new Photos.Album(Collections.emptyList(), Collections.emptyList());
    private boolean closed;

    PhotoGrid(Activity activity, Handler storage) {
        this.activity = activity;
        resources = activity.getResources();
        this.storage = storage;
    }

    void show(Photos.Album next) {
        album = next;
        notifyDataSetChanged();
    }

    void close() {
        closed = true;
    }

    @Override
    public int getCount() {
        return album.photos.size() + album.damaged.size();
    }

    /** A Photo, or the File of a damaged one's picture. */
    @Override
    public Object getItem(int position) {
        int damaged = album.damaged.size();
        return position < damaged ? album.damaged.get(position) : album.photos.get(position - damaged);
    }

    @Override
    public long getItemId(int position) {
        return position;
    }

    @Override
    public View getView(int position, View old, ViewGroup parent) {
        View cell = old == null ? activity.getLayoutInflater().inflate(R.layout.photo, parent, false) : old;
        Object item = getItem(position);
        Photo photo = item instanceof Photo ? (Photo) item : null;
        File picture = photo == null ? (File) item : photo.picture;
        TextView truth = cell.findViewById(R.id.truth);
        truth.setText(photo == null ? resources.getString(R.string.photo_damaged) : truth(resources, photo));
        ((ImageView) cell.findViewById(R.id.mark)).setImageResource(
                photo == null ? R.drawable.mark_damaged : mark(photo));
        cell.setContentDescription(photo == null ? truth.getText()
                : resources.getString(R.string.photo_spoken, truth.getText(), answer(resources, photo)));
        ((ImageView) cell.findViewById(R.id.picture)).setImageBitmap(picture(picture));
        return cell;
    }

    private static int mark(Photo photo) {
        if (photo.naming == Photo.Naming.NOTHING) {
            return R.drawable.mark_open;
        }
        return photo.isRight() ? R.drawable.mark_right : R.drawable.mark_wrong;
    }

    /** What the user says it is. */
    static String truth(Resources resources, Photo photo) {
        switch (photo.naming) {
            case LABEL:
                return photo.truth;
            case NONE:
                return resources.getString(R.string.none_of_them);
            default:
                return resources.getString(R.string.not_said);
        }
    }

    /** What the model says it is. */
    static String answer(Resources resources, Photo photo) {
        int percent = (int) Math.round(100 * photo.probability);
        String number = resources.getString(R.string.percent, percent);
        return photo.answer == null ? resources.getString(R.string.answered_unknown, photo.labels.get(0), number)
                : resources.getString(R.string.answered, photo.answer, number);
    }

    /** A thumbnail; null until it is read. */
    Bitmap picture(File file) {
        Bitmap known = pictures.get(file);
        if (known == null && awaited.add(file)) {
            storage.post(() -> {
                BitmapFactory.Options options = new BitmapFactory.Options();
                options.inSampleSize = SHRINK;
                Bitmap read = BitmapFactory.decodeFile(file.getPath(), options);
                main.post(() -> keep(file, read));
            });
        }
        return known;
    }

    /** @param read null if the file is damaged or gone; it is not requested again. */
    private void keep(File file, Bitmap read) {
        if (!closed && read != null) {
            awaited.remove(file);
            pictures.put(file, read);
            notifyDataSetChanged();
        }
    }
}
