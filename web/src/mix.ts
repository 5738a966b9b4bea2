/**
 * The mix: what is set at the nodes, and what that means for the leaves.
 *
 * A parent is its children. Mute and solo therefore belong to the leaves alone, and a parent shows whether all, some or
 * none of its leaves have them; gain and pan of a parent are multiplied into those of its leaves.
 */

import { amplitude } from "./format";
import type { Tree } from "./tree";

export const LOWEST_DB = -48;
export const HIGHEST_DB = 12;

/** Of a parent: all leaves, some, or none. */
export type Share = "all" | "some" | "none";

export interface Mix {
  /** dB of every node; `LOWEST_DB` is silence. */
  gain: number[];
  /** -1 (left) to 1 (right) of every node. */
  pan: number[];
  muted: Set<number>;
  soloed: Set<number>;
}

export interface Gains {
  left: number;
  right: number;
}

export function neutral(tree: Tree): Mix {
  return {
    gain: tree.nodes.map(() => 0),
    pan: tree.nodes.map(() => 0),
    muted: new Set(),
    soloed: new Set(),
  };
}

export function copyOf(mix: Mix): Mix {
  return { gain: [...mix.gain], pan: [...mix.pan], muted: new Set(mix.muted), soloed: new Set(mix.soloed) };
}

export function isNeutral(mix: Mix): boolean {
  return !mix.muted.size && !mix.soloed.size && mix.gain.every((db) => db === 0) && mix.pan.every((pan) => pan === 0);
}

/** How many of a node's leaves are in a set. */
export function shareOf(tree: Tree, node: number, leaves: ReadonlySet<number>): Share {
  const own = tree.leavesOf(node);
  const count = own.filter((leaf) => leaves.has(leaf)).length;
  return count === 0 ? "none" : count === own.length ? "all" : "some";
}

/** Put all leaves of a node into a set, or take them out if they all are in it. */
export function toggle(tree: Tree, node: number, leaves: Set<number>): void {
  const all = shareOf(tree, node, leaves) === "all";
  for (const leaf of tree.leavesOf(node)) {
    if (all) leaves.delete(leaf);
    else leaves.add(leaf);
  }
}

/** Whether a leaf is heard at all: not muted, and soloed if any is. */
export function isHeard(mix: Mix, leaf: number): boolean {
  return !mix.muted.has(leaf) && (!mix.soloed.size || mix.soloed.has(leaf));
}

/** Left and right gain of every leaf. */
export function leafGains(tree: Tree, mix: Mix, leafNodes: readonly number[]): Gains[] {
  return leafNodes.map((node, leaf) => {
    if (!isHeard(mix, leaf)) return { left: 0, right: 0 };
    let left = 1;
    let right = 1;
    for (const at of tree.upward(node)) {
      const gain = mix.gain[at] <= LOWEST_DB ? 0 : amplitude(mix.gain[at]);
      left *= gain * Math.min(1, 1 - mix.pan[at]);
      right *= gain * Math.min(1, 1 + mix.pan[at]);
    }
    return { left, right };
  });
}

/** Whether something below a node is set otherwise than it is by itself. */
export function differsBelow(tree: Tree, mix: Mix, node: number): boolean {
  const below = tree.below(node);
  if (below.some((at) => mix.gain[at] !== 0 || mix.pan[at] !== 0)) return true;
  return shareOf(tree, node, mix.muted) === "some" || shareOf(tree, node, mix.soloed) === "some";
}

/** The mix of a preset: `karaoke` and `drumless` mute what they name, `bass only` solos it. */
export function preset(tree: Tree, name: string, paths: readonly string[]): Mix {
  const mix = neutral(tree);
  const into = name.endsWith("only") ? mix.soloed : mix.muted;
  for (const path of paths) {
    const node = tree.byPath(path);
    if (node !== undefined) for (const leaf of tree.leavesOf(node)) into.add(leaf);
  }
  return mix;
}

export function sameMix(one: Mix, other: Mix): boolean {
  const same = (a: ReadonlySet<number>, b: ReadonlySet<number>) => a.size === b.size && [...a].every((x) => b.has(x));
  return (
    one.gain.every((db, node) => db === other.gain[node]) &&
    one.pan.every((pan, node) => pan === other.pan[node]) &&
    same(one.muted, other.muted) &&
    same(one.soloed, other.soloed)
  );
}
