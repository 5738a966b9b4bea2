/** How loud a mix is, from the products of the K-weighted leaves that were computed when the page was made. */

import { bytesOf } from "./format";
import type { Gains } from "./mix";

const ABSOLUTE_GATE = 1e-8; // far below -70 LUFS in these units; keeps silence out
const RELATIVE_GATE = 0.1; // -10 LU

export class Loudness {
  private readonly products: Float32Array;
  private readonly perChannel: number;
  private readonly chunks: number;

  constructor(
    base64: string,
    private readonly channels: number,
    private readonly leaves: number,
  ) {
    this.products = new Float32Array(bytesOf(base64).buffer);
    this.perChannel = (leaves * (leaves + 1)) / 2;
    this.chunks = this.products.length / (this.perChannel * channels);
  }

  /** Mean energy of a mix over the chunks that pass the gates of ITU-R BS.1770-4, with chunks in place of blocks. */
  energy(gains: readonly Gains[]): number {
    const energies = Array.from({ length: this.chunks }, (_, chunk) => this.ofChunk(chunk, gains));
    const heard = energies.filter((energy) => energy > ABSOLUTE_GATE);
    const threshold = mean(heard) * RELATIVE_GATE;
    return mean(heard.filter((energy) => energy > threshold));
  }

  private ofChunk(chunk: number, gains: readonly Gains[]): number {
    let total = 0;
    for (let side = 0; side < 2; side++) {
      const channel = Math.min(side, this.channels - 1);
      let at = (chunk * this.channels + channel) * this.perChannel;
      for (let row = 0; row < this.leaves; row++) {
        const own = side ? gains[row].right : gains[row].left;
        for (let column = 0; column <= row; column++) {
          const other = side ? gains[column].right : gains[column].left;
          total += own * other * this.products[at++] * (row === column ? 1 : 2);
        }
      }
    }
    return Math.max(0, total);
  }
}

/** What the original is multiplied by to be as loud as the mix; 1 where one of them is silent. */
export function matchingGain(loudness: Loudness, mix: readonly Gains[], original: readonly Gains[]): number {
  const wanted = loudness.energy(mix);
  const had = loudness.energy(original);
  return wanted > 0 && had > 0 ? Math.sqrt(wanted / had) : 1;
}

function mean(values: readonly number[]): number {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0;
}
