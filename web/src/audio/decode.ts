/** From encoded chunks to samples, exact where the codec is. */

import { type AudioInfo, bytesOf, type LeafInfo } from "../format";

/** A FLAC file of 16 bits with the samples 32767, 1, -1, -32768, at 44.1 kHz. */
const PROBE =
  "ZkxhQwAAACIEgASAAAASAAASCsRA8AAAAARg0Oo9sZEoXjhnzMJDwxC1hAAAKCAAAAByZWZlcmVuY2UgbGliRkxBQyAxLjQuMyAyMDIzMDYyMwAAAAD/+GkIAAMUAn//AAH//4AAXMo=";

let positive: Promise<number> | null = null;

/**
 * What this browser divides positive samples of 16 bits by.
 *
 * Chromium divides negative ones by 32768 and positive ones by 32767, Firefox all by 32768. Other widths are exact in
 * both.
 */
export function positiveScale(probe = PROBE): Promise<number> {
  positive ??= (async () => {
    const decoded = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(bytesOf(probe).buffer);
    return decoded.getChannelData(0)[0] === 1 ? 32767 : 32768;
  })();
  return positive;
}

export class Decoder {
  private readonly context: OfflineAudioContext;

  constructor(private readonly audio: AudioInfo) {
    this.context = new OfflineAudioContext(1, 1, audio.rate);
  }

  /** The samples of one leaf's chunk, with what the codec needs before and after; null where it is silent. */
  async decode(encoded: ArrayBuffer, leaf: LeafInfo): Promise<AudioBuffer | null> {
    if (!encoded.byteLength) return null;
    const buffer = await this.context.decodeAudioData(encoded);
    if (this.audio.codec === "flac" && leaf.bits === 16) correct(buffer, await positiveScale());
    return buffer;
  }
}

/** Undo a division of positive samples by 32767. */
export function correct(buffer: AudioBuffer, scale: number): void {
  if (scale === 32768) return;
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < samples.length; i++) {
      if (samples[i] > 0) samples[i] = Math.round(samples[i] * scale) / 32768;
    }
  }
}
