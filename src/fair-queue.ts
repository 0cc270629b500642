/**
 * A few tasks at a time; of those that wait, everybody's first comes before anybody's second: who
 * asks for one thing does not wait behind all that somebody else asks for.
 * @param width how many tasks at a time
 */
export function createFairQueue(width: number) {
  /** whose turn is first, first */
  const waiting = new Map<string, (() => void)[]>();
  let running = 0;

  function startNext(): void {
    const [first] = waiting;
    if (!first) {
      running--;
      return;
    }
    const [person, tasks] = first;
    waiting.delete(person);
    tasks.shift()!();
    if (tasks.length > 0) waiting.set(person, tasks);
  }

  return async <T>(person: string, task: () => Promise<T>): Promise<T> => {
    if (running < width) running++;
    else {
      await new Promise<void>((start) => {
        const tasks = waiting.get(person);
        if (tasks) tasks.push(start);
        else waiting.set(person, [start]);
      });
    }
    try {
      return await task();
    } finally {
      startNext();
    }
  };
}
