import { describe, expect, it } from "vitest";
import { fromHash, type State, toHash } from "../src/link";
import { neutral } from "../src/mix";
import { MS21, treeOf } from "./trees";

const plain = (): State => ({ mix: neutral(MS21), position: 0, loop: null, chosen: 0, view: null });

describe("the link", () => {
  it("is empty where nothing is set, and brings everything back where something is", () => {
    expect(toHash(MS21, plain())).toBe("");
    const state = plain();
    state.mix.muted = new Set([1, 2, 3, 4]);
    state.mix.soloed = new Set([0]);
    state.mix.gain[3] = -4.5;
    state.mix.pan[1] = 0.25;
    state.position = 12.345;
    state.loop = { from: 1.5, to: 60, on: false };
    state.chosen = 5;
    state.view = { from: 10, to: 20 };
    const hash = toHash(MS21, state);
    expect(hash).toBe(
      "m=accompaniment&s=vocal&g=accompaniment/bass:-4.5&p=vocal:0.25&t=12.345&r=1.5-60&n=accompaniment/percussion/drum_set&v=10-20",
    );
    expect(fromHash(MS21, `#${hash}`, 100)).toEqual(state);
  });

  it("holds names with any letters", () => {
    const tree = treeOf({ "a, b:c & d=e #%": {}, أغنية: { "x/y?": {}, z: {} } });
    const state: State = { mix: neutral(tree), position: 0, loop: null, chosen: 3, view: null };
    state.mix.muted.add(0);
    state.mix.gain[2] = 3;
    expect(fromHash(tree, toHash(tree, state), 9)).toEqual(state);
  });

  it.each(["#nonsense", "#m=nothing&s=&g=vocal:loud&t=-1&l=9-2&v=5", "#%", "#t=1e9&l=200-300", "#m=%E0%A4%A&&&=="])(
    "leaves out what it does not understand: %s",
    (hash) => {
      const state = fromHash(MS21, hash, 100);
      expect({ ...state, mix: { ...state.mix, soloed: new Set() } }).toEqual(plain());
    },
  );
});
