import { describe, expect, test } from 'vitest';
import { admit, begin, createSending, end, fail, restOf } from './sending.ts';

describe('a form that is sent', () => {
  test('is not sent twice; a second submit waits for the end of the first', () => {
    const sending = createSending();
    expect(admit(sending)).toBe(true);
    begin(sending, 'first');
    expect(admit(sending)).toBe(false);
    expect(admit(sending)).toBe(false);
    expect(end(sending)).toBe(true);
    expect(sending).toEqual(createSending());
    expect(admit(sending)).toBe(true);
  });

  test('is done after one submit', () => {
    const sending = createSending();
    admit(sending);
    begin(sending, 'first');
    expect(end(sending)).toBe(false);
    expect(sending.status).toBe('idle');
  });

  test('that fails waits longer each time, up to a minute, or as long as the response asks', () => {
    const sending = createSending();
    const delays = [0, 0, 0, 0, 0, 0, 0].map(() => {
      begin(sending, 'text');
      return fail(sending, Number.NaN);
    });
    expect(delays).toEqual([3, 6, 12, 24, 48, 60, 60]);
    expect(sending.attempt).toBe(7);
    const other = createSending();
    expect([fail(other, 120), fail(other, 1)]).toEqual([120, 6]);
  });

  test('and fails is still to be retried when its request is over', () => {
    const sending = createSending();
    begin(sending, 'text');
    fail(sending, 0);
    expect(end(sending)).toBe(false);
    expect(sending).toMatchObject({ status: 'retrying', text: 'text', attempt: 1 });
    // The reader may be faster than the timer.
    expect(admit(sending)).toBe(true);
  });

  test('remembers a second submit over a failure', () => {
    const sending = createSending();
    begin(sending, 'first');
    admit(sending);
    fail(sending, 0);
    end(sending);
    begin(sending, 'first');
    expect(end(sending)).toBe(true);
  });
});

test.each([
  ['first', '', 'nothing'],
  ['first and second', 'and second', 'what was added'],
  ['first\n\nsecond', 'second', 'what was added below'],
  ['second', 'second', 'all of another text'],
  ['zeroth first', 'zeroth first', 'all of a text that was changed at its beginning'],
])('of %j, when “first” was sent, the next memo begins with %j: %s', (value, rest) => {
  const sending = createSending();
  begin(sending, 'first');
  expect(restOf(sending, value)).toBe(rest);
});
