/**
 * Files of the page. What it needs at once comes as scripts; everything else as packets: documents in hidden frames that
 * hand over their content (see `packet.js`). A page opened from the file system may load nothing otherwise.
 */

import { inflated, type ReferenceSet, type SetName, type Song } from "./format";

declare global {
  /** The name that the scripts call. */
  var stemtree: { song(song: Song): void; reference(set: ReferenceSet): void } | undefined;
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

/** Milliseconds after its frame has loaded in which a packet must have come. */
const PATIENCE = 700;

export class MissingFile extends Error {
  constructor(file: string) {
    super(`The page's file ${file} is missing or damaged: make the page again.`);
  }
}

export class Loader {
  private readonly said = new Map<string, unknown>();

  constructor() {
    globalThis.stemtree = {
      song: (song) => this.said.set("song", song),
      reference: (set) => this.said.set("reference", set),
    };
  }

  song(): Promise<Song> {
    return this.script("song", "data/song.js");
  }

  reference(): Promise<ReferenceSet> {
    return this.script("reference", "reference/song.js");
  }

  /** Encoded audio of every leaf; empty where it is silent. */
  chunk(set: SetName, chunk: number): Promise<ArrayBuffer[]> {
    return packet(`${FOLDERS[set]}/audio/${chunk}.html`);
  }

  async overview(set: SetName): Promise<Uint8Array> {
    const [bands] = await packet(`${FOLDERS[set]}/overview.html`);
    return inflated(bands);
  }

  async tile(set: SetName, tile: number): Promise<Tile> {
    const packed = await packet(`${FOLDERS[set]}/tiles/${tile}.html`);
    const [bands, peaks, levels] = await Promise.all(packed.map(inflated));
    return { bands, peaks, levels };
  }

  private script<Value>(key: string, file: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const done = () => {
        script.remove();
        const value = this.said.get(key) as Value | undefined;
        this.said.delete(key);
        if (value === undefined) reject(new MissingFile(file));
        else resolve(value);
      };
      script.onload = done;
      script.onerror = done;
      script.src = file;
      document.head.append(script);
    });
  }
}

/** Open a packet in a hidden frame, take what it hands over, and forget the frame. */
function packet(file: string): Promise<ArrayBuffer[]> {
  return new Promise((resolve, reject) => {
    const frame = document.createElement("iframe");
    let timer = 0;
    const end = () => {
      window.clearTimeout(timer);
      window.removeEventListener("message", receive);
      frame.remove();
    };
    const receive = (event: MessageEvent) => {
      if (event.source !== frame.contentWindow) return;
      end();
      resolve(event.data as ArrayBuffer[]);
    };
    window.addEventListener("message", receive);
    frame.onload = () => {
      // also where there is no such file: then nothing comes
      timer = window.setTimeout(() => {
        end();
        reject(new MissingFile(file));
      }, PATIENCE);
    };
    frame.hidden = true;
    frame.title = "data";
    frame.src = file;
    document.body.append(frame);
  });
}
