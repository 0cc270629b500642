import { raw } from 'hono/html';
import type { PageContext } from '../http/page-context.ts';
import { formatRelative } from '../i18n/time.ts';

/** A time as “5 minutes ago”, as HTML; the script adds the exact time. @param micros a time in µs */
export function renderTime(page: PageContext, micros: number): string {
  const ms = Math.floor(micros / 1000);
  const minute = new Date(ms).toISOString().slice(0, 16);
  return `<time datetime="${minute}Z">${formatRelative(page.language, ms, page.now)}</time>`;
}

export const Time = ({ page, micros }: { page: PageContext; micros: number }) =>
  raw(renderTime(page, micros));
