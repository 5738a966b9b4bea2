/**
 * Which chunk sounds when: the only place that knows how song time and the audio clock belong together.
 *
 * All leaves of a chunk start at one sample of one clock, so they cannot drift. Time is counted in whole samples: a
 * piece starts at sample `at` of the clock and plays `length` samples of the song from sample `from` on. The next piece
 * starts where it ends, whether or not timers were late; only where a chunk is not decoded in time does the song wait.
 */

export interface Piece {
  at: number;
  from: number;
  length: number;
}

export interface Region {
  from: number;
  to: number;
}

/** Where decoded chunks come from. */
export interface Feed {
  /** Have these chunks decoded, the first first, and forget all others. */
  want(chunks: readonly number[]): void;
  has(chunk: number): boolean;
}

/** Where sound goes. */
export interface Output {
  /** Samples of the clock that have passed. */
  now(): number;
  /** Let a part of a chunk sound from a sample of the clock on. */
  play(chunk: number, offset: number, length: number, at: number): void;
  /** Silence everything that was given to `play`. */
  silence(): void;
}

export interface Lengths {
  samples: number;
  chunk: number;
  /** Samples from a start to the first sound. */
  latency: number;
  /** Samples that are handed to the output ahead of the clock. */
  ahead: number;
}

/** Chunks that are decoded beyond the one that sounds. */
export const DECODED_AHEAD = 2;

const KEPT = 64;

export class Scheduler {
  private pieces: Piece[] = [];
  private nextAt = 0;
  private nextFrom = 0;
  private loop: Region | null = null;
  private resting = 0;
  private running = false;
  private waiting = false;

  constructor(
    private readonly lengths: Lengths,
    private readonly feed: Feed,
    private readonly output: Output,
  ) {}

  get isPlaying(): boolean {
    return this.running;
  }

  /** Whether the song stands still because a chunk is not decoded yet. */
  get isWaiting(): boolean {
    return this.running && this.waiting;
  }

  /** Sample of the song that sounds now, or where it would go on. */
  position(): number {
    if (!this.running) return this.resting;
    const now = this.output.now();
    let current: Piece | undefined;
    for (const piece of this.pieces) if (!current || piece.at <= now) current = piece;
    if (!current) return this.nextFrom;
    return current.from + Math.min(current.length, Math.max(0, Math.floor(now - current.at)));
  }

  /** Start at the present position. */
  play(): void {
    if (this.running) return;
    if (this.resting >= this.lengths.samples) this.resting = 0;
    this.running = true;
    this.begin(this.resting);
  }

  pause(): void {
    if (!this.running) return;
    this.resting = Math.min(this.position(), this.lengths.samples);
    this.stop();
  }

  seek(sample: number): void {
    const to = Math.max(0, Math.min(this.lengths.samples - 1, Math.round(sample)));
    this.resting = to;
    if (this.running) {
      this.output.silence();
      this.begin(to);
    } else {
      this.feed.want(this.needed(to).slice(0, 1));
    }
  }

  /** Repeat a region, or nothing. What sounds already goes on where it is consistent with that. */
  repeat(region: Region | null): void {
    const valid = region && region.to > region.from ? region : null;
    this.loop = valid && { from: Math.round(valid.from), to: Math.round(valid.to) };
    if (!this.running) return;
    const position = this.position();
    const now = this.output.now();
    const beyond = (piece: Piece) => valid && position < valid.to && piece.from + piece.length > valid.to;
    const back = (piece: Piece, i: number) => piece.at > now && i > 0 && piece.from < this.pieces[i - 1].from;
    const stale = this.pieces.some((piece, i) => (piece.at + piece.length > now && beyond(piece)) || back(piece, i));
    if (stale) {
      this.seek(position);
      return;
    }
    const last = this.pieces.at(-1);
    if (last) this.nextFrom = this.after(last.from + last.length);
    this.pump();
  }

  /** Hand on what is due; call it several times a second, and whenever a chunk is decoded. */
  pump(): void {
    if (!this.running) return;
    const now = this.output.now();
    this.feed.want(this.needed(this.position()));
    if (this.nextFrom >= this.lengths.samples) {
      if (now >= this.nextAt) {
        this.stop();
        this.resting = this.lengths.samples;
      }
      return;
    }
    while (this.nextAt < now + this.lengths.ahead && this.nextFrom < this.lengths.samples) {
      const chunk = Math.floor(this.nextFrom / this.lengths.chunk);
      if (!this.feed.has(chunk)) {
        this.waiting = this.nextAt <= now;
        return;
      }
      if (this.nextAt < now) this.nextAt = Math.ceil(now) + this.lengths.latency; // it came too late: the song waited
      this.waiting = false;
      const offset = this.nextFrom - chunk * this.lengths.chunk;
      const stop = Math.min((chunk + 1) * this.lengths.chunk, this.end(this.nextFrom));
      const piece = { at: this.nextAt, from: this.nextFrom, length: stop - this.nextFrom };
      this.output.play(chunk, offset, piece.length, piece.at);
      this.pieces.push(piece);
      if (this.pieces.length > KEPT) this.pieces.splice(0, this.pieces.length - KEPT);
      this.nextAt += piece.length;
      this.nextFrom = this.after(stop);
    }
  }

  /** The chunks that are played next, in order, from a sample of the song on. */
  needed(from: number): number[] {
    const chunks: number[] = [];
    let at = Math.min(from, this.lengths.samples - 1);
    for (let step = 0; step <= DECODED_AHEAD + 2 && at < this.lengths.samples; step++) {
      const chunk = Math.floor(at / this.lengths.chunk);
      if (!chunks.includes(chunk)) chunks.push(chunk);
      if (chunks.length > DECODED_AHEAD) break;
      const stop = Math.min((chunk + 1) * this.lengths.chunk, this.end(at));
      at = this.after(stop);
    }
    return chunks;
  }

  /** What follows on a piece that ends at a sample. */
  private after(stop: number): number {
    return this.loop && stop === this.loop.to ? this.loop.from : stop;
  }

  /** Where playing from a sample on stops or turns back. */
  private end(from: number): number {
    return this.loop && from < this.loop.to ? this.loop.to : this.lengths.samples;
  }

  private begin(from: number): void {
    this.pieces = [];
    this.nextFrom = from;
    this.nextAt = Math.ceil(this.output.now()) + this.lengths.latency;
    this.waiting = false;
    this.feed.want(this.needed(from));
    this.pump();
  }

  private stop(): void {
    this.running = false;
    this.waiting = false;
    this.pieces = [];
    this.output.silence();
  }
}
