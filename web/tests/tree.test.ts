import { describe, expect, it } from "vitest";
import { maskOf } from "../src/pictures";
import { clock, percent, signed } from "../src/ui/dom";
import { MS21 } from "./trees";

const shown = (view: { collapsed?: number[]; unfolded?: number[]; query?: string }) =>
  MS21.lines({ collapsed: new Set(view.collapsed), unfolded: new Set(view.unfolded), query: view.query ?? "" }).map(
    (line) =>
      line.kind === "node"
        ? MS21.nodes[line.row.node].name
        : `${line.fold.count} of ${MS21.nodes[line.fold.parent].name}`,
  );

describe("the tree", () => {
  it("folds inactive siblings away", () => {
    const all = [
      "mixture",
      "vocal",
      "accompaniment",
      "bass",
      "percussion",
      "drum_set",
      "1 of percussion",
      "other",
      "pianos",
    ];
    expect(shown({})).toEqual(all);
    expect(shown({ unfolded: [4] })).toEqual([...all.slice(0, 7), "-shaker", ...all.slice(7)]);
    expect(shown({ collapsed: [2] })).toEqual(["mixture", "vocal", "accompaniment"]);
  });

  it("finds names, with what lies above and below them", () => {
    expect(shown({ query: "Drum s" })).toEqual(["mixture", "accompaniment", "percussion", "drum_set"]);
    expect(shown({ query: "perc", collapsed: [2] })).toEqual([
      "mixture",
      "accompaniment",
      "percussion",
      "drum_set",
      "-shaker",
    ]);
    expect(shown({ query: "nothing" })).toEqual(["mixture"]);
  });

  it("covers leaves with the fewest nodes", () => {
    expect(MS21.cover(new Set([0, 1, 2, 3, 4]))).toEqual([0]);
    expect(MS21.cover(new Set([2, 3, 4]))).toEqual([4, 7]);
    expect(MS21.cover(new Set())).toEqual([]);
  });
});

describe("figures", () => {
  it("are short", () => {
    expect([0, 75.25, 3675.99].map((time) => clock(time))).toEqual(["0:00.0", "1:15.2", "1:01:15.9"]);
    expect(clock(75.25, false)).toBe("1:15");
    expect([1.25, -3, 0, -0.01, Number.NEGATIVE_INFINITY].map((value) => signed(value))).toEqual([
      "+1.3",
      "−3.0",
      "0.0",
      "0.0",
      "−∞",
    ]);
    expect([1, 0.1, 0.068, 0.0004, 0, null].map(percent)).toEqual(["100 %", "10 %", "6.8 %", "< 0.1 %", "0 %", ""]);
  });
});

describe("masks", () => {
  it("are the part of a node in its parent, and nothing where that is silent", () => {
    const amplitude = Float32Array.from({ length: 256 }, (_, byte) =>
      byte ? 10 ** ((-96 * (1 - byte / 255)) / 20) : 0,
    );
    const mask = maskOf(Uint8Array.of(200, 184, 0, 10, 255), Uint8Array.of(200, 200, 200, 10, 200), amplitude);
    expect(mask[0]).toBe(255);
    expect(mask[1]).toBe(Math.floor(255 * 10 ** ((-96 * 16) / 255 / 20)));
    expect([mask[2], mask[3], mask[4]]).toEqual([0, 0, 255]);
  });
});
