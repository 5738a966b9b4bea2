/** The rows: the tree with its controls on the left, waveforms on the right. */

import type { App } from "../app";
import { HIGHEST_DB, isHeard, LOWEST_DB, type Share, shareOf } from "../mix";
import { type Line, label, ROOT } from "../tree";
import { clock, type Frames, h, icon, percent, put, say, signed } from "./dom";
import { colourOf, faint } from "./theme";
import { Wave } from "./wave";

interface Row {
  element: HTMLElement;
  wave: Wave;
  host: HTMLElement;
  scores: HTMLCanvasElement | null;
  caret: HTMLButtonElement | null;
  mute: HTMLButtonElement;
  solo: HTMLButtonElement;
  gain: HTMLInputElement;
  gainText: HTMLElement;
  pan: HTMLInputElement;
  panText: HTMLElement;
  differs: HTMLElement;
}

export class Rows {
  readonly element: HTMLElement;
  private readonly rows: Row[];
  private lines: Line[] = [];

  constructor(
    private readonly app: App,
    private readonly frames: Frames,
  ) {
    this.element = h("div", { class: "rows", role: "treegrid", "aria-label": `The tree of ${app.song.title}` });
    this.rows = app.tree.nodes.map((_, node) => this.make(node));
    new ResizeObserver(() => this.frames.ask(this.draw)).observe(this.element);
    app.on((change) => {
      if (change === "rows") this.layout();
      if (change === "mix" || change === "heard") this.frames.ask(this.update);
      if (change === "chosen") this.updateChosen();
      if (change === "view" || change === "pictures" || change === "rows") this.frames.ask(this.draw);
    });
    this.layout();
    this.update();
    this.updateChosen();
  }

  /** Nodes that are shown, from top to bottom. */
  get shown(): number[] {
    return this.lines.flatMap((line) => (line.kind === "node" ? [line.row.node] : []));
  }

  focus(node: number): void {
    this.rows[node].element.focus({ preventScroll: true });
    this.rows[node].element.scrollIntoView({ block: "nearest" });
  }

  /** Where the waveforms are: left edge and width within the rows. */
  get area(): { left: number; width: number } {
    const host = this.rows[ROOT].host;
    const left = host.getBoundingClientRect().left - this.element.getBoundingClientRect().left;
    return { left, width: host.clientWidth };
  }

  /** Draw everything anew, such as after a change of theme. */
  redraw(): void {
    for (const row of this.rows) row.wave.forget();
    for (const [node, row] of this.rows.entries()) {
      row.element.style.setProperty("--family", colourOf(this.app.tree.nodes[node]));
    }
    this.draw();
  }

  private make(node: number): Row {
    const { app } = this;
    const info = app.tree.nodes[node];
    const name = node === ROOT ? "mixture" : label(info);
    const leaf = app.tree.isLeaf(node);
    const caret = leaf
      ? null
      : h(
          "button",
          { class: "caret", type: "button", tabindex: "-1", onclick: () => app.collapse(node) },
          icon("caret"),
        );
    const mute = h("button", { class: "ms mute", type: "button", onclick: () => app.mute(node) }, "M");
    const solo = h("button", { class: "ms solo", type: "button", onclick: () => app.solo(node) }, "S");
    const gainText = h("span", { class: "value", "aria-hidden": "true" });
    const gain = h("input", {
      type: "range",
      class: "gain",
      min: LOWEST_DB,
      max: HIGHEST_DB,
      step: 0.5,
      "aria-label": `Gain of ${name}`,
      title: "Gain in dB; double-click for 0",
      oninput: () => app.setGain(node, gain.valueAsNumber),
      ondblclick: () => app.setGain(node, 0),
    });
    const panText = h("span", { class: "value", "aria-hidden": "true" });
    const pan = h("input", {
      type: "range",
      class: "pan",
      min: -1,
      max: 1,
      step: 0.05,
      "aria-label": `Pan of ${name}`,
      title: "Balance; double-click for the middle",
      oninput: () => app.setPan(node, pan.valueAsNumber),
      ondblclick: () => app.setPan(node, 0),
    });
    const differs = h("span", { class: "differs", title: "Something below is set otherwise" });
    const host = h("div", { class: "wave" });
    const scores = app.reference ? h("canvas", { class: "scores" }) : null;
    const share = h("span", { class: "share" }, percent(info.share));
    const head = h(
      "div",
      { class: "head" },
      h(
        "div",
        { class: "title", role: "rowheader" },
        caret,
        h("span", { class: "chip" }),
        h("span", { class: "name", dir: "auto", title: name }, name),
        differs,
      ),
      h("div", { class: "cell share-cell", role: "gridcell" }, share),
      h("div", { class: "cell buttons", role: "gridcell" }, mute, solo),
      h("div", { class: "cell fader", role: "gridcell" }, gain, gainText),
      h("div", { class: "cell panner", role: "gridcell" }, pan, panText),
    );
    const facts = [
      info.rms === null ? "silent" : `${signed(info.rms)} dBFS`,
      info.active ? "active" : "inactive: more than 30 dB below the song",
    ];
    const element = h(
      "div",
      {
        class: `row${leaf ? " leaf" : ""}${info.active ? "" : " inactive"}`,
        role: "row",
        tabindex: "-1",
        "aria-label": `${name}, ${percent(info.share)} of the energy, ${facts.join(", ")}`,
        "data-node": node,
        onfocusin: () => app.choose(node),
        onpointerdown: () => app.choose(node),
      },
      head,
      h("div", { class: "lane", role: "gridcell", "aria-label": `Waveform of ${name}` }, host, scores),
    );
    element.style.setProperty("--family", colourOf(info));
    return {
      element,
      wave: new Wave(host),
      host,
      scores,
      caret,
      mute,
      solo,
      gain,
      gainText,
      pan,
      panText,
      differs,
    };
  }

