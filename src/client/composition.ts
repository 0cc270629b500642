/**
 * Input methods, such as that for Korean: while a syllable is being composed, the field belongs to
 * the input method.
 */
let isUnderWay = false;
const waiting = new Set<() => void>();

/** @param target where composition events bubble to: the document */
export function start(target: EventTarget): void {
  target.addEventListener('compositionstart', () => {
    isUnderWay = true;
  });
  target.addEventListener('compositionend', () => {
    isUnderWay = false;
    // After the input event that follows, in whichever order the browser sends them.
    setTimeout(() => {
      // The next syllable may have begun in the meantime.
      if (isUnderWay) return;
      const actions = [...waiting];
      waiting.clear();
      for (const act of actions) act();
    });
  });
}

export const isComposing = () => isUnderWay;

/** Whether a key belongs to the input method: Safari sends the one that ends a composition after it. */
export const isOfInputMethod = (event: KeyboardEvent) =>
  event.isComposing || event.keyCode === 229 || isUnderWay;

/** Calls `act` now, or as soon as nothing is being composed; once, however often it is asked for. */
export function whenComposed(act: () => void): void {
  if (isUnderWay) waiting.add(act);
  else act();
}
