/** What the page's files say: `song.js`, the overview, tiles and chunks. Python writes them (`stemtree/page/`). */

export interface NodeInfo {
  path: string;
  name: string;
  parent: number | null;
  children: number[];
  /** First leaf and the one after the last, as indices into `leaves`. */
  leaves: [number, number];
  level: number | null;
  share: number | null;
  active: boolean;
  rms: number | null;
  peak: number | null;
  family: string;
  /** On a light and on a dark ground. */
  colour: [string, string];
}

export interface LeafInfo {
  node: number;
  bits: number;
  /** What full scale of the decoded samples stands for: a power of two. */
  gain: number;
}

export interface AudioInfo {
  codec: "flac" | "opus";
  rate: number;
  samples: number;
  /** Samples in a chunk; the last has what is left. */
  chunk: number;
  chunks: number;
  /** Samples before and after the chunk proper in what is decoded. */
  lead: number;
}

export interface GridInfo {
  rate: number;
  peak: number;
  column: number;
  columns: number;
  bands: number;
  floor: number;
  highest: number;
  /** Columns in a tile. */
  tile: number;
  tiles: number;
}

export interface DataSet {
  leaves: LeafInfo[];
  audio: AudioInfo;
  grid: GridInfo;
  overview: { peaksEach: number; columnsEach: number; peaks: string; levels: string };
  loudness: string;
}

export interface Song extends DataSet {
  format: number;
  title: string;
  input: string;
  hierarchy: string;
  channels: number;
  rate: number;
  samples: number;
  subtype: string;
  bits: 16 | 24 | 32;
  exact: boolean;
  covers: boolean;
  notes: string[];
  nodes: NodeInfo[];
  presets: Record<string, string[]>;
}

export interface ReferenceSet extends DataSet {
  name: "reference";
  known: boolean[];
  scored: number;
  scores: (number | null)[][];
}

export type SetName = "estimates" | "reference";

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export async function inflated(deflated: ArrayBuffer): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Amplitudes that bytes stand for; 0 is silence. */
export function amplitudes(floor: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, byte) => (byte ? 10 ** ((floor * (1 - byte / 255)) / 20) : 0));
}

export function decibels(amplitude: number): number {
  return amplitude > 0 ? 20 * Math.log10(amplitude) : Number.NEGATIVE_INFINITY;
}

export function amplitude(db: number): number {
  return 10 ** (db / 20);
}
