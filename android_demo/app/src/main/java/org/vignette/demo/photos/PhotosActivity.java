package org.vignette.demo.photos;

import android.app.Activity;
import android.app.AlertDialog;
import android.os.Bundle;
import android.view.View;
import android.widget.GridView;
import android.widget.ImageView;
import android.widget.TextView;
import java.io.File;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.vignette.demo.R;
import org.vignette.demo.core.App;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.core.SharedFiles;
import org.vignette.demo.core.Views;
import org.vignette.demo.model.Contract;

/** The photos that the user kept: to look at, to label, to share and to delete. */
public final class PhotosActivity extends Activity implements Gallery.Listener {
    private Gallery gallery;
    private PhotoGrid grid;
    private View list;
    private View actions;
    private TextView text;
    private Photos.Album album;
    /** The open dialog: a window of its own, which would outlive the activity. */
    private AlertDialog dialog;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.photos);
        grid = new PhotoGrid(this, ((App) getApplication()).storageThread());
        GridView view = findViewById(R.id.grid);
        // Large letters need wider columns, though not in proportion.
        float letters = getResources().getConfiguration().fontScale;
        int column = getResources().getDimensionPixelSize(R.dimen.thumbnail);
        view.setColumnWidth(Math.round(column * Math.max(1, (1 + letters) / 2)));
        view.setAdapter(grid);
        view.setOnItemClickListener((parent, cell, position, id) -> open(grid.getItem(position)));
        list = view;
        text = findViewById(R.id.text);
        actions = findViewById(R.id.actions);
        findViewById(R.id.share_all).setOnClickListener(button -> pack());
        findViewById(R.id.delete_all).setOnClickListener(button -> confirmAll());
        Views.edgeToEdge(this, view);
    }

    @Override
    protected void onStart() {
        super.onStart();
        gallery = new Gallery((App) getApplication(), this);
        gallery.look();
    }

    @Override
    protected void onStop() {
        if (dialog != null) {
            dialog.dismiss();
        }
        gallery.close();
        super.onStop();
    }

    @Override
    protected void onDestroy() {
        grid.close();
        super.onDestroy();
    }

    @Override
    public void onAlbum(Photos.Album found) {
        album = found;
        grid.show(found);
        boolean empty = found.photos.isEmpty() && found.damaged.isEmpty();
        int unsaid = 0;
        for (Photo photo : found.photos) {
            unsaid += photo.naming == Photo.Naming.NOTHING ? 1 : 0;
        }
        int all = found.photos.size() + found.damaged.size();
        text.setText(empty ? getString(R.string.photos_none)
                : getResources().getQuantityString(R.plurals.photos_count, all, all, unsaid));
        Views.setVisible(list, !empty);
        Views.setVisible(actions, !empty);
        View shareAll = findViewById(R.id.share_all);
        Views.setVisible(shareAll, !found.photos.isEmpty());
        shareAll.setEnabled(true);
    }

    @Override
    public void onLabelled(Photo photo) {
        gallery.look();
    }

    @Override
    public void onStorageError(LocalizedException error) {
        gallery.look();
        open(new AlertDialog.Builder(this)
                .setTitle(R.string.storage_title)
                .setMessage(error.message(getResources()))
                .setPositiveButton(android.R.string.ok, null));
    }

    /** Shows a photo, or the file of a damaged one, and what can be done with it. */
    private void open(Object item) {
        Photo photo = item instanceof Photo ? (Photo) item : null;
        File picture = photo == null ? (File) item : photo.picture;
        ImageView view = new ImageView(this);
        view.setImageBitmap(grid.picture(picture));
        view.setAdjustViewBounds(true);
        // Leaves room for the buttons, even in landscape.
        view.setMaxHeight(getResources().getDisplayMetrics().heightPixels / 4);
        AlertDialog.Builder builder = new AlertDialog.Builder(this)
                .setView(view)
                .setNegativeButton(R.string.act_delete, (dialog, which) ->
                        confirm(R.string.delete_one, Collections.singletonList(picture)));
        if (photo == null) {
            builder.setTitle(R.string.photo_damaged).setMessage(picture.getName());
        } else {
            builder.setTitle(PhotoGrid.truth(getResources(), photo))
                    .setMessage(PhotoGrid.answer(getResources(), photo) + "\n"
                            + photo.time() + " · " + Contract.words(photo.flavour))
                    .setPositiveButton(R.string.act_label, (dialog, which) -> label(photo))
                    .setNeutralButton(R.string.act_share, (dialog, which) ->
                            SharedFiles.share(this, "*/*", photo.picture, Photo.document(photo.picture)));
        }
        open(builder);
    }

    private void label(Photo photo) {
        List<String> choices = new ArrayList<>(photo.labels);
        choices.add(getString(R.string.none_of_them));
        open(new AlertDialog.Builder(this)
                .setTitle(R.string.question)
                .setItems(choices.toArray(new String[0]), (dialog, which) ->
                        gallery.label(photo, which < photo.labels.size() ? photo.labels.get(which) : null))
                .setNegativeButton(android.R.string.cancel, null));
    }

    private void confirmAll() {
        List<File> pictures = new ArrayList<>(album.damaged);
        for (Photo photo : album.photos) {
            pictures.add(photo.picture);
        }
        confirm(R.string.delete_every, pictures);
    }

    private void confirm(int words, List<File> pictures) {
        open(new AlertDialog.Builder(this)
                .setMessage(words)
                .setPositiveButton(R.string.act_delete, (dialog, which) -> {
                    gallery.remove(pictures);
                    gallery.look();
                })
                .setNegativeButton(android.R.string.cancel, null));
    }

    private void open(AlertDialog.Builder builder) {
        dialog = builder.show();
    }

    /** One file, because Android passes at most a megabyte of URIs at once. */
    private void pack() {
        int all = album.photos.size();
        text.setText(getResources().getQuantityString(R.plurals.photos_packing, all, all));
        findViewById(R.id.share_all).setEnabled(false);
        gallery.zip();
    }

    @Override
    public void onZip(File zip) {
        onAlbum(album);
        SharedFiles.share(this, "application/zip", zip);
    }
}
