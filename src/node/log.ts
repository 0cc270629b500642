/** The log: one line of JSON per event, on standard output. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';

/** Bytes that are buffered while the reader of the log stalls; further lines are dropped and counted. */
const BUFFER_BYTES = 4 << 20;

/** How long `end` waits for the reader, in ms. */
const END_TIMEOUT = 1_000;

/**
 * Creates the log.
 * @param level the lowest level that is logged, a name of pino's
 */
export function createLog(level: string) {
  // Asynchronous, so that a reader that stalls does not block the process. In blocks, because each
  // write is a system call on another thread. Reading `process.stdout` makes a pipe non-blocking:
  // otherwise a thread that waits for the reader would keep the process from exiting.
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
  // The reader is reading again.
  output.on('write', reportDropped);

  function reportDropped(): void {
    const count = dropped;
    if (count === 0) return;
    dropped = 0;
    log.warn({ dropped: count }, 'log lines were dropped');
    // If there was no room for this line either, it is reported after the next write.
    if (dropped > 0) dropped = count;
  }

  return {
    log,
    /** Writes the remaining lines. Resolves after a second at the latest, if the reader stalls. */
    async end(): Promise<void> {
      reportDropped();
      output.end();
      await Promise.race([once(output, 'close').catch(() => {}), delay(END_TIMEOUT)]);
      output.destroy(); // otherwise the exit would wait for the unread lines
    },
  };
}
