/** Dark and light: as the system has it, or as was chosen; and the colours that canvases need. */

import type { NodeInfo } from "../format";

export type Theme = "dark" | "light";

const KEY = "stemtree-theme";

export function theme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "dark" || chosen === "light") return chosen;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

export function restoreTheme(): void {
  try {
    const chosen = localStorage.getItem(KEY);
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch {
    // no storage, no memory
  }
}

export function toggleTheme(): void {
  const next = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // see above
  }
}

export function colourOf(info: NodeInfo): string {
  return info.colour[theme() === "dark" ? 1 : 0];
}

/** A colour over the ground, as `#rrggbbaa`. */
export function faint(colour: string, alpha: number): string {
  return (
    colour +
    Math.round(alpha * 255)
      .toString(16)
      .padStart(2, "0")
  );
}

/** Stops of the spectrograms' colours, from silence to 0 dB. */
export function spectrumStops(): string[] {
  return theme() === "dark"
    ? ["#12151a", "#1d2440", "#45308a", "#a13a8c", "#ec6a5c", "#fdc46b", "#fff8d8"]
    : ["#ffffff", "#e7eaf6", "#b9b6e6", "#a06bc4", "#b83a80", "#7c1d49", "#2b0716"];
}

export function maskStops(): string[] {
  return theme() === "dark"
    ? ["#12151a", "#24465c", "#4c93ad", "#dff3f8"]
    : ["#ffffff", "#c4dde6", "#4d93ac", "#0d3b4d"];
}
