import { TURN_MS } from './bounds.ts';

/**
 * Turns for long work: all of it together takes at most `TURN_MS`, and then lets others go on for
 * some rounds of the event loop, however many requests are at it. A server that is busy for seconds
 * answers nobody, and mistakes its own hurry for Redis's silence.
 *
 * Work that has had no turn yet goes before work that has, which is long: a page of a few memos does
 * not wait behind a hundred of the longest. Every fourth turn is for those, so that they end, too.
 */
const waiting = { short: [] as (() => void)[], long: [] as (() => void)[] };
let turns = 0;
/** When the present turn is over, in ms; 0: there is none. */
let turnEnd = 0;

/**
 * Rounds of the event loop between two turns. libuv accepts one new connection in a round: whoever
 * comes behind hundreds that all make long work would wait for a turn of each. An idle round takes 2 µs.
 */
const ROUNDS_BETWEEN = 32;

/** After the events that wait: where there is `setImmediate`, without a timer's millisecond. */
const nextRound: (callback: () => void) => unknown = globalThis.setImmediate ?? setTimeout;

function beginTurn(): void {
  turnEnd = performance.now() + TURN_MS;
  letPass(ROUNDS_BETWEEN);
}

function letPass(rounds: number): void {
  nextRound(rounds > 0 ? () => letPass(rounds - 1) : endTurn);
}

function endTurn(): void {
  const { short, long } = waiting;
  const resume =
    ++turns % 4 === 0 ? (long.shift() ?? short.shift()) : (short.shift() ?? long.shift());
  turnEnd = 0;
  if (!resume) return;
  beginTurn();
  resume();
}

/**
 * For work in many pieces: asked between them, it gives a pause to await when the turn is over.
 * @param hasLeft whether nobody waits for the result any more: then the pause rejects
 */
export function takeTurns(hasLeft = () => false): () => Promise<void> | undefined {
  let queue = waiting.short;
  return () => {
    if (turnEnd === 0) beginTurn();
    if (performance.now() <= turnEnd) return undefined;
    return new Promise<void>((resolve) => queue.push(resolve)).then(() => {
      queue = waiting.long;
      if (hasLeft()) throw new Error('the client has left');
    });
  };
}

/** For a piece of work that is long by itself: resolves when it is its turn. */
export function nextTurn(): Promise<void> {
  if (turnEnd === 0) beginTurn();
  return new Promise((resolve) => waiting.long.push(resolve));
}

/** The pieces as one string, with pauses for others. */
export async function joinInTurns(
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
