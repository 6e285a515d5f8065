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

  /** Show the first picture of a file. @param {File} file @returns {Promise<boolean>} false: there is none */
  open(file) {
    this.close();
    this.name = file.name;
    this.address = URL.createObjectURL(file);
    this.video.src = this.address;
    this.video.controls = true;
    return new Promise((done) => {
      this.video.onloadeddata = () => done(this.video.videoWidth > 0); // 0: sound only
      this.video.onerror = () => done(false);
    });
  }

  close() {
    if (!this.name) return;
    this.name = '';
    this.video.onloadeddata = this.video.onerror = null;
    this.video.controls = false;
    this.video.removeAttribute('src');
    this.video.load();
    URL.revokeObjectURL(this.address);
  }
}
