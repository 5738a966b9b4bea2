/** Decoded chunks: the few that play next, of every leaf, and nothing else. */

import type { AudioInfo, LeafInfo, SetName } from "../format";
import type { Loader } from "../loader";
import { Decoder } from "./decode";
import type { Feed } from "./scheduler";

/** Of one set of leaves; null where a leaf is silent. */
export type Buffers = (AudioBuffer | null)[];

/** Of every set that is heard. */
export type Chunk = Map<SetName, Buffers>;

export interface Source {
  set: SetName;
  audio: AudioInfo;
  leaves: LeafInfo[];
}

/** Leaves that are decoded side by side. */
const AT_ONCE = 4;

export class Chunks implements Feed {
  private readonly held = new Map<number, Chunk>();
  private readonly coming = new Map<number, Promise<void>>();
  private wanted: readonly number[] = [];
  private readonly decoders: Map<SetName, Decoder>;

  /**
   * @param ready Called whenever a chunk is decoded.
   * @param failed Called with what went wrong.
   */
  constructor(
    private readonly loader: Loader,
    readonly sources: readonly Source[],
    private readonly ready: () => void,
    private readonly failed: (error: Error) => void,
  ) {
    this.decoders = new Map(sources.map((source) => [source.set, new Decoder(source.audio)]));
  }

  has(chunk: number): boolean {
    return this.held.has(chunk);
  }

  get(chunk: number): Chunk | undefined {
    return this.held.get(chunk);
  }

  /** Chunks that are decoded now. */
  get count(): number {
    return this.held.size;
  }

  want(chunks: readonly number[]): void {
    this.wanted = chunks;
    for (const chunk of this.held.keys()) if (!chunks.includes(chunk)) this.held.delete(chunk);
    this.fetchNext();
  }

  /** Decode one chunk of one set without keeping it. */
  async read(set: SetName, chunk: number, leaves?: ReadonlySet<number>): Promise<Buffers> {
    const source = this.sources.find((known) => known.set === set)!;
    const encoded = await this.loader.chunk(set, chunk);
    const decoder = this.decoders.get(set)!;
    const buffers: Buffers = source.leaves.map(() => null);
    let next = 0;
    const work = async () => {
      while (next < source.leaves.length) {
        const leaf = next++;
        if (!leaves || leaves.has(leaf)) buffers[leaf] = await decoder.decode(encoded[leaf], source.leaves[leaf]);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return buffers;
  }

  /** Resolves when no chunk is being decoded. */
  async settled(): Promise<void> {
    while (this.coming.size) await Promise.all(this.coming.values());
  }

  /** One at a time, so that the one that is needed first is there first. */
  private fetchNext(): void {
    if (this.coming.size) return;
    const chunk = this.wanted.find((wanted) => !this.held.has(wanted));
    if (chunk === undefined) return;
    const work = (async () => {
      const found: Chunk = new Map();
      for (const source of this.sources) found.set(source.set, await this.read(source.set, chunk));
      if (this.wanted.includes(chunk)) this.held.set(chunk, found);
    })();
    this.coming.set(
      chunk,
      work.then(
        () => {
          this.coming.delete(chunk);
          this.ready();
          this.fetchNext();
        },
        (error: unknown) => {
          this.coming.delete(chunk);
          this.wanted = this.wanted.filter((wanted) => wanted !== chunk);
          this.failed(error instanceof Error ? error : new Error(String(error)));
        },
      ),
    );
  }
}
