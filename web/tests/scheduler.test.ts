import { describe, expect, it } from "vitest";
import { DECODED_AHEAD, type Region, Scheduler } from "../src/audio/scheduler";

const CHUNK = 100;
const SAMPLES = 950;
const LATENCY = 10;
const AHEAD = 60;

/** A scheduler on a clock that is set by hand, with chunks that are decoded when the test says so. */
class Bench {
  clock = 0;
  decoded = new Set<number>();
  wanted: number[] = [];
  decodes = true;
  played: { chunk: number; offset: number; length: number; at: number }[] = [];
  silenced = 0;
  readonly scheduler = new Scheduler(
    { samples: SAMPLES, chunk: CHUNK, latency: LATENCY, ahead: AHEAD },
    {
      want: (chunks) => {
        this.wanted = [...chunks];
        for (const chunk of [...this.decoded]) if (!chunks.includes(chunk)) this.decoded.delete(chunk);
        if (this.decodes) for (const chunk of chunks) this.decoded.add(chunk);
      },
      has: (chunk) => this.decoded.has(chunk),
    },
    {
      now: () => this.clock,
      play: (chunk, offset, length, at) => this.played.push({ chunk, offset, length, at }),
      silence: () => {
        this.silenced++;
        this.played = this.played.filter((piece) => piece.at < this.clock);
        for (const piece of this.played) piece.length = Math.min(piece.length, this.clock - piece.at);
      },
    },
  );

  run(to: number, step = 7): void {
    while (this.clock < to) {
      this.clock = Math.min(to, this.clock + step);
      this.scheduler.pump();
    }
  }