  /** Put the rows that are shown into order. */
  private layout(): void {
    const { app } = this;
    this.lines = app.tree.lines(app);
    const focused = document.activeElement?.closest<HTMLElement>(".row")?.dataset.node;
    const elements = this.lines.map((line) => {
      if (line.kind === "fold") return this.foldLine(line.fold);
      const { node, depth } = line.row;
      const row = this.rows[node];
      row.element.style.setProperty("--depth", String(depth));
      put(row.element, "aria-level", String(depth + 1));
      if (row.caret) {
        const open = !app.collapsed.has(node);
        put(row.element, "aria-expanded", String(open));
        put(row.caret, "aria-label", `${open ? "Close" : "Open"} ${label(app.tree.nodes[node])}`);
        row.caret.classList.toggle("open", open);
      }
      return row.element;
    });
    this.element.replaceChildren(...elements);
    if (!this.shown.includes(app.chosen)) app.choose(ROOT);
    if (focused !== undefined) this.focus(this.shown.includes(Number(focused)) ? Number(focused) : app.chosen);
  }

  private foldLine(fold: { parent: number; depth: number; count: number; open: boolean }): HTMLElement {
    const name = fold.parent === ROOT ? "the mixture" : label(this.app.tree.nodes[fold.parent]);
    const text = `${fold.count} inactive`;
    const button = h(
      "button",
      {
        type: "button",
        "aria-expanded": String(fold.open),
        "aria-label": `${text} in ${name}`,
        onclick: () => this.app.fold(fold.parent),
      },
      icon("caret"),
      text,
    );
    button.classList.toggle("open", fold.open);
    const line = h(
      "div",
      { class: "fold", role: "row", "aria-level": fold.depth + 1 },
      h("div", { role: "gridcell", class: "fold-cell" }, button),
    );
    line.style.setProperty("--depth", String(fold.depth));
    return line;
  }

  private readonly update = (): void => {
    const { app } = this;
    const { tree, mix } = app;
    this.rows.forEach((row, node) => {
      const name = node === ROOT ? "mixture" : label(tree.nodes[node]);
      press(row.mute, shareOf(tree, node, mix.muted), `Mute ${name}`);
      press(row.solo, shareOf(tree, node, mix.soloed), `Solo ${name}`);
      const db = mix.gain[node];
      row.gain.valueAsNumber = db;
      const gainText = db <= LOWEST_DB ? "−∞" : signed(db);
      say(row.gainText, gainText);
      put(row.gain, "aria-valuetext", `${gainText} dB`);
      row.pan.valueAsNumber = mix.pan[node];
      const panText = panName(mix.pan[node]);
      say(row.panText, panText);
      put(row.pan, "aria-valuetext", panText);
      row.element.classList.toggle("set-gain", db !== 0);
      row.element.classList.toggle("set-pan", mix.pan[node] !== 0);
      const below = tree.below(node).some((at) => mix.gain[at] !== 0 || mix.pan[at] !== 0);
      row.differs.classList.toggle("on", below);
      const heard = tree.leavesOf(node).filter((leaf) => app.original || isHeard(mix, leaf)).length;
      row.element.classList.toggle("unheard", heard === 0);
      const known = app.reference?.known[node] ?? true;
      row.element.classList.toggle("unknown", app.set === "reference" && !known);
    });
  };

