/** How long one request works on before others get their turn, in ms. */
const TURN = 8;

/**
 * For work in many pieces: asked between them, it gives a pause to await when this has taken long,
 * in which others have their turn. A server that is busy for seconds answers nobody, and takes
 * Redis for lost.
 */
export function takeTurns(): () => Promise<void> | undefined {
  let started = performance.now();
  return () => {
    if (performance.now() - started <= TURN) return undefined;
    return new Promise<void>((resolve) => setTimeout(resolve)).then(() => {
      started = performance.now();
    });
  };
}

/** As `items.map(make)`, with pauses for others. */
export async function mapInTurns<T, R>(items: T[], make: (item: T) => R): Promise<R[]> {
  const pauseForOthers = takeTurns();
  const made: R[] = [];
  for (const item of items) {
    made.push(make(item));
    const pause = pauseForOthers();
    if (pause) await pause;
  }
  return made;
}
