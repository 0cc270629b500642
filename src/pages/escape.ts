import { escapeToBuffer, type StringBuffer } from 'hono/utils/html';

/** Escapes a text for HTML that is built of strings; JSX escapes by itself. */
export function escapeText(text: string): string {
  const buffer: StringBuffer = [''];
  escapeToBuffer(text, buffer);
  return String(buffer[0]);
}
