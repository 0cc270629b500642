/**
 * Cooperative scheduling of long work. All long work of the process together runs for at most
 * `SLICE_MS`, then yields for some rounds of the event loop, however many requests take part. A
 * server that is busy for seconds answers nobody, and mistakes its own delay for a dead Redis.
 *
 * Work that has not yielded yet goes before work that has, because the latter is long: a short page
 * does not wait behind a hundred long ones. Every fourth slice goes to long work, so that it ends.
 */
import { SLICE_MS } from './bounds.ts';

const waiting = { short: [] as (() => void)[], long: [] as (() => void)[] };
let slices = 0;
/** When the present slice ends, in ms; 0: there is none. */
let sliceEnd = 0;

/**
 * Rounds of the event loop between two slices. libuv accepts one new connection a round: behind
 * hundreds of connections with long work, a client would wait for a slice of each. An idle round takes
 * 2 µs.
 */
const ROUNDS_BETWEEN = 32;

/** Runs after pending events; `setImmediate`, where it exists, without a timer's millisecond. */
const nextRound: (callback: () => void) => unknown = globalThis.setImmediate ?? setTimeout;

function beginSlice(): void {
  sliceEnd = performance.now() + SLICE_MS;
  waitRounds(ROUNDS_BETWEEN);
}

function waitRounds(rounds: number): void {
  nextRound(rounds > 0 ? () => waitRounds(rounds - 1) : endSlice);
}

function endSlice(): void {
  const { short, long } = waiting;
  const resume =
    ++slices % 4 === 0 ? (long.shift() ?? short.shift()) : (short.shift() ?? long.shift());
  sliceEnd = 0;
  if (!resume) return;
  beginSlice();
  resume();
}

/**
 * For work in many pieces: call the returned function between them, and await what it returns.
 * @param hasLeft whether the client has disconnected: then the pause rejects, which ends the work
 * @returns a function that returns a promise when the slice is over, else undefined
 */
export function createPause(hasLeft = () => false): () => Promise<void> | undefined {
  let queue = waiting.short;
  return () => {
    if (sliceEnd === 0) beginSlice();
    if (performance.now() <= sliceEnd) return undefined;
    return new Promise<void>((resolve) => queue.push(resolve)).then(() => {
      queue = waiting.long;
      if (hasLeft()) throw new Error('the client has disconnected');
    });
  };
}

/** For a single long piece of work: resolves when a slice begins for it. */
export function yieldNow(): Promise<void> {
  if (sliceEnd === 0) beginSlice();
  return new Promise((resolve) => waiting.long.push(resolve));
}

/** Joins pieces to one string, with a pause between them where one is due. */
export async function joinYielding(
  pieces: Iterable<string>,
  pause: () => Promise<void> | undefined,
): Promise<string> {
  let joined = '';
  for (const piece of pieces) {
    joined += piece;
    const paused = pause();
    if (paused) await paused;
  }
  return joined;
}
