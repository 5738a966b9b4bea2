/** Peaks, levels and spectrograms for a stretch of time, from the overview or, where that is too coarse, from tiles. */

import { amplitudes, bytesOf, type DataSet, inflated, type SetName } from "./format";
import type { Loader, Tile } from "./loader";

export interface Span {
  from: number;
  to: number;
}

/** What a row's waveform is drawn from: amplitudes for equal steps of time. */
export interface Outline {
  peaks: Float32Array;
  levels: Float32Array;
}

/** Bytes of a spectrogram, [column][band], and the time that they cover. */
export interface Bands {
  bytes: Uint8Array;
  columns: number;
  span: Span;
}

const TILES_KEPT = 6;

export class Pictures {
  readonly amplitudes: Float32Array;
  private peaks = new Uint8Array();
  private levels = new Uint8Array();
  private overviewBands: Promise<Uint8Array> | null = null;
  private readonly tiles = new Map<number, Tile>();
  private readonly coming = new Map<number, Promise<Tile>>();

  /** @param changed Called when a tile has come. */
  constructor(
    private readonly loader: Loader,
    private readonly name: SetName,
    private readonly set: DataSet,
    private readonly nodes: number,
    private readonly changed: () => void,
  ) {
    this.amplitudes = amplitudes(set.grid.floor);
  }

  async load(): Promise<void> {
    [this.peaks, this.levels] = await Promise.all([
      inflated(bytesOf(this.set.overview.peaks).buffer),
      inflated(bytesOf(this.set.overview.levels).buffer),
    ]);
  }

  get duration(): number {
    return this.set.audio.samples / this.set.audio.rate;
  }

  /** Largest peak of a node. */
  loudest(node: number): number {
    const count = this.peaks.length / this.nodes;
    let most = 0;
    for (let i = node * count; i < (node + 1) * count; i++) most = Math.max(most, this.peaks[i]);
    return this.amplitudes[most];
  }

  /** The outline of a node in so many steps. */
  outline(node: number, span: Span, steps: number): Outline {
    const { grid, overview } = this.set;
    const step = (span.to - span.from) / steps;
    const fine = step < (0.75 * overview.peaksEach * grid.peak) / grid.rate && this.cover(span);
    const peaks = new Float32Array(steps);
    const levels = new Float32Array(steps);
    const [peakTime, columnTime] = [grid.peak / grid.rate, grid.column / grid.rate];
    const byPeak = fine ? peakTime : peakTime * overview.peaksEach;
    const byColumn = fine ? columnTime : columnTime * overview.columnsEach;
    for (let i = 0; i < steps; i++) {
      const from = span.from + i * step;
      peaks[i] = this.amplitudes[this.most("peaks", node, from / byPeak, (from + step) / byPeak, fine)];
      const level =
        step < byColumn
          ? this.between(node, (from + step / 2) / byColumn - 0.5, fine)
          : this.amplitudes[this.most("levels", node, from / byColumn, (from + step) / byColumn, fine)];
      levels[i] = Math.min(level, peaks[i]);
    }
    return { peaks, levels };
  }

  /** A level between the middles of two columns. */
  private between(node: number, place: number, fine: boolean): number {
    const first = Math.max(0, Math.floor(place));
    const share = Math.min(1, Math.max(0, place - first));
    const [a, b] = [first, first + 1].map((at) => this.amplitudes[this.most("levels", node, at, at + 1, fine)]);
    return a + (b - a) * share;
  }