  /** The song's samples that sound, one for each of the clock's; -1 is silence. */
  heard(until: number): number[] {
    const line = new Array<number>(until).fill(-1);
    for (const { chunk, offset, length, at } of this.played) {
      for (let i = 0; i < length && at + i < until; i++) {
        expect(line[at + i]).toBe(-1); // nothing sounds twice
        line[at + i] = chunk * CHUNK + offset + i;
      }
    }
    return line;
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe("the scheduler", () => {
  it("plays the whole song, every sample once, without a gap, and stops", () => {
    const bench = new Bench();
    bench.scheduler.play();
    bench.run(2000);
    expect(bench.heard(2000)).toEqual([
      ...new Array(LATENCY).fill(-1),
      ...range(0, SAMPLES),
      ...new Array(2000 - LATENCY - SAMPLES).fill(-1),
    ]);
    expect(bench.scheduler.isPlaying).toBe(false);
    expect(bench.scheduler.position()).toBe(SAMPLES);
    bench.scheduler.play();
    expect(bench.scheduler.position()).toBe(0);
  });

  it.each([1, 13, 50, 59])("does not mind how rarely it is pumped: every %i samples", (step) => {
    const bench = new Bench();
    bench.scheduler.play();
    bench.run(900, step);
    expect(bench.heard(900).slice(LATENCY)).toEqual(range(0, 900 - LATENCY));
  });

  it("tells the position, and goes on there after a pause", () => {
    const bench = new Bench();
    bench.scheduler.play();
    expect(bench.scheduler.position()).toBe(0);
    bench.run(LATENCY + 333);
    expect(bench.scheduler.position()).toBe(333);
    bench.scheduler.pause();
    bench.clock += 1000;
    expect(bench.scheduler.position()).toBe(333);
    bench.scheduler.play();
    bench.run(bench.clock + LATENCY + 100);
    expect(bench.scheduler.position()).toBe(433);
  });

  it("lands on the sample that is sought, playing or not", () => {
    const bench = new Bench();
    bench.scheduler.seek(421);
    expect(bench.scheduler.position()).toBe(421);
    expect(bench.wanted).toEqual([4]);
    bench.scheduler.play();
    bench.run(200);
    bench.scheduler.seek(77);
    expect(bench.silenced).toBe(1);
    const start = 200 + LATENCY;
    bench.run(start + 150);
    expect(bench.heard(start + 150).slice(start)).toEqual(range(77, 227));
    bench.scheduler.seek(5000);
    expect(bench.scheduler.position()).toBe(SAMPLES - 1);
    bench.scheduler.seek(-5);
    expect(bench.scheduler.position()).toBe(0);
  });

  it.each([[{ from: 120, to: 190 }], [{ from: 150, to: 450 }], [{ from: 0, to: SAMPLES }], [{ from: 333, to: 334 }]])(
    "repeats %o seamlessly",
    (region: Region) => {
      const bench = new Bench();
      bench.scheduler.repeat(region);
      bench.scheduler.seek(region.from);
      bench.scheduler.play();
      bench.run(1500, 3);
      const length = region.to - region.from;
      expect(bench.heard(1500).slice(LATENCY)).toEqual(range(0, 1500 - LATENCY).map((i) => region.from + (i % length)));
      expect(bench.scheduler.position()).toBe(region.from + ((1500 - LATENCY) % length));
    },
  );

  it("plays into a loop that lies ahead, and out of one that is left", () => {
    const bench = new Bench();
    bench.scheduler.repeat({ from: 200, to: 300 });
    bench.scheduler.play();
    bench.run(LATENCY + 420);
    expect(bench.scheduler.position()).toBe(220);
    bench.scheduler.repeat(null);
    bench.run(LATENCY + 550);
    expect(bench.scheduler.position()).toBeGreaterThan(300);
    bench.scheduler.repeat({ from: 0, to: 50 }); // behind: plays on to the end
    bench.run(3000);
    expect(bench.scheduler.position()).toBe(SAMPLES);
  });

  it("goes on without a break when a loop is set that changes nothing yet", () => {
    const bench = new Bench();
    bench.scheduler.play();
    bench.run(100);
    bench.scheduler.repeat({ from: 50, to: 800 });
    expect(bench.silenced).toBe(0);
    bench.scheduler.repeat({ from: 50, to: 120 }); // something beyond it is on its way already
    expect(bench.silenced).toBe(1);
  });

  it("waits for a chunk that comes late, and loses nothing", () => {
    const bench = new Bench();
    bench.decodes = false;
    bench.scheduler.play();
    bench.run(200);
    expect(bench.played).toEqual([]);
    expect(bench.scheduler.isWaiting).toBe(true);
    expect(bench.scheduler.position()).toBe(0);
    bench.decoded.add(0);
    bench.scheduler.pump();
    bench.run(500);
    expect(bench.heard(500).slice(200 + LATENCY)).toEqual([
      ...range(0, 100),
      ...new Array(500 - 300 - LATENCY).fill(-1),
    ]);
    bench.decoded.add(1);
    bench.scheduler.pump();
    expect(bench.scheduler.isWaiting).toBe(false);
    bench.run(600);
    expect(bench.heard(600).slice(500 + LATENCY)).toEqual(range(100, 190));
  });

  it("wants no more than the chunk that sounds and the next two", () => {
    const bench = new Bench();
    bench.scheduler.play();
    for (let at = 0; at < SAMPLES; at += 25) {
      bench.run(at);
      expect(bench.wanted.length).toBeLessThanOrEqual(1 + DECODED_AHEAD);
      expect(bench.wanted[0]).toBe(Math.floor(bench.scheduler.position() / CHUNK));
    }
    bench.scheduler.repeat({ from: 50, to: 150 });
    bench.scheduler.seek(60);
    expect(bench.wanted).toEqual([0, 1]);
  });

  it("plays a song of one sample", () => {
    const played: number[] = [];
    let clock = 0;
    const scheduler = new Scheduler(
      { samples: 1, chunk: 8000, latency: 4, ahead: 100 },
      { want: () => {}, has: () => true },
      { now: () => clock, play: (_, offset, length, at) => played.push(offset, length, at), silence: () => {} },
    );
    scheduler.play();
    clock = 10;
    scheduler.pump();
    expect(played).toEqual([0, 1, 4]);
    expect(scheduler.isPlaying).toBe(false);
  });
});
