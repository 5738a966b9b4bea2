/** The master meter: peak of both channels of the mix, held for a moment, and a light for clipping. */

import type { App } from "../app";
import { decibels } from "../format";
import { h, put, signed } from "./dom";

const FLOOR = -60;
/** dB a second by which a bar falls. */
const FALL = 26;
const HOLD_MS = 1500;
/** Values above this were held at full scale: a sample that is exactly 1 is none of them. */
const CLIP = 1.00001;

export class Meter {
  readonly element: HTMLElement;
  private readonly bars = [0, 1].map(() => h("i", { class: "bar" }));
  private readonly holds = [0, 1].map(() => h("i", { class: "hold" }));
  private readonly text = h("span", { class: "peak" }, "−∞");
  private readonly light: HTMLButtonElement;
  private readonly levels = [FLOOR, FLOOR];
  private readonly held = [FLOOR, FLOOR];
  private readonly since = [0, 0];
  private analysers: AnalyserNode[] = [];
  private samples = new Float32Array();
  private last = 0;
  private spoken = 0;
  private loudest = 0;
  private readonly scale: HTMLElement;

  constructor(private readonly app: App) {
    this.light = h(
      "button",
      {
        type: "button",
        class: "clip",
        "aria-label": "Clip light: no clipping",
        title: "Lights when the mix goes beyond full scale; click to reset",
        onclick: () => this.reset(),
      },
      "clip",
    );
    const channel = (side: number) => h("div", { class: "channel" }, this.bars[side], this.holds[side]);
    this.scale = h(
      "div",
      {
        class: "bars",
        role: "meter",
        "aria-label": "Level of the mix",
        "aria-valuemin": FLOOR,
        "aria-valuemax": "0",
        "aria-valuenow": FLOOR,
        "aria-valuetext": "silent",
      },
      channel(0),
      channel(1),
    );
    this.element = h("div", { class: "meter" }, this.scale, this.text, this.light);
  }

  get clipped(): boolean {
    return this.light.classList.contains("on");
  }

  reset(): void {
    this.loudest = 0;
    this.light.classList.remove("on");
    put(this.light, "aria-label", "Clip light: no clipping");
    this.text.textContent = "−∞";
  }

  /** Look at what has sounded since the last frame. */
  frame(time: number): void {
    const { engine } = this.app;
    if (!engine) return;
    if (!this.analysers.length) this.connect();
    const elapsed = Math.min(0.2, (time - this.last) / 1000);
    this.last = time;
    this.analysers.forEach((analyser, side) => {
      analyser.getFloatTimeDomainData(this.samples as Float32Array<ArrayBuffer>);
      let most = 0;
      for (const sample of this.samples) most = Math.max(most, Math.abs(sample));
      this.loudest = Math.max(this.loudest, most);
      const db = Math.max(FLOOR, decibels(most));
      this.levels[side] = Math.max(db, this.levels[side] - FALL * elapsed);
      if (db >= this.held[side] || time - this.since[side] > HOLD_MS) {
        this.held[side] = Math.max(db, FLOOR);
        this.since[side] = time;
      }
      this.bars[side].style.setProperty("--level", String(place(this.levels[side])));
      this.holds[side].style.setProperty("--level", String(place(this.held[side])));
    });
    if (this.loudest > CLIP && !this.clipped) {
      this.light.classList.add("on");
      put(this.light, "aria-label", "Clip light: the mix has clipped; press to reset");
    }
    if (time - this.spoken > 250) {
      this.spoken = time;
      const now = Math.max(...this.levels);
      put(this.scale, "aria-valuenow", now.toFixed(0));
      put(this.scale, "aria-valuetext", now <= FLOOR ? "silent" : `${signed(now, 0)} dBFS`);
      const most = decibels(this.loudest);
      const text = this.loudest ? (most < FLOOR ? "< −60" : signed(most)) : "−∞";
      if (this.text.textContent !== text) this.text.textContent = text;
    }
  }

  private connect(): void {
    const { context, master } = this.app.engine!;
    const splitter = context.createChannelSplitter(2);
    master.connect(splitter);
    this.analysers = [0, 1].map((side) => {
      const analyser = context.createAnalyser();
      // at least a tenth of a second, so that no sample is missed between two frames
      analyser.fftSize = Math.min(32768, 2 ** Math.ceil(Math.log2(context.sampleRate / 10)));
      splitter.connect(analyser, side);
      return analyser;
    });
    this.samples = new Float32Array(this.analysers[0].fftSize);
  }
}

/** 0 to 1 along the scale. */
function place(db: number): number {
  return Math.max(0, Math.min(1, 1 - db / FLOOR));
}
