/**
 * A few tasks at a time; of those that wait, everybody's first comes before anybody's second: who
 * asks for one thing does not wait behind all that somebody else asks for.
 * @param width how many tasks at a time
 */
export function createFairQueue(width: number) {
  /** whose turn is first, first */
  const waiting = new Map<string, Set<() => void>>();
  let running = 0;

  function leave(person: string, start: () => void): void {
    const starts = waiting.get(person);
    starts?.delete(start);
    if (starts?.size === 0) waiting.delete(person);
  }

  function startNext(): void {
    const [first] = waiting;
    if (!first) {
      running--;
      return;
    }
    const [person, starts] = first;
    const [start] = starts;
    // Whoever has more is last now.
    waiting.delete(person);
    waiting.set(person, starts);
    leave(person, start!);
    start!();
  }

  /**
   * Runs somebody's task when it is its turn.
   * @param signal aborted when nobody waits for it any more: a task that has not begun rejects
   */
  return async <T>(person: string, task: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    signal?.throwIfAborted();
    if (running < width) running++;
    else {
      await new Promise<void>((resolve, reject) => {
        const giveUp = () => {
          leave(person, start);
          reject(signal!.reason);
        };
        const start = () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        };
        waiting.set(person, (waiting.get(person) ?? new Set()).add(start));
        signal?.addEventListener('abort', giveUp, { once: true });
      });
    }
    try {
      return await task();
    } finally {
      startNext();
    }
  };
}
