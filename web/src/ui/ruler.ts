/** Time: the ruler, the playhead, the loop, and what pointers do on waveforms and ruler. */

import type { App } from "../app";
import { clock, type Frames, h, put, say } from "./dom";

const DRAG_PX = 4;
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

export class Ruler {
  readonly element: HTMLElement;
  readonly overlay: HTMLElement;
  private readonly ticks = h("div", { class: "ticks", "aria-hidden": "true" });
  private readonly slider: HTMLElement;
  private readonly head = h("div", { class: "playhead" });
  private readonly region = h("div", { class: "region" });
  private readonly shadeBefore = h("div", { class: "shade" });
  private readonly shadeAfter = h("div", { class: "shade" });
  private width = 1;

  constructor(
    private readonly app: App,
    frames: Frames,
  ) {
    this.slider = h(
      "div",
      {
        class: "time",
        role: "slider",
        tabindex: "0",
        "aria-label": "Position in the song",
        "aria-valuemin": "0",
        "aria-valuemax": app.duration.toFixed(2),
      },
      this.ticks,
    );
    this.element = this.slider;
    this.overlay = h("div", { class: "overlay" }, this.shadeBefore, this.region, this.shadeAfter, this.head);
    app.on((change) => {
      if (change === "view" || change === "loop") frames.ask(this.draw);
      if (change === "transport" || change === "view") this.move();
    });
  }

  /** Place everything over the waveforms. */
  place(left: number, width: number): void {
    this.width = Math.max(1, width);
    this.overlay.style.left = `${left}px`;
    this.overlay.style.width = `${width}px`;
    this.draw();
    this.move();
  }

  timeAt(x: number): number {
    const { from, to } = this.app.view;
    return from + (x / this.width) * (to - from);
  }

  /** Move the playhead to where the song is. */
  move(): void {
    const { app } = this;
    const position = app.position;
    const x = this.x(position);
    this.head.style.transform = `translateX(${x.toFixed(2)}px)`;
    this.head.hidden = x < -1 || x > this.width + 1;
    put(this.slider, "aria-valuenow", position.toFixed(2));
    put(this.slider, "aria-valuetext", `${clock(position)} of ${clock(app.duration)}`);
  }

  /** Turn the page when the playhead leaves it. */
  follow(): void {
    const { app } = this;
    const { from, to } = app.view;
    if (!app.isPlaying || !app.isZoomed || this.dragging) return;
    if (app.position > to || app.position < from) {
      app.look({ from: app.position, to: app.position + (to - from) });
    }
  }

  private dragging = false;

  /** Click to seek, drag to mark a loop, on any element that lies over the time axis. */
  listen(element: HTMLElement): void {
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !(event.target as Element).closest(".lane, .time, .pictures")) return;
      const left = this.overlay.getBoundingClientRect().left;
      const start = event.clientX - left;
      if (start < 0 || start > this.width) return;
      let dragged = false;
      this.dragging = true;
      const move = (later: PointerEvent) => {
        const now = Math.max(0, Math.min(this.width, later.clientX - left));
        if (!dragged && Math.abs(now - start) < DRAG_PX) return;
        dragged = true;
        this.app.setLoop({ from: this.timeAt(Math.min(start, now)), to: this.timeAt(Math.max(start, now)) });
      };
      const end = (later: PointerEvent) => {
        removeEventListener("pointermove", move);
        removeEventListener("pointerup", end);
        removeEventListener("pointercancel", end);
        this.dragging = false;
        if (later.type !== "pointerup") return;
        this.app.seek(dragged ? this.app.loop!.from : this.timeAt(start));
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", end);
      addEventListener("pointercancel", end);
    });
    element.addEventListener(
      "wheel",
      (event) => {
        const { app } = this;
        const length = app.view.to - app.view.from;
        if (event.ctrlKey || event.metaKey) {
          event.preventDefault();
          const x = event.clientX - this.overlay.getBoundingClientRect().left;
          app.zoom(Math.exp(-event.deltaY / 300), this.timeAt(Math.max(0, Math.min(this.width, x))));
        } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          event.preventDefault();
          const by = ((event.deltaX || event.deltaY) / this.width) * length;
          app.look({ from: app.view.from + by, to: app.view.to + by });
        }
      },
      { passive: false },
    );
  }

  private x(time: number): number {
    const { from, to } = this.app.view;
    return ((time - from) / (to - from)) * this.width;
  }

  private readonly draw = (): void => {
    const { app } = this;
    const { from, to } = app.view;
    const least = ((to - from) / this.width) * 76;
    const step = STEPS.find((candidate) => candidate >= least) ?? STEPS[STEPS.length - 1];
    const marks: HTMLElement[] = [];
    for (let i = Math.ceil(from / step - 1e-9); i * step <= to && marks.length < 200; i++) {
      const x = this.x(i * step);
      if (x > this.width - 34) break;
      const mark = h("span", { class: "tick" });
      say(mark, clock(i * step, step < 1));
      mark.style.left = `${x}px`;
      marks.push(mark);
    }
    this.ticks.replaceChildren(...marks);
    const { loop, looping } = app;
    this.region.hidden = !loop;
    this.shadeBefore.hidden = this.shadeAfter.hidden = !loop || !looping;
    if (!loop) return;
    const [left, right] = [loop.from, loop.to].map((time) => Math.max(0, Math.min(this.width, this.x(time))));
    this.region.style.left = `${left}px`;
    this.region.style.width = `${Math.max(1, right - left)}px`;
    this.region.classList.toggle("on", looping);
    this.shadeBefore.style.left = "0";
    this.shadeBefore.style.width = `${left}px`;
    this.shadeAfter.style.left = `${right}px`;
    this.shadeAfter.style.width = `${this.width - right}px`;
  };
}
