/**
 * Creates a queue that runs a few tasks at a time, round robin between people: a person with one task
 * does not wait behind all tasks of another.
 * @param width how many tasks run at a time
 * @returns a function that runs a person's task in its turn, and resolves or rejects as the task does
 */
export function createFairQueue(width: number) {
  /** the functions that start the waiting tasks, by person, in the order of their turns */
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
    // If this person has more tasks, they come after everyone else's first.
    waiting.delete(person);
    waiting.set(person, starts);
    leave(person, start!);
    start!();
  }

  /** @param signal aborts a task that has not begun: the promise rejects with the signal's reason */
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
