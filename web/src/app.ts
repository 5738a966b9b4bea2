/** The state of the page and everything that can be done to it; what is shown asks here and is told of changes. */

import { capture } from "./audio/capture";
import { Chunks, type Source } from "./audio/chunks";
import { Engine, type Heard } from "./audio/engine";
import { Cancelled, type Rendered, renderWav } from "./audio/render";
import { type Region, Scheduler } from "./audio/scheduler";
import type { DataSet, ReferenceSet, SetName, Song } from "./format";
import { amplitude, decibels } from "./format";
import { fromHash, toHash } from "./link";
import type { Loader } from "./loader";
import { Loudness, matchingGain } from "./loudness";
import * as mixing from "./mix";
import { Pictures, type Span } from "./pictures";
import { label, ROOT, Tree } from "./tree";

/** What has changed. */
export type Change = "mix" | "rows" | "view" | "chosen" | "transport" | "heard" | "pictures" | "loop" | "message";

const START_LATENCY = 0.04;
const AHEAD = 2.5;
const PUMP_MS = 150;
/** Milliseconds after which an audio clock that stands still means that there is no device. */
const NO_DEVICE_MS = 2500;

export class App {
  readonly tree: Tree;
  mix: mixing.Mix;
  chosen = ROOT;
  readonly collapsed = new Set<number>();
  readonly unfolded = new Set<number>();
  query = "";
  /** Whether every row is drawn as high as it can be, rather than all to one scale. */
  fit = false;
  view: Span;
  loop: Span | null = null;
  looping = false;
  /** The mix of the leaves, or the original. */
  original = false;
  set: SetName = "estimates";
  level = 0;
  message = "";
  readonly pictures = new Map<SetName, Pictures>();

  private readonly listeners = new Set<(change: Change) => void>();
  private readonly chunks: Chunks;
  private readonly sources: Source[];
  private readonly clock: { output: Engine | null } = { output: null };
  private readonly scheduler: Scheduler;
  private readonly loudness: Loudness;
  private timer = 0;

  constructor(
    readonly loader: Loader,
    readonly song: Song,
    readonly reference: ReferenceSet | null,
  ) {
    this.tree = new Tree(song.nodes);
    this.mix = mixing.neutral(this.tree);
    this.view = { from: 0, to: this.duration };
    const sets: [SetName, DataSet][] = [["estimates", song]];
    if (reference) sets.push(["reference", reference]);
    for (const [name, set] of sets) {
      this.pictures.set(name, new Pictures(loader, name, set, song.nodes.length, () => this.tell("pictures")));
    }
    this.sources = sets.map(([set, { audio, leaves }]) => ({ set, audio, leaves }));
    this.chunks = new Chunks(
      loader,
      this.sources,
      () => this.scheduler.pump(),
      (error) => this.fail(error),
    );
    const { audio } = song;
    this.scheduler = new Scheduler(
      {
        samples: audio.samples,
        chunk: audio.chunk,
        latency: Math.ceil(START_LATENCY * audio.rate),
        ahead: AHEAD * audio.rate,
      },
      this.chunks,
      {
        now: () => this.clock.output?.now() ?? 0,
        play: (...piece) => this.clock.output?.play(...piece),
        silence: () => this.clock.output?.silence(),
      },
    );
    this.loudness = new Loudness(song.loudness, song.channels, song.leaves.length);
    this.restore(location.hash);
  }

  get duration(): number {
    return this.song.audio.samples / this.song.audio.rate;
  }

  /** What is drawn: the pictures of the set that is heard. */
  get shown(): Pictures {
    return this.pictures.get(this.set)!;
  }

  on(listener: (change: Change) => void): void {
    this.listeners.add(listener);
  }

  tell(...changes: Change[]): void {
    for (const change of changes) for (const listener of this.listeners) listener(change);
  }

  say(message: string): void {
    this.message = message;
    this.tell("message");
  }

  fail(error: Error): void {
    this.pause();
    this.say(error.message);
  }

  // Transport

  get isPlaying(): boolean {
    return this.scheduler.isPlaying;
  }

  get isWaiting(): boolean {
    return this.scheduler.isWaiting;
  }

  /** Seconds. */
  get position(): number {
    return Math.min(this.duration, this.scheduler.position() / this.song.audio.rate);
  }

  get engine(): Engine | null {
    return this.clock.output;
  }

  /** Decoded chunks that are held, for tests. */
  get held(): number {
    return this.chunks.count;
  }

