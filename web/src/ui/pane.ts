/** The pane of the chosen node: what it is, and its pictures: spectrograms, mask, energy. */

import type { App } from "../app";
import { HIGHEST_DB, LOWEST_DB } from "../mix";
import { type Bands, colourRamp, height as heightOf, maskOf, paint, type Span } from "../pictures";
import { label, ROOT } from "../tree";
import { type Frames, h, icon, percent, say, signed } from "./dom";
import { panName } from "./rows";
import { colourOf, faint, maskStops, spectrumStops } from "./theme";

/** Spectrograms show this much below full scale: what lies below is as good as silent. */
const SHOWN_DB = 78;

type Kind = "node" | "parent" | "mask" | "energy";
const KINDS: Kind[] = ["node", "parent", "mask", "energy"];

export class Pane {
  readonly element: HTMLElement;
  readonly pictures: HTMLElement;
  private readonly name = h("h2", { dir: "auto" });
  private readonly facts = h("dl", { class: "facts" });
  private readonly gain: HTMLInputElement;
  private readonly pan: HTMLInputElement;
  private readonly gainText = h("output");
  private readonly panText = h("output");
  private readonly canvases: Record<Kind, HTMLCanvasElement>;
  private readonly captions: Record<Kind, HTMLElement>;
  private readonly toggle: HTMLButtonElement;
  private drawing = 0;
  open = true;

  /** @param download Called to take the chosen node away. */
  constructor(
    private readonly app: App,
    private readonly frames: Frames,
    download: (node: number) => void,
  ) {
    const canvas = (kind: Kind) => h("canvas", { class: `picture ${kind}`, role: "img" });
    const caption = () => h("span", { class: "caption", dir: "auto" });
    this.canvases = { node: canvas("node"), parent: canvas("parent"), mask: canvas("mask"), energy: canvas("energy") };
    this.captions = { node: caption(), parent: caption(), mask: caption(), energy: caption() };
    this.pictures = h(
      "div",
      { class: "pictures" },
      ...KINDS.map((kind) => h("figure", { class: kind }, this.canvases[kind], this.captions[kind])),
    );
    this.gain = h("input", {
      type: "range",
      min: LOWEST_DB,
      max: HIGHEST_DB,
      step: 0.5,
      "aria-label": "Gain of the chosen node",
      oninput: () => app.setGain(app.chosen, this.gain.valueAsNumber),
      ondblclick: () => app.setGain(app.chosen, 0),
    });
    this.pan = h("input", {
      type: "range",
      min: -1,
      max: 1,
      step: 0.05,
      "aria-label": "Pan of the chosen node",
      oninput: () => app.setPan(app.chosen, this.pan.valueAsNumber),
      ondblclick: () => app.setPan(app.chosen, 0),
    });
    this.toggle = h(
      "button",
      {
        type: "button",
        class: "fold-pane",
        "aria-expanded": "true",
        title: "Pictures (V)",
        onclick: () => this.show(!this.open),
      },
      icon("caret"),
      "Pictures",
    );
    this.element = h(
      "section",
      { class: "pane", "aria-label": "The chosen node" },
      h(
        "div",
        { class: "about" },
        h("div", { class: "about-head" }, h("span", { class: "chip" }), this.name, this.toggle),
        this.facts,
        h("label", { class: "knob" }, "Gain", this.gain, this.gainText),
        h("label", { class: "knob" }, "Pan", this.pan, this.panText),
        h(
          "button",
          { type: "button", class: "plain", onclick: () => download(app.chosen) },
          icon("save"),
          "Download this node",
        ),
      ),
      this.pictures,
    );
    new ResizeObserver(() => this.frames.ask(this.draw)).observe(this.pictures);
    app.on((change) => {
      if (change === "chosen" || change === "heard") {
        this.describe();
        this.frames.ask(this.draw);
      }
      if (change === "mix") this.describe();
      if (change === "view" || change === "pictures") this.frames.ask(this.draw);
    });
    this.describe();
  }

  show(open: boolean): void {
    this.open = open;
    this.element.classList.toggle("closed", !open);
    this.toggle.setAttribute("aria-expanded", String(open));
    if (open) this.frames.ask(this.draw);
  }

