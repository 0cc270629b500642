/** The sending of a form's text, as one state machine without DOM. */
export interface Sending {
  status: 'idle' | 'sending' | 'retrying';
  /** what was sent last */
  text: string;
  /** how often in a row it has failed */
  attempt: number;
  /** whether the form was submitted again while it was being sent */
  queued: boolean;
}

const RETRY = 3; // seconds
const LONGEST_RETRY = 60;

/** In how many seconds to try again after so many failures in a row. */
export const backOff = (failures: number) => Math.min(RETRY * 2 ** failures, LONGEST_RETRY);

export const createSending = (): Sending => ({
  status: 'idle',
  text: '',
  attempt: 0,
  queued: false,
});

/**
 * The form is submitted.
 * @returns whether it may be sent now; otherwise it is submitted again when this sending has ended
 */
export function admit(state: Sending): boolean {
  state.queued ||= state.status === 'sending';
  return state.status !== 'sending';
}

export function begin(state: Sending, text: string): void {
  state.status = 'sending';
  state.text = text;
}

/**
 * No response, or none of ours, or one that asks for patience.
 * @param retryAfter what the response asks for, in seconds; 0 or NaN: nothing
 * @returns in how many seconds to try again
 */
export function fail(state: Sending, retryAfter: number): number {
  state.status = 'retrying';
  return Math.max(retryAfter || 0, backOff(state.attempt++));
}

/** What of a field's present text was typed after the saved text was sent: the next memo's beginning. */
export const restOf = ({ text }: Sending, value: string) =>
  value.startsWith(text) ? value.slice(text.length).trimStart() : value;

/**
 * The request is over.
 * @returns whether the form was submitted again in the meantime
 */
export function end(state: Sending): boolean {
  if (state.status !== 'sending') return false;
  const { queued } = state;
  Object.assign(state, createSending());
  return queued;
}
