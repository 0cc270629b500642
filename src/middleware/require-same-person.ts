import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import { Problem } from '../http/problem.ts';

/**
 * Refuses a form of a page that was made for another person: on a shared device, a text must not be
 * saved for the person who has logged in since. The error page returns the text and asks.
 */
export function requireSamePerson() {
  return createMiddleware<Env>((c, next) => {
    const person = c.get('form')?.get('person');
    if (person !== undefined && person !== c.get('reader').person) {
      throw new Problem('other-person');
    }
    return next();
  });
}
