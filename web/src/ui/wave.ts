/** One row's waveform: peaks, and over them the level. */

import WaveSurfer from "wavesurfer.js";
import type { Outline } from "../pictures";

let silent: HTMLAudioElement | null = null;

export class Wave {
  private surfer: WaveSurfer | null = null;
  private readonly host: HTMLElement;
  private last = "";
  private style = "";

  constructor(container: HTMLElement) {
    this.host = container;
  }

  /** Draw an outline, scaled so that `full` fills the height. */
  draw(outline: Outline, full: number, colours: { peak: string; level: string }, height: number, key: string): void {
    if (key === this.last || !this.host.clientWidth) return;
    this.last = key;
    const scaled = (values: Float32Array) => values.map((value) => Math.min(1, value / full));
    const peaks = [scaled(outline.peaks), scaled(outline.levels)];
    const splitChannels = [
      { overlay: true, waveColor: colours.peak },
      { overlay: true, waveColor: colours.level },
    ];
    const style = `${height} ${colours.peak} ${colours.level}`;
    if (!this.surfer) {
      silent ??= new Audio();
      this.surfer = WaveSurfer.create({
        container: this.host,
        media: silent, // nothing of wavesurfer's plays: one element for all rows
        height,
        interact: false,
        cursorWidth: 0,
        hideScrollbar: true,
        peaks,
        duration: 1,
        splitChannels,
      });
      this.style = style;
      // what has been played is not drawn otherwise, and its canvases would double the memory
      this.surfer.on("redrawcomplete", () =>
        this.host.firstElementChild?.shadowRoot?.querySelector(".progress")?.replaceChildren(),
      );
      return;
    }
    if (style !== this.style) this.surfer.setOptions({ height, splitChannels });
    this.style = style;
    this.surfer.load("", peaks, 1).catch(() => {}); // refused where the next outline came first
  }

  /** Draw anew next time, whatever was drawn. */
  forget(): void {
    this.last = "";
  }
}
