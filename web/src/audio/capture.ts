/** What would be heard, as samples: the same scheduler and the same graph on a clock that runs as fast as it can. */

import type { Loader } from "../loader";
import type { Gains } from "../mix";
import { Chunks, type Source } from "./chunks";
import { Engine, type Heard } from "./engine";
import { type Region, Scheduler } from "./scheduler";

export interface Capture {
  from: number;
  samples: number;
  heard: Heard;
  originalGain: number;
  gains: readonly Gains[];
  loop: Region | null;
  /** Changes while it plays: after so many samples. */
  changes?: { at: number; heard?: Heard; gains?: readonly Gains[]; seek?: number }[];
}

/** Samples between looks at the clock; a multiple of the 128 in which it advances. */
const STEP = 128 * 64;

export async function capture(loader: Loader, sources: readonly Source[], wanted: Capture): Promise<Float32Array[]> {
  const { audio } = sources[0];
  const context = new OfflineAudioContext(2, wanted.samples, audio.rate);
  let failure: Error | null = null;
  const chunks = new Chunks(
    loader,
    sources,
    () => {},
    (error) => {
      failure = error;
    },
  );
  const leads = Object.fromEntries(sources.map((source) => [source.set, source.audio.lead]));
  const engine = new Engine(context, chunks, leads);
  engine.mix(wanted.gains, true);
  engine.listen(wanted.heard, wanted.originalGain, true);
  const lengths = { samples: audio.samples, chunk: audio.chunk, latency: 0, ahead: 2 * STEP };
  const scheduler = new Scheduler(lengths, chunks, engine);
  scheduler.repeat(wanted.loop);
  scheduler.seek(wanted.from);
  await chunks.settled();
  scheduler.play();
  const changes = [...(wanted.changes ?? [])];
  const step = async () => {
    while (changes.length && changes[0].at <= engine.now()) {
      const change = changes.shift()!;
      if (change.gains) engine.mix(change.gains);
      if (change.heard) engine.listen(change.heard, wanted.originalGain);
      if (change.seek !== undefined) scheduler.seek(change.seek);
    }
    scheduler.pump();
    await chunks.settled();
    scheduler.pump();
    if (failure) throw failure;
  };
  for (let at = STEP; at < wanted.samples; at += STEP) {
    void context.suspend(at / audio.rate).then(async () => {
      try {
        await step();
      } catch (error) {
        failure = error as Error;
      }
      void context.resume();
    });
  }
  const rendered = await context.startRendering();
  if (failure) throw failure;
  return [rendered.getChannelData(0), rendered.getChannelData(1)];
}
