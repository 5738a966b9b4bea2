/** A mix as samples, computed from the leaves without the audio clock: what is exported. */

import type { Gains } from "../mix";
import { type Bits, fitsWav, wavBody, wavHeader } from "../wav";
import type { Chunks } from "./chunks";

export interface Rendered {
  blob: Blob;
  /** Values that were held at full scale. */
  clipped: number;
}

export class Cancelled extends Error {}

/**
 * Add up the leaves of the estimates and make a WAV file of them.
 *
 * Sums are made in double precision. Integer leaves at their own gain add up to the input's integers exactly.
 */
export async function renderWav(
  chunks: Chunks,
  gains: readonly Gains[],
  format: { bits: Bits; channels: number },
  progress: (share: number) => void,
  cancelled: () => boolean,
): Promise<Rendered> {
  const { audio, leaves } = chunks.sources[0];
  if (!fitsWav(format.channels, format.bits, audio.samples)) {
    throw new RangeError("This mix is longer than the 4 GB that a WAV file can hold: separate with --format flac.");
  }
  const heard = new Set(gains.flatMap((gain, leaf) => (gain.left || gain.right ? [leaf] : [])));
  let blob = new Blob([wavHeader(audio.rate, format.channels, format.bits, audio.samples)]);
  let clipped = 0;
  for (let chunk = 0; chunk < audio.chunks; chunk++) {
    if (cancelled()) throw new Cancelled();
    const length = Math.min(audio.chunk, audio.samples - chunk * audio.chunk);
    const sums = Array.from({ length: format.channels }, () => new Float64Array(length));
    const buffers = await chunks.read("estimates", chunk, heard);
    buffers.forEach((buffer, leaf) => {
      if (!buffer) return;
      sums.forEach((sum, side) => {
        const samples = buffer.getChannelData(Math.min(side, buffer.numberOfChannels - 1));
        const gain = (side ? gains[leaf].right : gains[leaf].left) * leaves[leaf].gain;
        for (let i = 0; i < length; i++) sum[i] += gain * samples[i + audio.lead];
      });
    });
    const body = wavBody(sums, format.bits);
    clipped += body.clipped;
    blob = new Blob([blob, body.bytes]);
    progress((chunk + 1) / audio.chunks);
  }
  return { blob: new Blob([blob], { type: "audio/wav" }), clipped };
}
