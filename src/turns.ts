/** How long one request works on before others get their turn, in ms. */
const TURN = 8;

/**
 * For work in many pieces: what it returns is awaited between them, and lets others have their turn
 * when this has taken long. A server that is busy for a second answers nobody, and takes Redis for lost.
 */
export function takeTurns(): () => Promise<void> {
  let started = performance.now();
  return async () => {
    if (performance.now() - started <= TURN) return;
    await new Promise((resolve) => setTimeout(resolve));
    started = performance.now();
  };
}
