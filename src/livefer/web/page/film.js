// @ts-check
/** A video file, played in the view. */

const ENDED = 'ended';

export class Film {
  /**
   * @param {HTMLVideoElement} video
   * @param {{onPlaying: (playing: boolean) => void, onSeek: () => void}} listener
   */
  constructor(video, listener) {
    this.video = video;
    this.name = '';
    this.address = '';
    for (const [event, playing] of Object.entries({play: true, pause: false, [ENDED]: false})) {
      video.addEventListener(event, () => this.name && listener.onPlaying(playing));
    }
    video.addEventListener('seeking', () => this.name && listener.onSeek());
  }

  /** Play a file; a DOMException where the browser cannot. @param {File} file */
  async open(file) {
    this.close();
    this.name = file.name;
    this.address = URL.createObjectURL(file);
    this.video.src = this.address;
    this.video.controls = true;
    await this.video.play();
    if (!this.video.videoWidth) throw new DOMException('no picture', 'NotSupportedError'); // sound only
  }

  close() {
    if (!this.name) return;
    this.name = '';
    this.video.controls = false;
    this.video.removeAttribute('src');
    this.video.load();
    URL.revokeObjectURL(this.address);
  }
}
