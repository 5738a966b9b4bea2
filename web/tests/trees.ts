import type { NodeInfo } from "../src/format";
import { Tree } from "../src/tree";

type Names = { [name: string]: Names };

/** A tree of nodes that all are active, but for those whose names begin with a minus. */
export function treeOf(names: Names): Tree {
  const nodes: NodeInfo[] = [];
  let leaves = 0;
  const add = (path: string, name: string, parent: number | null, below: Names): number => {
    const index = nodes.length;
    const info: NodeInfo = {
      path,
      name,
      parent,
      children: [],
      leaves: [leaves, leaves],
      level: null,
      share: 0.5,
      active: !name.startsWith("-"),
      rms: -20,
      peak: -3,
      family: "neutral",
      colour: ["#000000", "#ffffff"],
    };
    nodes.push(info);
    if (!Object.keys(below).length) leaves++;
    for (const [child, further] of Object.entries(below)) {
      info.children.push(add(path ? `${path}/${child}` : child, child, index, further));
    }
    info.leaves = [info.leaves[0], leaves];
    return index;
  };
  add("", "mixture", null, names);
  return new Tree(nodes);
}

/** Nodes: 0 mixture, 1 vocal, 2 accompaniment, 3 bass, 4 percussion, 5 drum_set, 6 -shaker, 7 other, 8 pianos. */
export const MS21 = treeOf({
  vocal: {},
  accompaniment: { bass: {}, percussion: { drum_set: {}, "-shaker": {} }, other: { pianos: {} } },
});

/** The node of each leaf. */
export const LEAVES = [1, 3, 5, 6, 8];
