/** The tree of nodes: who stands where, and which rows are shown. */

import type { NodeInfo } from "./format";

export const ROOT = 0;

export interface Shown {
  node: number;
  depth: number;
}

/** A line that stands for inactive siblings that are folded away. */
export interface Fold {
  parent: number;
  depth: number;
  count: number;
  open: boolean;
}

export type Line = { kind: "node"; row: Shown } | { kind: "fold"; fold: Fold };

export class Tree {
  constructor(readonly nodes: NodeInfo[]) {}

  leavesOf(node: number): number[] {
    const [first, last] = this.nodes[node].leaves;
    return Array.from({ length: last - first }, (_, i) => first + i);
  }

  isLeaf(node: number): boolean {
    return this.nodes[node].children.length === 0;
  }

  /** From the node itself up to the mixture. */
  upward(node: number): number[] {
    const path = [node];
    for (let at = this.nodes[node].parent; at !== null; at = this.nodes[at].parent) path.push(at);
    return path;
  }

  /** All nodes below, parents before their children. */
  below(node: number): number[] {
    return this.nodes[node].children.flatMap((child) => [child, ...this.below(child)]);
  }

  byPath(path: string): number | undefined {
    const found = this.nodes.findIndex((node) => node.path === path);
    return found < 0 ? undefined : found;
  }

  /** The fewest nodes whose leaves are exactly these. */
  cover(leaves: ReadonlySet<number>, node = ROOT): number[] {
    const own = this.leavesOf(node);
    if (own.length && own.every((leaf) => leaves.has(leaf))) return [node];
    return this.nodes[node].children.flatMap((child) => this.cover(leaves, child));
  }

  /**
   * The lines of the tree from top to bottom.
   *
   * Inactive siblings come last and are folded into one line, unless they are searched for.
   */
  lines(view: { collapsed: ReadonlySet<number>; unfolded: ReadonlySet<number>; query: string }): Line[] {
    const query = plain(view.query);
    const wanted = query ? this.matching(query) : null;
    const lines: Line[] = [];
    const walk = (node: number, depth: number) => {
      if (wanted && !wanted.has(node)) return;
      lines.push({ kind: "node", row: { node, depth } });
      if (view.collapsed.has(node) && !wanted) return;
      const children = this.nodes[node].children;
      const inactive = wanted ? [] : children.filter((child) => !this.nodes[child].active);
      const foldable = inactive.length > 0 && inactive.length < children.length;
      for (const child of children) if (!foldable || this.nodes[child].active) walk(child, depth + 1);
      if (!foldable) return;
      const open = view.unfolded.has(node);
      lines.push({ kind: "fold", fold: { parent: node, depth: depth + 1, count: inactive.length, open } });
      if (open) for (const child of inactive) walk(child, depth + 1);
    };
    walk(ROOT, 0);
    return lines;
  }

  private matching(query: string): Set<number> {
    const found = new Set<number>([ROOT]);
    this.nodes.forEach((info, node) => {
      if (!plain(info.name).includes(query)) return;
      for (const at of [...this.upward(node), ...this.below(node)]) found.add(at);
    });
    return found;
  }
}

/** Lower case, with underscores as spaces: how names are shown and searched for. */
export function plain(name: string): string {
  return name.replace(/_/g, " ").trim().toLowerCase();
}

/** How a node is called on the page. */
export function label(info: NodeInfo): string {
  return info.name.replace(/_/g, " ");
}
