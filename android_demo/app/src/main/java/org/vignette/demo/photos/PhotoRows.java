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
import org.vignette.demo.core.Views;

/** The rows of the photo list; thumbnails are read on the storage thread when first shown. */
final class PhotoRows extends BaseAdapter {
    /** Told about the buttons in a row. */
    interface Listener {
        void onLabel(Photo photo);

        void onShare(Photo photo);

        void onDelete(File picture);
    }

    /** How many photo pixels make one thumbnail pixel, per axis. */
    private static final int SHRINK = 2;
    private static final int KEPT = 60;

    private final Activity activity;
    private final Resources resources;
    private final Handler storage;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Listener listener;
    private final LruCache<File, Bitmap> pictures = new LruCache<>(KEPT);
    private final Set<File> awaited = new HashSet<>();
    private Photos.Album album = new Photos.Album(Collections.emptyList(), Collections.emptyList());
    private boolean closed;

    PhotoRows(Activity activity, Handler storage, Listener listener) {
        this.activity = activity;
        resources = activity.getResources();
        this.storage = storage;
        this.listener = listener;
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
        View row = old == null ? activity.getLayoutInflater().inflate(R.layout.photo, parent, false) : old;
        Object item = getItem(position);
        Photo photo = item instanceof Photo ? (Photo) item : null;
        File picture = photo == null ? (File) item : photo.picture;
        TextView truth = row.findViewById(R.id.truth);
        TextView answer = row.findViewById(R.id.answer);
        TextView time = row.findViewById(R.id.time);
        truth.setText(photo == null ? resources.getString(R.string.photo_damaged) : truth(photo));
        answer.setText(photo == null ? picture.getName() : answer(photo));
        time.setText(photo == null ? "" : photo.takenAt.substring(0, 19).replace('T', ' ') + " UTC");
        View label = row.findViewById(R.id.label);
        View share = row.findViewById(R.id.share);
        Views.setVisible(label, photo != null);
        Views.setVisible(share, photo != null);
        label.setOnClickListener(view -> listener.onLabel(photo));
        share.setOnClickListener(view -> listener.onShare(photo));
        row.findViewById(R.id.delete).setOnClickListener(view -> listener.onDelete(picture));
        ((ImageView) row.findViewById(R.id.picture)).setImageBitmap(picture(picture));
        return row;
    }

    private String truth(Photo photo) {
        switch (photo.naming) {
            case LABEL:
                return photo.truth;
            case NONE:
                return resources.getString(R.string.none_of_them);
            default:
                return resources.getString(R.string.not_said);
        }
    }

    private String answer(Photo photo) {
        int percent = (int) Math.round(100 * photo.probability);
        String number = resources.getString(R.string.percent, percent);
        return photo.answer == null ? resources.getString(R.string.answered_unknown, photo.labels.get(0), number)
                : resources.getString(R.string.answered, photo.answer, number);
    }

    /** Null until it is read. */
    private Bitmap picture(File file) {
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
