/** A person as Naver names them. */
export interface Person {
  /** Naver's id for this person and this application: opaque */
  id: string;
  name: string;
}
