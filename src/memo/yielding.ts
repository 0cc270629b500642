/**
 * Cooperative scheduling of long work. All long work of the process together runs for at most
 * SLICE_MS, then yields for some rounds of the event loop, however many requests take part. Otherwise
 * a process that is busy for seconds would serve no other request, and take its own delay for a dead
 * Redis.
 *
 * Work that has not yielded yet goes first, because work that has yielded is long: a short page does
 * not wait behind a hundred long ones. Every fourth slice goes to long work, so that it makes
 * progress.
 */
import { SLICE_MS } from './bounds.ts';

const waiting = { short: [] as (() => void)[], long: [] as (() => void)[] };
let slices = 0;
/** The end of the current slice, in ms of `performance.now()`; 0: no slice is running. */
let sliceEnd = 0;

/**
 * Rounds of the event loop between two slices. libuv accepts one connection per round: with one round
 * between slices, a new client would wait one slice for each connection that is accepted before its
 * own. An idle round takes 2 µs.
 */
const ROUNDS_BETWEEN = 32;

/** Runs after pending events. `setImmediate`, where it exists, saves the 1 ms of a timer. */
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
 * Creates a pause for work in many pieces: call the returned function between pieces, and await its
 * promise.
 * @param hasLeft whether the client has disconnected: then the promise rejects, which ends the work
 * @returns a function that returns a promise if the slice is over, else undefined
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

/** For work in a single long piece: resolves when its slice begins. */
export function yieldNow(): Promise<void> {
  if (sliceEnd === 0) beginSlice();
  return new Promise((resolve) => waiting.long.push(resolve));
}

/** Concatenates strings, and pauses between them when `pause` is due. */
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
