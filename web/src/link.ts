/** The page's state as the part of its address after `#`, and back. */

import { HIGHEST_DB, LOWEST_DB, type Mix, neutral } from "./mix";
import type { Tree } from "./tree";

export interface State {
  mix: Mix;
  /** Seconds. */
  position: number;
  loop: { from: number; to: number; on: boolean } | null;
  chosen: number;
  /** Seconds that are shown; null for all. */
  view: { from: number; to: number } | null;
}

export function toHash(tree: Tree, state: State): string {
  const parts = new Map<string, string>();
  const names = (leaves: ReadonlySet<number>) => tree.cover(leaves).map((node) => textOf(tree.nodes[node].path));
  if (state.mix.muted.size) parts.set("m", names(state.mix.muted).join(","));
  if (state.mix.soloed.size) parts.set("s", names(state.mix.soloed).join(","));
  const values = (of: readonly number[]) =>
    of.flatMap((value, node) => (value ? [`${textOf(tree.nodes[node].path)}:${round(value)}`] : [])).join(",");
  if (state.mix.gain.some((db) => db)) parts.set("g", values(state.mix.gain));
  if (state.mix.pan.some((pan) => pan)) parts.set("p", values(state.mix.pan));
  if (state.position) parts.set("t", String(round(state.position)));
  if (state.loop) parts.set(state.loop.on ? "l" : "r", `${round(state.loop.from)}-${round(state.loop.to)}`);
  if (state.chosen) parts.set("n", textOf(tree.nodes[state.chosen].path));
  if (state.view) parts.set("v", `${round(state.view.from)}-${round(state.view.to)}`);
  return [...parts].map(([key, value]) => `${key}=${value}`).join("&");
}

/** Whatever is missing, unknown or out of range in an address is left at its default. */
export function fromHash(tree: Tree, hash: string, duration: number): State {
  const parts = new Map(
    hash
      .replace(/^#/, "")
      .split("&")
      .map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]),
  );
  const mix = neutral(tree);
  const node = (text: string) => {
    const path = pathOf(text);
    return path === null ? undefined : tree.byPath(path);
  };
  const into = (text: string | undefined, leaves: Set<number>) => {
    for (const name of text?.split(",") ?? []) {
      const found = text === undefined ? undefined : node(name);
      if (found !== undefined) for (const leaf of tree.leavesOf(found)) leaves.add(leaf);
    }
  };
  if (parts.has("m")) into(parts.get("m"), mix.muted);
  if (parts.has("s")) into(parts.get("s"), mix.soloed);
  const values = (text: string | undefined, of: number[], least: number, most: number) => {
    for (const pair of text?.split(",") ?? []) {
      const [name, value] = [pair.slice(0, pair.lastIndexOf(":")), Number(pair.slice(pair.lastIndexOf(":") + 1))];
      const found = node(name);
      if (found !== undefined && Number.isFinite(value)) of[found] = Math.min(most, Math.max(least, value));
    }
  };
  values(parts.get("g"), mix.gain, LOWEST_DB, HIGHEST_DB);
  values(parts.get("p"), mix.pan, -1, 1);
  const span = (text: string | undefined) => {
    const [from, to] = (text ?? "").split("-").map(Number);
    const inside = from >= 0 && to > from && from < duration;
    return inside ? { from, to: Math.min(to, duration) } : null;
  };
  const looped = span(parts.get("l"));
  const region = looped ?? span(parts.get("r"));
  const position = Number(parts.get("t") ?? 0);
  return {
    mix,
    position: position >= 0 && position < duration ? position : 0,
    loop: region && { ...region, on: looped !== null },
    chosen: (parts.has("n") ? node(parts.get("n")!) : undefined) ?? 0,
    view: span(parts.get("v")),
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function textOf(path: string): string {
  return encodeURIComponent(path).replace(/%2F/g, "/").replace(/%20/g, "+");
}

function pathOf(text: string): string | null {
  try {
    return decodeURIComponent(text.replace(/\+/g, " "));
  } catch {
    return null;
  }
}
