/** Files of the page, loaded as scripts: a page opened from the file system may load nothing else. */

import { type ReferenceSet, type SetName, type Song, unpacked } from "./format";

interface Receiver {
  song(song: Song): void;
  reference(set: ReferenceSet): void;
  chunk(set: SetName, chunk: number, leaves: string[]): void;
  overview(set: SetName, bands: string): void;
  tile(set: SetName, tile: number, bands: string, peaks: string, levels: string): void;
}

declare global {
  /** The name that the scripts call. */
  var stemtree: Receiver | undefined;
}

export interface Tile {
  /** [node][column][band] */
  bands: Uint8Array;
  /** [node][peak] */
  peaks: Uint8Array;
  /** [node][column] */
  levels: Uint8Array;
}

const FOLDERS: Record<SetName, string> = { estimates: "data", reference: "reference" };

export class MissingFile extends Error {}

/** Loads scripts one by one and hands out what they say. */
export class Loader {
  private readonly received = new Map<string, unknown>();
  private readonly running = new Map<string, Promise<unknown>>();

  constructor() {
    const keep = (key: string) => (value: unknown) => this.received.set(key, value);
    globalThis.stemtree = {
      song: keep("song"),
      reference: keep("reference"),
      chunk: (set, chunk, leaves) => this.received.set(`${set} chunk ${chunk}`, leaves),
      overview: (set, bands) => this.received.set(`${set} overview`, bands),
      tile: (set, tile, bands, peaks, levels) => this.received.set(`${set} tile ${tile}`, [bands, peaks, levels]),
    };
  }

  song(): Promise<Song> {
    return this.take("song", "data/song.js");
  }

  reference(): Promise<ReferenceSet> {
    return this.take("reference", "reference/song.js");
  }

  /** Encoded audio of every leaf in base 64; empty where it is silent. */
  chunk(set: SetName, chunk: number): Promise<string[]> {
    return this.take(`${set} chunk ${chunk}`, `${FOLDERS[set]}/audio/${chunk}.js`);
  }

  async overview(set: SetName): Promise<Uint8Array> {
    return unpacked(await this.take<string>(`${set} overview`, `${FOLDERS[set]}/overview.js`));
  }

  async tile(set: SetName, tile: number): Promise<Tile> {
    const packed = await this.take<string[]>(`${set} tile ${tile}`, `${FOLDERS[set]}/tiles/${tile}.js`);
    const [bands, peaks, levels] = await Promise.all(packed.map(unpacked));
    return { bands, peaks, levels };
  }

  /** Load a script and return what it said under a key; nothing of it is kept here. */
  private take<Value>(key: string, file: string): Promise<Value> {
    const running = this.running.get(key);
    if (running) return running as Promise<Value>;
    const promise = new Promise<Value>((resolve, reject) => {
      const script = document.createElement("script");
      const done = () => {
        script.remove();
        this.running.delete(key);
        const value = this.received.get(key) as Value | undefined;
        this.received.delete(key);
        if (value === undefined)
          reject(new MissingFile(`The page's file ${file} is missing or damaged: make the page again.`));
        else resolve(value);
      };
      script.onload = done;
      script.onerror = done;
      script.src = file;
      document.head.append(script);
    });
    this.running.set(key, promise);
    return promise;
  }
}
