package org.vignette.demo.camera;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.Paint;
import android.graphics.RectF;
import android.util.AttributeSet;
import android.view.View;
import org.vignette.demo.R;

/** The guide over the preview: the inside is analysed, the outside is dimmed. */
public final class GuideView extends View {
    private final Paint line = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final int shade;
    private RectF guide = new RectF();
    private boolean covered;

    /** Called by the layout inflater. */
    public GuideView(Context context, AttributeSet attributes) {
        super(context, attributes);
        shade = context.getColor(R.color.shade);
        line.setColor(context.getColor(R.color.guide));
        line.setStyle(Paint.Style.STROKE);
        line.setStrokeWidth(getResources().getDimension(R.dimen.guide_line));
    }

    /** @param guide in pixels of this view; empty for none. */
    void setGuide(RectF guide) {
        this.guide = guide;
        invalidate();
    }

    /** Hides the picture below until there is a new one. */
    void setCovered(boolean covered) {
        this.covered = covered;
        invalidate();
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (covered) {
            canvas.drawColor(Color.BLACK);
        }
        if (guide.isEmpty()) {
            return;
        }
        canvas.save();
        canvas.clipOutRect(guide);
        canvas.drawColor(shade);
        canvas.restore();
        // Inside, where it is seen at the edge of the screen, too.
        float half = line.getStrokeWidth() / 2;
        canvas.drawRect(guide.left + half, guide.top + half, guide.right - half, guide.bottom - half, line);
    }
}
