/** The camera: one stream, whose frames are handed over one at a time; closed while the page is hidden. */

const REASONS = {
  NotAllowedError: "permission_refused", SecurityError: "permission_refused", NotFoundError: "no_camera_text",
  OverconstrainedError: "no_camera_text", NotReadableError: "camera_taken_text", AbortError: "camera_taken_text",
};

export class Camera {
  /** `onFrame` gets the video for each frame and is awaited; `onChange` gets a key of the words if it failed. */
  constructor(video, onFrame, onChange) {
    Object.assign(this, { video, onFrame, onChange, stream: null, facing: "environment", wanted: false, opening: 0 });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#free();
      else if (this.wanted) this.open();
    });
    addEventListener("pagehide", () => this.#free());
  }

  async open(facing = this.facing) {
    this.#free();
    Object.assign(this, { facing, wanted: true });
    const number = this.opening;
    try {
      if (!navigator.mediaDevices) return this.close("no_camera_here");
      const stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: this.facing, width: { ideal: 1280 }, height: { ideal: 720 } } });
      const [track] = stream.getVideoTracks();
      if (number !== this.opening) return track.stop(); // closed, hidden or opened again meanwhile
      track.addEventListener("ended", () => this.stream === stream && this.close("camera_error_text"));
      this.stream = this.video.srcObject = stream;
      this.mirrored = track.getSettings().facingMode === "user";
      await this.video.play();
      this.onChange("");
      return this.#look(stream);
    } catch (error) {
      return number === this.opening ? this.close(REASONS[error.name] ?? "camera_error_text") : undefined;
    }
  }

  /** Closes the camera and frees it for others. */
  close(reason = "") {
    this.wanted = false;
    this.#free();
    this.onChange(reason);
  }

  #free() {
    this.opening++; // what is being opened comes too late
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = this.video.srcObject = null;
  }

  async #look(stream) {
    while (this.stream === stream) {
      if (this.video.videoWidth) await this.onFrame(this.video);
      await new Promise((next) => {
        this.video.requestVideoFrameCallback?.(next);
        setTimeout(next, 250); // a frozen camera must not keep the loop for ever
      });
    }
  }
}