  private describe(): void {
    const { app } = this;
    const info = app.tree.nodes[app.chosen];
    const name = app.chosen === ROOT ? "mixture" : label(info);
    say(this.name, name);
    this.name.title = info.path || name;
    this.element.style.setProperty("--family", colourOf(info));
    const facts: [string, string][] = [
      ["Energy", percent(info.share)],
      ["RMS", info.rms === null ? "silent" : `${signed(info.rms)} dBFS`],
      ["Peak", info.peak === null ? "–" : `${signed(info.peak)} dBFS`],
      ...(info.level === null ? [] : [["Level", String(info.level)] as [string, string]]),
    ];
    const scores = app.reference?.scores[app.chosen].filter((score): score is number => score !== null);
    if (scores) {
      const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
      facts.push(["SI-SDR", scores.length ? `${signed(mean)} dB` : "–"]);
    }
    this.facts.replaceChildren(...facts.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
    const db = app.mix.gain[app.chosen];
    this.gain.valueAsNumber = db;
    say(this.gainText, db <= LOWEST_DB ? "−∞ dB" : `${signed(db)} dB`);
    this.pan.valueAsNumber = app.mix.pan[app.chosen];
    say(this.panText, panName(app.mix.pan[app.chosen]));
  }

  readonly draw = (): void => {
    if (this.open && this.pictures.clientWidth)
      void this.paintAll(++this.drawing).catch((error) => this.app.fail(error));
  };

  /** Paint everything, unless something newer has begun meanwhile. */
  private async paintAll(turn: number): Promise<void> {
    const { app } = this;
    const node = app.chosen;
    const parent = app.tree.nodes[node].parent;
    const { view, shown } = app;
    const width = this.canvases.node.clientWidth;
    const own = await shown.bands(node, view, width);
    const above = parent === null ? null : await shown.bands(parent, view, width);
    if (turn !== this.drawing) return;
    const name = node === ROOT ? "mixture" : label(app.tree.nodes[node]);
    const parentName = parent === null ? "" : parent === ROOT ? "mixture" : label(app.tree.nodes[parent]);
    this.pictures.classList.toggle("root", parent === null);
    this.caption("node", name, `Spectrogram of ${name}`);
    this.spectrogram(this.canvases.node, own, view);
    if (parent !== null && above) {
      this.caption("parent", `parent: ${parentName}`, `Spectrogram of ${parentName}, the parent`);
      this.spectrogram(this.canvases.parent, above, view);
      this.caption("mask", `mask: ${name} / ${parentName}`, `Mask: the part of ${name} in ${parentName}`);
      const mask = { ...own, bytes: maskOf(own.bytes, above.bytes, shown.amplitudes) };
      this.image(this.canvases.mask, mask, view, colourRamp(maskStops()), 1, 0);
    }
    this.energy(node, view);
  }

  private caption(kind: Kind, text: string, title: string): void {
    say(this.captions[kind], text);
    this.canvases[kind].setAttribute("aria-label", title);
  }

  private spectrogram(canvas: HTMLCanvasElement, bands: Bands, view: Span): void {
    const { grid } = this.app.song;
    const gain = -grid.floor / SHOWN_DB;
    const loudest = this.app.fit ? bands.bytes.reduce((most, value) => Math.max(most, value), 1) : 255;
    const context = this.image(canvas, bands, view, colourRamp(spectrumStops()), gain, 255 - gain * loudest);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const style = getComputedStyle(canvas);
    context.font = `${style.fontSize} ${style.fontFamily}`;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const [hertz, text] of [
      [200, "200"],
      [1000, "1k"],
      [5000, "5k"],
    ] as const) {
      if (hertz > grid.highest * 0.8) continue;
      const y = height * (1 - heightOf(hertz, grid.highest));
      context.fillStyle = style.borderTopColor;
      context.fillRect(0, Math.round(y), width, 1);
      context.fillStyle = style.color;
      context.fillText(text, width - 4, y - 6);
    }
  }

  private image(
    canvas: HTMLCanvasElement,
    bands: Bands,
    view: Span,
    ramp: Uint8ClampedArray,
    gain: number,
    offset: number,
  ): CanvasRenderingContext2D {
    const context = sized(canvas);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const rows = bands.bytes.length / bands.columns;
    const small = new OffscreenCanvas(bands.columns, rows);
    small.getContext("2d")!.putImageData(paint(bands.bytes, bands.columns, rows, ramp, gain, offset), 0, 0);
    const x = (time: number) => ((time - view.from) / (view.to - view.from)) * width;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(small, x(bands.span.from), 0, x(bands.span.to) - x(bands.span.from), height);
    return context;
  }

  /** Energy over time, the children's stacked on one another. */
  private energy(node: number, view: Span): void {
    const { app } = this;
    const canvas = this.canvases.energy;
    const context = sized(canvas);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const children = app.tree.nodes[node].children;
    const parts = children.length ? children : [node];
    const steps = Math.max(1, Math.min(600, Math.floor(width / 2)));
    const levels = parts.map((part) => app.shown.outline(part, view, steps).levels);
    let most = 0;
    for (let i = 0; i < steps; i++)
      most = Math.max(
        most,
        levels.reduce((sum, level) => sum + level[i] ** 2, 0),
      );
    const base = new Float32Array(steps);
    const seen = new Map<string, number>();
    parts.forEach((part, k) => {
      const colour = colourOf(app.tree.nodes[part]);
      const times = seen.get(colour) ?? 0;
      seen.set(colour, times + 1);
      context.fillStyle = faint(colour, Math.max(0.35, 0.95 - 0.25 * times));
      context.beginPath();
      const y = (value: number) => height - (most ? (value / most) * (height - 3) : 0);
      for (let i = 0; i < steps; i++) context.lineTo(((i + 0.5) / steps) * width, y(base[i] + levels[k][i] ** 2));
      for (let i = steps - 1; i >= 0; i--) context.lineTo(((i + 0.5) / steps) * width, y(base[i]));
      context.fill();
      for (let i = 0; i < steps; i++) base[i] += levels[k][i] ** 2;
    });
    const text = children.length ? "energy, stacked by children" : "energy";
    this.caption("energy", text, `Energy over time${children.length ? ", stacked by children" : ""}`);
  }
}

/** A canvas's context in CSS pixels, empty. */
function sized(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  return context;
}
