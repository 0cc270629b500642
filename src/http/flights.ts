/**
 * What clients make this process hold, in bytes and in requests, and the bounds on both.
 *
 * A flight is one request from its arrival until its answer has been taken, or its connection has
 * ended. It says how many bytes it holds at the moment: of its body, of the page that is being made,
 * of the answer that waits to be taken. Their sum is measured, not estimated from counts.
 */
import { BYTES_IN_FLIGHT, REQUESTS_PER_PERSON, SMALL_FLIGHT_BYTES } from '../memo/bounds.ts';
import { Problem } from '../problem.ts';

export type Flights = ReturnType<typeof createFlights>;
export type Flight = ReturnType<Flights['begin']>;

export function createFlights() {
  let bytes = 0;
  const people = new Map<string, number>();

  return {
    begin() {
      let held = 0;
      let person: string | undefined;
      let hasEnded = false;

      return {
        /**
         * Says how many bytes the request holds now.
         * @throws Problem 503 when there is no room for them; small ones always have it
         */
        hold(count: number): void {
          if (hasEnded) return;
          const isMore = count > held;
          bytes += count - held;
          held = count;
          if (!isMore || bytes <= BYTES_IN_FLIGHT || held <= SMALL_FLIGHT_BYTES) return;
          this.hold(0);
          throw new Problem(503, 'busy', { headers: { 'Retry-After': '1' } });
        },

        /**
         * Says whose request it is.
         * @throws Problem 429 when too many of this person's are under way
         */
        belongTo(userId: string): void {
          if (hasEnded) return;
          const count = people.get(userId) ?? 0;
          if (count >= REQUESTS_PER_PERSON) {
            throw new Problem(429, 'busy', { headers: { 'Retry-After': '1' } });
          }
          people.set(userId, count + 1);
          person = userId;
        },

        end(): void {
          this.hold(0);
          hasEnded = true;
          if (person === undefined) return;
          const count = people.get(person)! - 1;
          if (count > 0) people.set(person, count);
          else people.delete(person);
          person = undefined;
        },
      };
    },
  };
}
