import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isComposing, start, whenComposed } from './composition.ts';

const field = new EventTarget();
start(field);
const compose = () => field.dispatchEvent(new Event('compositionstart'));
const commit = () => field.dispatchEvent(new Event('compositionend'));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('an action waits for the end of the composition and the input event after it', () => {
  const act = vi.fn();
  compose();
  whenComposed(act);
  whenComposed(act);
  expect(isComposing()).toBe(true);
  commit();
  expect(isComposing()).toBe(false);
  expect(act).not.toHaveBeenCalled();
  vi.runAllTimers();
  expect(act).toHaveBeenCalledOnce();
});

test('an action does not break into the next syllable, which begins in the same tick', () => {
  const act = vi.fn();
  compose();
  whenComposed(act);
  commit();
  compose();
  vi.runAllTimers();
  expect(act).not.toHaveBeenCalled();
  commit();
  vi.runAllTimers();
  expect(act).toHaveBeenCalledOnce();
});

test('without a composition it is done at once', () => {
  const act = vi.fn();
  whenComposed(act);
  expect(act).toHaveBeenCalledOnce();
});
