import { describe, expect, it } from "vitest";
import { Loudness, matchingGain } from "../src/loudness";
import * as mixing from "../src/mix";
import { LEAVES, MS21 } from "./trees";

const gains = (mix: mixing.Mix) => mixing.leafGains(MS21, mix, LEAVES);
const heard = (mix: mixing.Mix) => gains(mix).map(({ left, right }) => (left || right ? 1 : 0));

describe("the mix", () => {
  it("plays everything as it is at first", () => {
    const mix = mixing.neutral(MS21);
    expect(gains(mix)).toEqual(LEAVES.map(() => ({ left: 1, right: 1 })));
    expect(mixing.isNeutral(mix)).toBe(true);
  });

  it("mutes every leaf beneath a parent, and shows what differs", () => {
    const mix = mixing.neutral(MS21);
    mixing.toggle(MS21, 2, mix.muted);
    expect(heard(mix)).toEqual([1, 0, 0, 0, 0]);
    expect([0, 1, 2, 3, 4].map((node) => mixing.shareOf(MS21, node, mix.muted))).toEqual([
      "some",
      "none",
      "all",
      "all",
      "all",
    ]);
    mixing.toggle(MS21, 3, mix.muted);
    expect(mixing.shareOf(MS21, 2, mix.muted)).toBe("some");
    expect(mixing.differsBelow(MS21, mix, 2)).toBe(true);
    mixing.toggle(MS21, 2, mix.muted); // some: all
    expect(heard(mix)).toEqual([1, 0, 0, 0, 0]);
    mixing.toggle(MS21, 2, mix.muted);
    expect(heard(mix)).toEqual([1, 1, 1, 1, 1]);
  });

  it("plays nothing else where something is soloed, and mute wins", () => {
    const mix = mixing.neutral(MS21);
    mixing.toggle(MS21, 4, mix.soloed);
    expect(heard(mix)).toEqual([0, 0, 1, 1, 0]);
    mixing.toggle(MS21, 5, mix.muted);
    expect(heard(mix)).toEqual([0, 0, 0, 1, 0]);
  });

  it("multiplies gains and balance down the tree", () => {
    const mix = mixing.neutral(MS21);
    mix.gain[2] = -6;
    mix.gain[3] = 2;
    mix.pan[2] = 0.5;
    mix.pan[3] = -0.25;
    const { left, right } = gains(mix)[1];
    expect(left).toBeCloseTo(10 ** (-4 / 20) * 0.5);
    expect(right).toBeCloseTo(10 ** (-4 / 20) * 0.75);
    mix.gain[0] = mixing.LOWEST_DB;
    expect(heard(mix)).toEqual([0, 0, 0, 0, 0]);
  });

  it("has presets", () => {
    expect(heard(mixing.preset(MS21, "karaoke", ["vocal"]))).toEqual([0, 1, 1, 1, 1]);
    expect(heard(mixing.preset(MS21, "bass only", ["accompaniment/bass"]))).toEqual([0, 1, 0, 0, 0]);
    expect(mixing.sameMix(mixing.preset(MS21, "x", ["vocal", "nothing"]), mixing.preset(MS21, "x", ["vocal"]))).toBe(
      true,
    );
  });
});

describe("loudness", () => {
  // two leaves of one channel that are partly the same; the second chunk is silent
  const products = Float32Array.from([4, 1, 9, 0, 0, 0]);
  const base64 = btoa(String.fromCharCode(...new Uint8Array(products.buffer)));
  const both = (one: number, other: number) => [one, other].map((gain) => ({ left: gain, right: gain }));

  it("is that of the sum of the leaves, without silent chunks", () => {
    const loudness = new Loudness(base64, 1, 2);
    expect(loudness.energy(both(1, 1))).toBeCloseTo(2 * (4 + 2 * 1 + 9)); // both sides play the one channel
    expect(loudness.energy(both(1, -1))).toBeCloseTo(2 * (4 - 2 * 1 + 9));
    expect(matchingGain(loudness, both(2, 0), both(1, 1))).toBeCloseTo(Math.sqrt(16 / 15));
    expect(matchingGain(loudness, both(0, 0), both(1, 1))).toBe(1);
  });
});
