/** The log: one line of JSON for each event, on standard output. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';

/** What is kept for a reader that stalls; further lines are dropped, and counted. */
const BUFFER_BYTES = 4 << 20;

/** How long the end waits for a reader, in ms. */
const END_TIMEOUT = 1_000;

/** @param level the least that is logged, by pino's names */
export function createLog(level: string) {
  // Not synchronous: whoever reads the log may stall, and must not stall the server with it. Nor line
  // by line: each write is a call of the system and wakes another thread. Node makes the pipe that it
  // offers as `stdout` non-blocking: a thread that waits for a reader would keep the process from ending.
  void process.stdout;
  const output = pino.destination({
    sync: false,
    minLength: 8192,
    periodicFlush: 100, // ms
    maxLength: BUFFER_BYTES,
  });
  const log = pino({ level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, output);

  let dropped = 0;
  output.on('drop', () => {
    dropped++;
  });
  // The reader takes lines again.
  output.on('write', reportDropped);

  function reportDropped(): void {
    const count = dropped;
    if (count === 0) return;
    dropped = 0;
    log.warn({ dropped: count }, 'log lines were dropped');
    // There is no room for this line yet: the next time, then.
    if (dropped > 0) dropped = count;
  }

  return {
    log,
    /** Writes what is left, for as long as somebody reads it, a second at most. */
    async end(): Promise<void> {
      reportDropped();
      output.end();
      await Promise.race([once(output, 'close').catch(() => {}), delay(END_TIMEOUT)]);
      output.destroy(); // or what nobody reads would be waited for once more
    },
  };
}
