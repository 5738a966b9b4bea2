/**
 * The Web Audio graph: from the leaves' chunks to what is heard.
 *
 * Of every set (estimates, true stems) each leaf runs through its left and right gain into the set's mix. Beside them
 * stands the original: all leaves of the estimates as they are. Three gates choose which of these is heard, so changing
 * over is a matter of milliseconds and never waits for anything.
 */

import type { LeafInfo, SetName } from "../format";
import type { Gains } from "../mix";
import type { Chunks } from "./chunks";
import type { Output } from "./scheduler";

/** What is heard: the mix of a set's leaves, or the original. */
export type Heard = SetName | "original";

/** Seconds that a gain takes to change: short enough to follow, long enough not to click. */
const RAMP = 0.012;

/** Seconds in which sound dies away before it is cut off. */
const FADE = 0.006;

interface Strip {
  input: GainNode;
  left: GainNode;
  right: GainNode;
}

export class Engine implements Output {
  /** Everything, before the listening level: what meters see. */
  readonly master: GainNode;
  private readonly gates = new Map<Heard, GainNode>();
  private readonly strips = new Map<SetName, Strip[]>();
  private readonly transport: GainNode;
  private readonly level: GainNode;
  private playing = new Set<AudioBufferSourceNode>();
  private heard: Heard = "estimates";
  private originalGain = 1;

  constructor(
    readonly context: BaseAudioContext,
    private readonly chunks: Chunks,
    private readonly leads: Record<string, number>,
  ) {
    this.master = context.createGain();
    this.transport = context.createGain();
    this.level = context.createGain();
    this.transport.connect(this.master);
    this.master.connect(this.level).connect(context.destination);
    this.gate("original");
    for (const source of chunks.sources) {
      const bus = context.createChannelMerger(2);
      bus.connect(this.gate(source.set));
      this.strips.set(
        source.set,
        source.leaves.map((leaf) => this.strip(leaf, bus, source.set === "estimates")),
      );
    }
    this.listen("estimates", 1, true);
  }

  private gate(name: Heard): GainNode {
    const gate = this.context.createGain();
    gate.gain.value = 0;
    gate.connect(this.transport);
    this.gates.set(name, gate);
    return gate;
  }

  private strip(leaf: LeafInfo, bus: AudioNode, isEstimate: boolean): Strip {
    const input = this.context.createGain();
    input.gain.value = leaf.gain;
    input.channelCount = 2;
    input.channelCountMode = "explicit"; // mono goes to both sides as it is
    const sides = this.context.createChannelSplitter(2);
    const [left, right] = [this.context.createGain(), this.context.createGain()];
    input.connect(sides);
    sides.connect(left, 0);
    sides.connect(right, 1);
    left.connect(bus, 0, 0);
    right.connect(bus, 0, 1);
    if (isEstimate) input.connect(this.gates.get("original")!);
    return { input, left, right };
  }

  /** Set every leaf's gains. */
  mix(gains: readonly Gains[], at_once = false): void {
    for (const strips of this.strips.values()) {
      strips.forEach((strip, leaf) => {
        this.ramp(strip.left.gain, gains[leaf].left, at_once);
        this.ramp(strip.right.gain, gains[leaf].right, at_once);
      });
    }
  }

  /** Choose what is heard, and how loud the original is. */
  listen(heard: Heard, originalGain: number, at_once = false): void {
    this.heard = heard;
    this.originalGain = originalGain;
    for (const [name, gate] of this.gates) {
      const open = name === "original" ? originalGain : 1;
      this.ramp(gate.gain, name === this.heard ? open : 0, at_once);
    }
  }

  get originalLevel(): number {
    return this.originalGain;
  }

  /** The listening level, which is no part of the mix. */
  setLevel(gain: number): void {
    this.ramp(this.level.gain, gain);
  }

  now(): number {
    return this.context.currentTime * this.context.sampleRate;
  }

  play(chunk: number, offset: number, length: number, at: number): void {
    const rate = this.context.sampleRate;
    const found = this.chunks.get(chunk);
    for (const [set, buffers] of found ?? []) {
      const lead = this.leads[set];
      buffers.forEach((buffer, leaf) => {
        if (!buffer) return;
        const source = this.context.createBufferSource();
        source.buffer = buffer;
        source.connect(this.strips.get(set)![leaf].input);
        source.onended = () => {
          source.buffer = null; // or it would hold the samples until it is collected
          source.disconnect();
          this.playing.delete(source);
        };
        source.start(at / rate, (lead + offset) / rate, length / rate);
        this.playing.add(source);
      });
    }
    if (!this.opened) this.open(at / rate);
  }

  private opened = true;

  /** Let sound through again from a moment on. */
  private open(at: number): void {
    this.opened = true;
    const gain = this.transport.gain;
    gain.setValueAtTime(0, Math.max(at - 1e-4, this.context.currentTime));
    gain.linearRampToValueAtTime(1, at + FADE);
  }

  silence(): void {
    if (!this.playing.size) return;
    const stop = this.context.currentTime + FADE;
    const gain = this.transport.gain;
    gain.cancelScheduledValues(0);
    gain.setValueAtTime(gain.value, this.context.currentTime);
    gain.linearRampToValueAtTime(0, stop);
    for (const source of this.playing) source.stop(stop);
    this.playing = new Set();
    this.opened = false;
  }

  private ramp(param: AudioParam, value: number, at_once = false): void {
    if (at_once) {
      param.value = value;
      return;
    }
    const now = this.context.currentTime;
    param.cancelScheduledValues(now);
    param.setValueAtTime(param.value, now);
    param.linearRampToValueAtTime(value, now + RAMP);
  }
}
