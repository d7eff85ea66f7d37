package org.vignette.demo;

import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.nio.ByteBuffer;
import org.vignette.demo.image.Yuv;

/**
 * A picture as a phone's camera delivers it: {@code YUV_420_888} of 640 × 480 from a sensor mounted sideways, with
 * the picture inside the guide.
 */
public final class CameraPicture extends PlainImage {
    /** Clockwise degrees that make it upright. */
    public static final int ROTATION = 90;

    private static final int WIDTH = 640;
    private static final int HEIGHT = 480;

    private final byte[][] bytes = {
        new byte[WIDTH * HEIGHT], new byte[WIDTH * HEIGHT / 4], new byte[WIDTH * HEIGHT / 4]
    };

    /** @param contentAspect of the guide; what the picture does not cover is grey. */
    public CameraPicture(BufferedImage picture, double contentAspect) {
        super(WIDTH, HEIGHT);
        BufferedImage upright = new BufferedImage(HEIGHT, WIDTH, BufferedImage.TYPE_INT_RGB);
        Yuv.Crop guide = Yuv.Crop.centred(HEIGHT, WIDTH, contentAspect);
        double scale = Math.min((double) guide.width / picture.getWidth(), (double) guide.height / picture.getHeight());
        int w = (int) Math.max(1, Math.round(scale * picture.getWidth()));
        int h = (int) Math.max(1, Math.round(scale * picture.getHeight()));
        Graphics2D graphics = upright.createGraphics();
        graphics.setColor(java.awt.Color.GRAY);
        graphics.fillRect(0, 0, HEIGHT, WIDTH);
        graphics.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
        graphics.drawImage(picture, guide.left + (guide.width - w) / 2, guide.top + (guide.height - h) / 2, w, h, null);
        graphics.dispose();
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                set(x, y, upright.getRGB(HEIGHT - 1 - y, x));
            }
        }
    }

    /** Full-range BT.601, one chroma sample for four pixels. */
    private void set(int x, int y, int colour) {
        int r = colour >> 16 & 255;
        int g = colour >> 8 & 255;
        int b = colour & 255;
        bytes[0][y * WIDTH + x] = clip(0.299 * r + 0.587 * g + 0.114 * b);
        int at = y / 2 * (WIDTH / 2) + x / 2;
        bytes[1][at] = clip(128 - 0.168736 * r - 0.331264 * g + 0.5 * b);
        bytes[2][at] = clip(128 + 0.5 * r - 0.418688 * g - 0.081312 * b);
    }

    private static byte clip(double value) {
        return (byte) Math.max(0, Math.min(255, Math.round(value)));
    }

    @Override
    public Plane[] getPlanes() {
        Plane[] planes = new Plane[3];
        for (int i = 0; i < planes.length; i++) {
            planes[i] = plane(ByteBuffer.wrap(bytes[i]), i == 0 ? WIDTH : WIDTH / 2, 1);
        }
        return planes;
    }
}
