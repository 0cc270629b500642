import { createMiddleware } from 'hono/factory';
import type { Env } from '../http/env.ts';
import type { Flights } from '../http/flights.ts';

/** Counts a request, and the bytes that it holds, until the client has taken its response. */
export function countFlight(flights: Flights) {
  return createMiddleware<Env>(async (c, next) => {
    const flight = flights.begin();
    c.set('flight', flight);
    const outgoing = c.env?.outgoing;
    outgoing?.once('close', () => flight.close());
    await next();
    flight.endWork();
    // Without Node's adapter there is no event for a response that was taken.
    if (!outgoing) flight.close();
  });
}
