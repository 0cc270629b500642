/**
 * Input methods, such as that for Korean: while a syllable is being composed, the field belongs to
 * the keyboard.
 */
let field: EventTarget | null = null;
const waiting = new Set<() => void>();

document.addEventListener('compositionstart', ({ target }) => {
  field = target;
});
document.addEventListener('compositionend', () => {
  field = null;
  // After the input event that follows, in whichever order the browser sends them.
  setTimeout(() => {
    if (field) return;
    const acts = [...waiting];
    waiting.clear();
    for (const act of acts) act();
  });
});

export const isComposing = () => field !== null;

/** Whether a key belongs to the input method: Safari sends the one that ends a composition after it. */
export const isOfInputMethod = (event: KeyboardEvent) =>
  event.isComposing || event.keyCode === 229 || field !== null;

/** Calls `act` now, or as soon as nothing is being composed; once, however often it is asked for. */
export function whenComposed(act: () => void): void {
  if (field) waiting.add(act);
  else act();
}