  async play(): Promise<void> {
    if (this.isPlaying) return;
    const context = this.open();
    if (!context) return;
    void context.resume();
    const started = await runs(context);
    if (!started) {
      this.say("No sound: this browser found no audio device; connect one and play again.");
      return;
    }
    this.scheduler.play();
    window.clearInterval(this.timer);
    this.timer = window.setInterval(() => {
      this.scheduler.pump();
      if (!this.isPlaying) this.halted();
    }, PUMP_MS);
    this.tell("transport");
  }

  pause(): void {
    this.scheduler.pause();
    this.halted();
  }

  toggle(): void {
    if (this.isPlaying) this.pause();
    else void this.play();
  }

  seek(seconds: number): void {
    const to = Math.max(0, Math.min(seconds, this.duration));
    this.scheduler.seek(to * this.song.audio.rate);
    this.tell("transport");
  }

  setLoop(span: Span | null, on = span !== null): void {
    this.loop = span && { from: Math.max(0, span.from), to: Math.min(this.duration, span.to) };
    this.looping = on && this.loop !== null;
    const rate = this.song.audio.rate;
    const region: Region | null = this.looping ? { from: this.loop!.from * rate, to: this.loop!.to * rate } : null;
    this.scheduler.repeat(region);
    this.tell("loop");
  }

  /** Repeat the region, or the whole song where there is none. */
  toggleLoop(): void {
    this.setLoop(this.loop ?? { from: 0, to: this.duration }, !this.looping);
  }

  private halted(): void {
    window.clearInterval(this.timer);
    this.tell("transport");
  }

  private open(): AudioContext | null {
    if (this.clock.output) return this.clock.output.context as AudioContext;
    let context: AudioContext;
    try {
      context = new AudioContext({ sampleRate: this.song.audio.rate, latencyHint: "playback" });
    } catch {
      this.say(`No sound: this browser cannot play at ${this.song.audio.rate} Hz; try another.`);
      return null;
    }
    const leads = Object.fromEntries(this.sources.map((source) => [source.set, source.audio.lead]));
    this.clock.output = new Engine(context, this.chunks, leads);
    this.clock.output.setLevel(amplitude(this.level));
    this.sound(true);
    this.tell("heard");
    return context;
  }

  // What is heard

  get heard(): Heard {
    return this.original ? "original" : this.set;
  }

  /** dB by which the original is turned up to be as loud as the mix. */
  get originalGain(): number {
    return decibels(this.originalFactor());
  }

  private originalFactor(): number {
    const unity = this.song.leaves.map(() => ({ left: 1, right: 1 }));
    return matchingGain(this.loudness, this.gains(), unity);
  }

  gains(): mixing.Gains[] {
    return mixing.leafGains(
      this.tree,
      this.mix,
      this.song.leaves.map((leaf) => leaf.node),
    );
  }

  listenTo(what: { original?: boolean; set?: SetName }): void {
    this.original = (what.original ?? this.original) && this.song.covers;
    if (what.set && this.pictures.has(what.set)) {
      this.set = what.set;
      this.original = false;
    }
    this.sound();
    this.tell("heard", "view");
  }

  setLevel(db: number): void {
    this.level = db;
    this.clock.output?.setLevel(db <= mixing.LOWEST_DB ? 0 : amplitude(db));
    this.tell("heard");
  }

  private sound(at_once = false): void {
    this.clock.output?.mix(this.gains(), at_once);
    this.clock.output?.listen(this.heard, this.original ? this.originalFactor() : 1, at_once);
  }

  // The mix

  setMix(mix: mixing.Mix): void {
    this.mix = mixing.copyOf(mix);
    this.mixed();
  }

  mute(node: number): void {
    mixing.toggle(this.tree, node, this.mix.muted);
    this.mixed();
  }

  /** @param alone Solo nothing else, or nothing at all where that is so already. */
  solo(node: number, alone = false): void {
    if (alone) {
      const own = this.tree.leavesOf(node);
      const already = own.length === this.mix.soloed.size && own.every((leaf) => this.mix.soloed.has(leaf));
      this.mix.soloed = new Set(already ? [] : own);
    } else {
      mixing.toggle(this.tree, node, this.mix.soloed);
    }
    this.mixed();
  }

  setGain(node: number, db: number): void {
    this.mix.gain[node] = Math.max(mixing.LOWEST_DB, Math.min(mixing.HIGHEST_DB, db));
    this.mixed();
  }

  setPan(node: number, pan: number): void {
    this.mix.pan[node] = Math.max(-1, Math.min(1, pan));
    this.mixed();
  }

  reset(): void {
    this.setMix(mixing.neutral(this.tree));
  }

  presets(): { name: string; mix: mixing.Mix }[] {
    return Object.entries(this.song.presets).map(([name, paths]) => ({
      name,
      mix: mixing.preset(this.tree, name, paths),
    }));
  }