  private updateChosen(): void {
    this.rows.forEach((row, node) => {
      const chosen = node === this.app.chosen;
      put(row.element, "aria-selected", String(chosen));
      row.element.tabIndex = chosen ? 0 : -1;
      for (const control of [row.mute, row.solo, row.gain, row.pan]) control.tabIndex = chosen ? 0 : -1;
    });
  }

  private readonly draw = (): void => {
    const { app } = this;
    const pictures = app.shown;
    const full = app.fit ? 0 : Math.max(pictures.loudest(ROOT), ...app.tree.nodes.map((_, n) => pictures.loudest(n)));
    for (const node of this.shown) {
      const row = this.rows[node];
      const width = row.host.clientWidth;
      const height = row.host.clientHeight;
      if (!width || !height) continue;
      const steps = Math.min(width, 2400);
      const colour = colourOf(app.tree.nodes[node]);
      const outline = pictures.outline(node, app.view, steps);
      const top = (app.fit ? pictures.loudest(node) : full) || 1;
      const key = [app.set, app.view.from, app.view.to, width, height, top, colour, hashOf(outline.peaks)].join(" ");
      row.wave.draw(outline, top * 1.02, { peak: faint(colour, 0.42), level: colour }, height, key);
      if (row.scores) this.drawScores(row.scores, node);
    }
  };

  /** SI-SDR of each chunk: a cell whose colour says how near the estimate is, and the number where there is room. */
  private drawScores(canvas: HTMLCanvasElement, node: number): void {
    const { app } = this;
    const reference = app.reference!;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d")!;
    context.scale(ratio, ratio);
    const style = getComputedStyle(canvas);
    context.font = `${style.fontSize} ${style.fontFamily}`;
    context.textBaseline = "middle";
    const seconds = app.view.to - app.view.from;
    const x = (time: number) => ((time - app.view.from) / seconds) * width;
    reference.scores[node].forEach((score, chunk) => {
      const from = x(chunk * reference.scored);
      const to = x(Math.min(app.duration, (chunk + 1) * reference.scored));
      if (to < 0 || from > width) return;
      context.globalAlpha = score === null ? 0.08 : 0.16 + 0.7 * Math.max(0, Math.min(1, (score + 5) / 25));
      context.fillStyle = colourOf(app.tree.nodes[node]);
      context.fillRect(from, 0, Math.max(1, to - from - 1), height);
      context.globalAlpha = 1;
      const left = Math.max(0, from);
      const text = score === null ? "–" : signed(score);
      if (Math.min(width, to) - left < context.measureText(text).width + 8) return;
      context.fillStyle = score !== null && score > 8 ? style.borderTopColor : style.color;
      context.fillText(text, left + 4, height / 2 + 0.5);
    });
    canvas.title = this.scoreText(node);
    put(canvas, "role", "img");
    put(canvas, "aria-label", this.scoreText(node));
  }

  private scoreText(node: number): string {
    const { reference } = this.app;
    const scores = reference!.scores[node].filter((score): score is number => score !== null);
    if (!scores.length) return "SI-SDR is not defined: there is no true stem, or it is silent";
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    return `SI-SDR ${signed(mean)} dB, mean of ${scores.length} chunks of ${clock(reference!.scored, false)}`;
  }
}

export function panName(pan: number): string {
  if (Math.abs(pan) < 0.005) return "C";
  return `${pan < 0 ? "L" : "R"}${Math.round(Math.abs(pan) * 100)}`;
}

function press(button: HTMLButtonElement, share: Share, name: string): void {
  put(button, "aria-pressed", share === "all" ? "true" : share === "some" ? "mixed" : "false");
  put(button, "aria-label", name);
}

function hashOf(values: Float32Array): number {
  let hash = 0;
  for (const value of values) hash = (hash * 31 + value * 1000) % 1e9;
  return hash;
}