  /** The spectrogram of a node over at least a stretch of time, in about as many columns as there are pixels. */
  async bands(node: number, span: Span, pixels: number): Promise<Bands> {
    const { grid, overview } = this.set;
    const columnTime = grid.column / grid.rate;
    const coarse = columnTime * overview.columnsEach;
    if ((span.to - span.from) / coarse >= pixels / 4 || overview.columnsEach === 1) {
      this.overviewBands ??= this.loader.overview(this.name);
      const all = await this.overviewBands;
      const count = all.length / this.nodes / grid.bands;
      return cut(
        all.subarray(node * count * grid.bands, (node + 1) * count * grid.bands),
        count,
        coarse,
        span,
        grid.bands,
      );
    }
    const [first, last] = this.tilesOf(span);
    const tiles = await Promise.all(Array.from({ length: last - first + 1 }, (_, i) => this.tile(first + i)));
    const parts = tiles.map((tile) => {
      const size = tile.bands.length / this.nodes;
      return tile.bands.subarray(node * size, (node + 1) * size);
    });
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => {
      bytes.set(part, at);
      return at + part.length;
    }, 0);
    const offset = first * grid.tile * columnTime;
    const shifted = { from: span.from - offset, to: span.to - offset };
    const found = cut(bytes, bytes.length / grid.bands, columnTime, shifted, grid.bands);
    return { ...found, span: { from: found.span.from + offset, to: found.span.to + offset } };
  }

  private most(kind: "peaks" | "levels", node: number, from: number, to: number, fine: boolean): number {
    const { grid } = this.set;
    const perTile = fine ? grid.tile * (kind === "peaks" ? grid.column / grid.peak : 1) : 0;
    const overview = kind === "peaks" ? this.peaks : this.levels;
    const count = fine ? Number.POSITIVE_INFINITY : overview.length / this.nodes;
    const first = Math.floor(from);
    const last = Math.min(count - 1, Math.max(first, Math.ceil(to) - 1));
    let most = 0;
    for (let i = first; i <= last; i++) {
      let value: number;
      if (fine) {
        const tile = this.tiles.get(Math.floor(i / perTile))?.[kind];
        const size = tile ? tile.length / this.nodes : 0;
        const at = i % perTile;
        value = tile && at < size ? tile[node * size + at] : 0;
      } else {
        value = overview[node * count + i];
      }
      if (value > most) most = value;
    }
    return most;
  }

  private tilesOf(span: Span): [number, number] {
    const { grid } = this.set;
    const seconds = (grid.tile * grid.column) / grid.rate;
    const within = (tile: number) => Math.min(grid.tiles - 1, Math.max(0, tile));
    return [within(Math.floor(span.from / seconds)), within(Math.ceil(span.to / seconds) - 1)];
  }

  /** Whether all tiles of a stretch are here; those that are not are fetched. */
  private cover(span: Span): boolean {
    const [first, last] = this.tilesOf(span);
    if (last - first + 1 > TILES_KEPT - 1) return false;
    let all = true;
    for (let tile = first; tile <= last; tile++) {
      if (this.tiles.has(tile)) continue;
      all = false;
      void this.tile(tile).then(this.changed, () => {});
    }
    return all;
  }

  /** A tile, which may be gone from those that are kept when all of a stretch have come. */
  private tile(number: number): Promise<Tile> {
    const held = this.tiles.get(number);
    if (held) {
      this.tiles.delete(number); // the last that was used is the last in the map
      this.tiles.set(number, held);
      return Promise.resolve(held);
    }
    let coming = this.coming.get(number);
    if (!coming) {
      coming = this.loader
        .tile(this.name, number)
        .then((tile) => {
          this.tiles.set(number, tile);
          while (this.tiles.size > TILES_KEPT) this.tiles.delete(this.tiles.keys().next().value!);
          return tile;
        })
        .finally(() => this.coming.delete(number));
      this.coming.set(number, coming);
    }
    return coming;
  }
}

/** The columns that touch a stretch of time. */
function cut(bytes: Uint8Array, count: number, seconds: number, span: Span, bands: number): Bands {
  const first = Math.min(count - 1, Math.max(0, Math.floor(span.from / seconds)));
  const last = Math.min(count, Math.max(first + 1, Math.ceil(span.to / seconds)));
  return {
    bytes: bytes.subarray(first * bands, last * bands),
    columns: last - first,
    span: { from: first * seconds, to: last * seconds },
  };
}

/** Bytes of a parent, in steps of 3/8 dB, from which on a mask is drawn, and from which on it is drawn in full. */
const FAINT = 24;
const CLEAR = 64;

/**
 * Part of a node in its parent in every bin, 0 to 255: the square root of the ratio of their powers.
 *
 * Where the parent is as good as silent, and its parts mean nothing, the mask fades away.
 */
export function maskOf(node: Uint8Array, parent: Uint8Array, amplitude: Float32Array): Uint8Array {
  const mask = new Uint8Array(Math.min(node.length, parent.length));
  for (let i = 0; i < mask.length; i++) {
    if (parent[i] <= FAINT) continue;
    const clear = Math.min(1, (parent[i] - FAINT) / (CLEAR - FAINT));
    mask[i] = clear * Math.min(255, (255 * amplitude[node[i]]) / amplitude[parent[i]]);
  }
  return mask;
}

export type Ramp = Uint8ClampedArray;

/** 256 colours between stops, RGBA. */
export function colourRamp(stops: readonly string[]): Ramp {
  const ramp = new Uint8ClampedArray(256 * 4);
  const rgb = stops.map((hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (rgb.length - 1);
    const low = Math.min(rgb.length - 2, Math.floor(place));
    for (let c = 0; c < 3; c++) ramp[4 * i + c] = rgb[low][c] + (rgb[low + 1][c] - rgb[low][c]) * (place - low);
    ramp[4 * i + 3] = 255;
  }
  return ramp;
}

/** Paint bytes, [column][band], lowest band at the bottom. */
export function paint(bytes: Uint8Array, columns: number, bands: number, ramp: Ramp, gain = 1, offset = 0): ImageData {
  const image = new ImageData(columns, bands);
  for (let column = 0; column < columns; column++) {
    for (let band = 0; band < bands; band++) {
      const value = Math.max(0, Math.min(255, Math.round(gain * bytes[column * bands + band] + offset)));
      const at = 4 * ((bands - 1 - band) * columns + column);
      image.data.set(ramp.subarray(4 * value, 4 * value + 4), at);
    }
  }
  return image;
}

/** Height of a frequency in a spectrogram, 0 at the bottom to 1: the mel scale. */
export function height(hertz: number, highest: number): number {
  const mel = (f: number) => Math.log10(1 + f / 700);
  return mel(hertz) / mel(highest);
}
