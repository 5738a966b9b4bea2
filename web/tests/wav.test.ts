import { describe, expect, it } from "vitest";
import { fitsWav, wavBody, wavHeader } from "../src/wav";

describe("WAV files", () => {
  it("have the header of their format", () => {
    const view = new DataView(wavHeader(44100, 2, 24, 1000));
    const text = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
    expect([text(0), text(8), text(12), text(36)]).toEqual(["RIFF", "WAVE", "fmt ", "data"]);
    expect([view.getUint32(4, true), view.getUint32(40, true)]).toEqual([6036, 6000]);
    expect([view.getUint16(20, true), view.getUint32(28, true), view.getUint16(32, true)]).toEqual([1, 264600, 6]);
    expect(new DataView(wavHeader(8000, 1, 32, 1)).getUint16(20, true)).toBe(3);
  });

  it.each([16, 24] as const)("hold %i-bit integers exactly, and clip what goes beyond", (bits) => {
    const scale = 2 ** (bits - 1);
    const steps = [0, 1, -1, scale - 1, -scale, 12345];
    const { bytes, clipped } = wavBody(
      [Float64Array.from(steps, (step) => step / scale), new Float64Array(6).fill(1.5)],
      bits,
    );
    const view = new DataView(bytes);
    const read = (i: number) =>
      bits === 16 ? view.getInt16(2 * i, true) : view.getUint8(3 * i) | (view.getInt16(3 * i + 1, true) << 8);
    expect(steps.map((_, i) => read(2 * i))).toEqual(steps);
    expect(steps.map((_, i) => read(2 * i + 1))).toEqual(new Array(6).fill(scale - 1));
    expect(clipped).toBe(6);
  });

  it("hold floating-point numbers as they are", () => {
    const { bytes, clipped } = wavBody([Float64Array.of(1.5, -0.25)], 32);
    expect([...new Float32Array(bytes)]).toEqual([1.5, -0.25]);
    expect(clipped).toBe(0);
  });

  it("end at 4 GB", () => {
    expect(fitsWav(2, 16, 1e9)).toBe(true);
    expect(fitsWav(2, 24, 1e9)).toBe(false);
  });
});
