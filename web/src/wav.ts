/** WAV files, made in pieces. */

export type Bits = 16 | 24 | 32;

/** Header of a WAV file; 32 bits are floating point. */
export function wavHeader(rate: number, channels: number, bits: Bits, samples: number): ArrayBuffer {
  const bytes = (bits / 8) * channels * samples;
  const view = new DataView(new ArrayBuffer(44));
  const text = (at: number, value: string) => {
    for (let i = 0; i < value.length; i++) view.setUint8(at + i, value.charCodeAt(i));
  };
  text(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, bits === 32 ? 3 : 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, (rate * channels * bits) / 8, true);
  view.setUint16(32, (channels * bits) / 8, true);
  view.setUint16(34, bits, true);
  text(36, "data");
  view.setUint32(40, bytes, true);
  return view.buffer as ArrayBuffer;
}

/** What a WAV file can hold: its sizes are 32-bit numbers. */
export function fitsWav(channels: number, bits: Bits, samples: number): boolean {
  return 36 + (bits / 8) * channels * samples < 2 ** 32;
}

/** Interleave and round; returns the bytes and how many values were held at full scale. */
export function wavBody(channels: readonly Float64Array[], bits: Bits): { bytes: ArrayBuffer; clipped: number } {
  const length = channels[0].length;
  const count = channels.length;
  if (bits === 32) {
    const out = new Float32Array(length * count);
    channels.forEach((channel, c) => {
      for (let i = 0; i < length; i++) out[i * count + c] = channel[i];
    });
    return { bytes: out.buffer, clipped: 0 };
  }
  const scale = 2 ** (bits - 1);
  let clipped = 0;
  const step = (value: number) => {
    const rounded = Math.round(value * scale);
    if (rounded > scale - 1 || rounded < -scale) clipped++;
    return Math.max(-scale, Math.min(scale - 1, rounded));
  };
  if (bits === 16) {
    const out = new Int16Array(length * count);
    channels.forEach((channel, c) => {
      for (let i = 0; i < length; i++) out[i * count + c] = step(channel[i]);
    });
    return { bytes: out.buffer, clipped };
  }
  const out = new Uint8Array(length * count * 3);
  channels.forEach((channel, c) => {
    for (let i = 0, at = 3 * c; i < length; i++, at += 3 * count) {
      const value = step(channel[i]);
      out[at] = value & 255;
      out[at + 1] = (value >> 8) & 255;
      out[at + 2] = (value >> 16) & 255;
    }
  });
  return { bytes: out.buffer, clipped };
}
