import { describe, expect, it } from "vitest";
import type { DataSet } from "../src/format";
import type { Loader, Tile } from "../src/loader";
import { Pictures } from "../src/pictures";

const BANDS = 2;
const COLUMNS = 4;
const TILES = 10;

/** A song of ten tiles, of 4 s each, in which every byte of a spectrogram is its tile's number. */
function pictures(): Pictures {
  const grid = {
    rate: 100,
    peak: 10,
    column: 100,
    columns: COLUMNS * TILES,
    bands: BANDS,
    floor: -96,
    highest: 50,
    tile: COLUMNS,
    tiles: TILES,
  };
  const overview = { peaksEach: 8, columnsEach: 8, peaks: "", levels: "" };
  const audio = { codec: "flac", rate: 100, samples: 4000, chunk: 400, chunks: 10, lead: 0 };
  const set = { leaves: [], audio, grid, overview, loudness: "" } as DataSet;
  const tile = async (_: string, number: number): Promise<Tile> => ({
    bands: new Uint8Array(COLUMNS * BANDS).fill(number),
    peaks: new Uint8Array(),
    levels: new Uint8Array(),
  });
  return new Pictures({ tile } as unknown as Loader, "estimates", set, 1, () => {});
}

describe("the spectrogram of a stretch", () => {
  it("may need more tiles than are kept", async () => {
    const found = await pictures().bands(0, { from: 0, to: 40 }, 1000);
    expect(found.columns).toBe(COLUMNS * TILES);
    expect(found.span).toEqual({ from: 0, to: 40 });
    expect([...new Set(found.bytes)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("begins and ends with the columns that it touches", async () => {
    const found = await pictures().bands(0, { from: 6.5, to: 9.5 }, 1000);
    expect(found.span).toEqual({ from: 6, to: 10 });
    expect([...found.bytes]).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
  });
});
