/** The keyboard: everything that the page does, without a pointer. */

import type { App } from "../app";
import type { Rows } from "./rows";

export interface Actions {
  help(): void;
  take(): void;
  search(): void;
  pictures(): void;
}

const SEEK = 5;
const SEEK_FINE = 1;

export function listen(app: App, rows: Rows, actions: Actions): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target as HTMLElement;
    if (target.matches("input[type=text], input[type=search], textarea, select")) {
      if (event.key === "Escape") {
        (target as HTMLInputElement).value = "";
        app.search("");
        rows.focus(app.chosen);
      }
      return;
    }
    const act = action(app, rows, actions, event, target);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function action(
  app: App,
  rows: Rows,
  actions: Actions,
  event: KeyboardEvent,
  target: HTMLElement,
): (() => void) | null {
  const slider = target.matches("input[type=range]");
  const pressable = target.matches("button") && target.matches(":focus-visible");
  const { key } = event;
  if (key === " ") return pressable ? null : () => app.toggle();
  if (key === "Enter") return target.matches("button") ? null : () => app.collapse(app.chosen);
  if (slider && /^(Arrow|Home|End|Page)/.test(key)) return null;
  const step = event.shiftKey ? SEEK_FINE : SEEK;
  const node = app.chosen;
  switch (key) {
    case "ArrowLeft":
      return () => app.seek(app.position - step);
    case "ArrowRight":
      return () => app.seek(app.position + step);
    case "Home":
      return () => app.seek(0);
    case "End":
      return () => app.seek(app.duration);
    case "ArrowUp":
    case "ArrowDown":
      return () => {
        const shown = rows.shown;
        const at = shown.indexOf(node) + (key === "ArrowUp" ? -1 : 1);
        if (shown[at] !== undefined) rows.focus(shown[at]);
      };
    case "m":
    case "M":
      return () => app.mute(node);
    case "s":
      return () => app.solo(node);
    case "S":
      return () => app.solo(node, event.shiftKey);
    case ",":
      return () => app.setGain(node, app.mix.gain[node] - 1);
    case ".":
      return () => app.setGain(node, app.mix.gain[node] + 1);
    case "<":
      return () => app.setPan(node, app.mix.pan[node] - 0.1);
    case ">":
      return () => app.setPan(node, app.mix.pan[node] + 0.1);
    case "e":
      return () => app.reset();
    case "a":
      return () => app.listenTo({ original: !app.original });
    case "t":
      return () => app.listenTo({ set: app.set === "estimates" ? "reference" : "estimates" });
    case "l":
      return () => app.toggleLoop();
    case "[":
      return () =>
        app.setLoop({
          from: app.position,
          to: Math.max(app.loop?.to ?? 0, app.position + 0.01, app.loop ? 0 : app.duration),
        });
    case "]":
      return () => app.setLoop({ from: Math.min(app.loop?.from ?? 0, app.position - 0.01), to: app.position });
    case "+":
    case "=":
      return () => app.zoom(1.5);
    case "-":
    case "−":
      return () => app.zoom(1 / 1.5);
    case "0":
      return () => app.look({ from: 0, to: app.duration });
    case "w":
      return () => app.toggleFit();
    case "f":
      return () => app.foldAll();
    case "v":
      return actions.pictures;
    case "/":
      return actions.search;
    case "x":
      return actions.take;
    case "?":
      return actions.help;
  }
  if (/^[1-9]$/.test(key)) {
    return () => {
      const wanted = rows.shown[Number(key)];
      if (wanted === undefined) return;
      app.choose(wanted);
      app.solo(wanted, true);
    };
  }
  return null;
}
