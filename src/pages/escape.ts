import { escapeToBuffer, type StringBuffer } from 'hono/utils/html';

/** A text as HTML, for where a page is made of strings; in JSX, all texts are escaped already. */
export function escapeText(text: string): string {
  const buffer: StringBuffer = [''];
  escapeToBuffer(text, buffer);
  return String(buffer[0]);
}
