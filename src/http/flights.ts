/**
 * Limits on the bytes and the concurrent requests that clients make this process hold.
 *
 * A flight is one request. It reports the bytes that are held for it at the moment: its body, the page
 * that is being rendered, the response that the client has not taken yet. The sum over all requests
 * is limited. The sum over strangers (requests without a login) has a lower limit, so that they cannot
 * use up the room of logged-in people.
 */
import {
  BYTES_IN_FLIGHT,
  BYTES_OF_STRANGERS,
  REQUESTS_PER_PERSON,
  SMALL_FLIGHT_BYTES,
} from '../memo/bounds.ts';
import { busy } from './problem.ts';

/** All requests under way in this process. */
export class Flights {
  #bytes = 0;
  #bytesOfStrangers = 0;
  readonly #people = new Map<string, number>();

  begin(): Flight {
    return new Flight(this);
  }

  /** Whether so many bytes are held that slow clients are disconnected sooner. */
  isCrowded(): boolean {
    return this.#bytes > BYTES_IN_FLIGHT / 2;
  }

  /** Adds to the bytes held; a negative number releases. @returns whether the limits still hold */
  add(bytes: number, isStranger: boolean): boolean {
    this.#bytes += bytes;
    if (isStranger) this.#bytesOfStrangers += bytes;
    return (
      this.#bytes <= BYTES_IN_FLIGHT && !(isStranger && this.#bytesOfStrangers > BYTES_OF_STRANGERS)
    );
  }

  /** Counts a request of this person. @returns false if too many are under way */
  enter(userId: string): boolean {
    const count = this.#people.get(userId) ?? 0;
    if (count >= REQUESTS_PER_PERSON) return false;
    this.#people.set(userId, count + 1);
    return true;
  }

  leave(userId: string): void {
    const count = (this.#people.get(userId) ?? 0) - 1;
    if (count > 0) this.#people.set(userId, count);
    else this.#people.delete(userId);
  }
}

/** One request. Small, because tens of thousands of event streams have one each. */
export class Flight {
  readonly #flights: Flights;
  #held = 0;
  #person: string | undefined;
  #isOpen = true;
  #isAtWork = true;

  constructor(flights: Flights) {
    this.#flights = flights;
  }

  /**
   * Sets the bytes that the request holds now.
   * @throws Problem 503 if there is no room for them; small requests always have room
   */
  hold(count: number): void {
    if (!this.#isOpen) return;
    const more = count - this.#held;
    this.#held = count;
    const hasRoom = this.#flights.add(more, this.#person === undefined);
    if (hasRoom || more <= 0 || count <= SMALL_FLIGHT_BYTES) return;
    this.hold(0);
    throw busy(503);
  }

  /**
   * Sets the person of the request, before it holds bytes.
   * @throws Problem 429 if too many of this person's requests are under way
   */
  belongTo(userId: string): void {
    if (this.#person !== undefined) return;
    if (!this.#flights.enter(userId)) throw busy(429);
    this.#person = userId;
  }

  /** Called when the response has been made. */
  endWork(): void {
    this.#isAtWork = false;
    this.#leavePerson();
  }

  /** Called when the client has taken the response or has disconnected. */
  close(): void {
    if (!this.#isOpen) return;
    this.hold(0);
    this.#isOpen = false;
    this.#leavePerson();
  }

  /** A request counts until its work ends, also if its client has disconnected before. */
  #leavePerson(): void {
    if (this.#person === undefined || this.#isOpen || this.#isAtWork) return;
    this.#flights.leave(this.#person);
    this.#person = undefined;
  }
}
