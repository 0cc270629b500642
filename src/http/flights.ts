/**
 * What clients make this process hold, in bytes and in requests, and the bounds on both.
 *
 * A flight is one request. It says how many bytes it holds at the moment: of its body, of the page
 * that is being made, of the answer that has not been taken yet. Their sum is what is bounded, and of
 * it the part of strangers: without a login, nobody can take the room of those who have one.
 */
import {
  BYTES_IN_FLIGHT,
  BYTES_OF_STRANGERS,
  REQUESTS_PER_PERSON,
  SMALL_FLIGHT_BYTES,
} from '../memo/bounds.ts';
import { busy } from '../problem.ts';

export type Flights = ReturnType<typeof createFlights>;
export type Flight = ReturnType<Flights['begin']>;

export function createFlights() {
  let bytes = 0;
  let bytesOfStrangers = 0;
  const people = new Map<string, number>();

  return {
    /** Whether so much is held that those who take long to take it have to go. */
    isCrowded: () => bytes > BYTES_IN_FLIGHT / 2,

    begin() {
      let held = 0;
      let person: string | undefined;
      let isOpen = true;
      let isAtWork = true;

      /** A person's count ends with the work, also when the client left in the middle of it. */
      function leavePerson(): void {
        if (person === undefined || isOpen || isAtWork) return;
        const count = people.get(person)! - 1;
        if (count > 0) people.set(person, count);
        else people.delete(person);
        person = undefined;
      }

      return {
        /**
         * Says how many bytes the request holds now.
         * @throws Problem 503 when there is no room for them; small ones always have it
         */
        hold(count: number): void {
          if (!isOpen) return;
          const more = count - held;
          held = count;
          bytes += more;
          if (person === undefined) bytesOfStrangers += more;
          const isFull =
            bytes > BYTES_IN_FLIGHT ||
            (person === undefined && bytesOfStrangers > BYTES_OF_STRANGERS);
          if (more <= 0 || held <= SMALL_FLIGHT_BYTES || !isFull) return;
          this.hold(0);
          throw busy(503);
        },

        /**
         * Says whose request it is, before it holds anything.
         * @throws Problem 429 when too many of this person's are under way
         */
        belongTo(userId: string): void {
          if (person !== undefined) return;
          const count = people.get(userId) ?? 0;
          if (count >= REQUESTS_PER_PERSON) throw busy(429);
          people.set(userId, count + 1);
          person = userId;
        },

        /** The answer has been made. */
        endWork(): void {
          isAtWork = false;
          leavePerson();
        },

        /** The answer has been taken, or the client has left. */
        close(): void {
          if (!isOpen) return;
          this.hold(0);
          isOpen = false;
          leavePerson();
        },
      };
    },
  };
}
