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
import { busy } from './problem.ts';

/** All requests under way in a process. */
export class Flights {
  #bytes = 0;
  #bytesOfStrangers = 0;
  readonly #people = new Map<string, number>();

  begin(): Flight {
    return new Flight(this);
  }

  /** Whether so much is held that those who take long to take it have to go. */
  isCrowded(): boolean {
    return this.#bytes > BYTES_IN_FLIGHT / 2;
  }

  /** Counts bytes more, or less. @returns whether there is room for them */
  add(bytes: number, isStranger: boolean): boolean {
    this.#bytes += bytes;
    if (isStranger) this.#bytesOfStrangers += bytes;
    return (
      this.#bytes <= BYTES_IN_FLIGHT && !(isStranger && this.#bytesOfStrangers > BYTES_OF_STRANGERS)
    );
  }

  /** @returns false when too many of this person's requests are under way */
  enter(userId: string): boolean {
    const count = this.#people.get(userId) ?? 0;
    if (count >= REQUESTS_PER_PERSON) return false;
    this.#people.set(userId, count + 1);
    return true;
  }

  leave(userId: string): void {
    const count = this.#people.get(userId)! - 1;
    if (count > 0) this.#people.set(userId, count);
    else this.#people.delete(userId);
  }
}

/** One request. Tens of thousands of streams have one each, so it is small. */
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
   * Says how many bytes the request holds now.
   * @throws Problem 503 when there is no room for them; small ones always have it
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
   * Says whose request it is, before it holds anything.
   * @throws Problem 429 when too many of this person's are under way
   */
  belongTo(userId: string): void {
    if (this.#person !== undefined) return;
    if (!this.#flights.enter(userId)) throw busy(429);
    this.#person = userId;
  }

  /** The answer has been made. */
  endWork(): void {
    this.#isAtWork = false;
    this.#leavePerson();
  }

  /** The answer has been taken, or the client has left. */
  close(): void {
    if (!this.#isOpen) return;
    this.hold(0);
    this.#isOpen = false;
    this.#leavePerson();
  }

  /** A person's count ends with the work, also when the client left in the middle of it. */
  #leavePerson(): void {
    if (this.#person === undefined || this.#isOpen || this.#isAtWork) return;
    this.#flights.leave(this.#person);
    this.#person = undefined;
  }
}