  private mixed(): void {
    if (this.original) this.original = false; // whoever mixes wants to hear the mix
    this.sound();
    this.tell("mix", "heard");
  }

  // What is shown

  choose(node: number): void {
    if (this.chosen === node) return;
    this.chosen = node;
    this.tell("chosen");
  }

  collapse(node: number, closed = !this.collapsed.has(node)): void {
    if (this.tree.isLeaf(node)) return;
    if (closed) this.collapsed.add(node);
    else this.collapsed.delete(node);
    this.tell("rows");
  }

  fold(parent: number): void {
    if (!this.unfolded.delete(parent)) this.unfolded.add(parent);
    this.tell("rows");
  }

  /** Show or hide all inactive nodes. */
  foldAll(): void {
    const open = this.unfolded.size > 0;
    this.unfolded.clear();
    if (!open) for (const node of this.tree.nodes.keys()) this.unfolded.add(node);
    this.tell("rows");
  }

  search(query: string): void {
    this.query = query;
    this.tell("rows");
  }

  toggleFit(): void {
    this.fit = !this.fit;
    this.tell("view");
  }

  look(span: Span): void {
    const least = Math.min(this.duration, Math.max(0.05, 64 / this.song.audio.rate));
    const length = Math.min(this.duration, Math.max(least, span.to - span.from));
    const from = Math.max(0, Math.min(span.from, this.duration - length));
    this.view = { from, to: from + length };
    this.tell("view");
  }

  /** Zoom by a factor around a moment. */
  zoom(factor: number, around = this.position): void {
    const { from, to } = this.view;
    const fixed = around >= from && around <= to ? around : (from + to) / 2;
    this.look({ from: fixed - (fixed - from) / factor, to: fixed + (to - fixed) / factor });
  }

  get isZoomed(): boolean {
    return this.view.to - this.view.from < this.duration * 0.999;
  }

  // Taking away

  toHash(position = this.position): string {
    return toHash(this.tree, {
      mix: this.mix,
      position,
      loop: this.loop && { ...this.loop, on: this.looping },
      chosen: this.chosen,
      view: this.isZoomed ? this.view : null,
    });
  }

  restore(hash: string): void {
    const state = fromHash(this.tree, hash, this.duration);
    this.setMix(state.mix);
    this.chosen = state.chosen;
    this.view = state.view ?? { from: 0, to: this.duration };
    this.setLoop(state.loop, state.loop?.on ?? false);
    this.seek(state.position);
    this.tell("mix", "rows", "view", "chosen");
  }

  /** A WAV file of the present mix, or of one node as it is. */
  async render(
    node: number | null,
    progress: (share: number) => void,
    cancelled: () => boolean,
  ): Promise<(Rendered & { name: string }) | null> {
    const leaves = node === null ? null : new Set(this.tree.leavesOf(node));
    const gains = leaves
      ? this.song.leaves.map((_, leaf) => (leaves.has(leaf) ? { left: 1, right: 1 } : { left: 0, right: 0 }))
      : this.gains();
    const panned = gains.some((gain) => gain.left !== gain.right);
    const channels = panned ? 2 : this.song.channels;
    try {
      const rendered = await renderWav(this.chunks, gains, { bits: this.song.bits, channels }, progress, cancelled);
      const of = node === null ? (mixing.isNeutral(this.mix) ? "everything" : "mix") : label(this.tree.nodes[node]);
      return { ...rendered, name: `${this.song.title} - ${of}.wav`.replace(/[\\/:*?"<>|\p{Cc}]/gu, "_") };
    } catch (error) {
      if (!(error instanceof Cancelled)) this.fail(error as Error);
      return null;
    }
  }

  /** What would be heard, computed through the same scheduler and graph. */
  capture(options: {
    from?: number;
    samples: number;
    heard?: Heard;
    loop?: Region | null;
    changes?: { at: number; heard?: Heard; seek?: number }[];
  }): Promise<Float32Array[]> {
    return capture(this.loader, this.sources, {
      from: options.from ?? 0,
      samples: options.samples,
      heard: options.heard ?? this.heard,
      originalGain: this.originalFactor(),
      gains: this.gains(),
      loop: options.loop ?? null,
      changes: options.changes,
    });
  }
}

/** Whether a context's clock gets going. */
function runs(context: AudioContext): Promise<boolean> {
  const start = performance.now();
  const before = context.currentTime;
  return new Promise((resolve) => {
    const look = () => {
      if (context.state === "running" && (context.currentTime > before || before > 0)) resolve(true);
      else if (performance.now() - start > NO_DEVICE_MS) resolve(false);
      else window.setTimeout(look, 10);
    };
    look();
  });
}
