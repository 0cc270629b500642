/** A person with an account at Naver. */
export interface Person {
  /** Naver's id for this person and this application; opaque */
  id: string;
  name: string;
}
