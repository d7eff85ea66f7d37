package org.vignette.demo;

import android.graphics.ImageFormat;
import android.media.Image;
import java.nio.ByteBuffer;

/** A fake camera frame: an {@link Image}'s properties other than its bytes. */
public abstract class PlainImage extends Image {
    private final int width;
    private final int height;

    public PlainImage(int width, int height) {
        this.width = width;
        this.height = height;
    }

    /** One of the three planes of {@code YUV_420_888}. */
    public static Plane plane(ByteBuffer buffer, int rowStride, int pixelStride) {
        return new Plane() {
            @Override
            public int getRowStride() {
                return rowStride;
            }

            @Override
            public int getPixelStride() {
                return pixelStride;
            }

            @Override
            public ByteBuffer getBuffer() {
                return buffer;
            }
        };
    }

    @Override
    public int getFormat() {
        return ImageFormat.YUV_420_888;
    }

    @Override
    public int getWidth() {
        return width;
    }

    @Override
    public int getHeight() {
        return height;
    }

    @Override
    public long getTimestamp() {
        return 0;
    }

    @Override
    public int getTransform() {
        return 0;
    }

    @Override
    public int getScalingMode() {
        return 0;
    }

    @Override
    public void close() {}
}
