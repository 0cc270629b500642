import { raw } from 'hono/html';
import type { Site } from '../http/env.ts';
import { formatRelative } from '../i18n/index.ts';

/** How long ago something was, as HTML; the script says when, exactly. @param micros a time in µs */
export function renderTime(site: Site, micros: number): string {
  const ms = Math.floor(micros / 1000);
  const minute = new Date(ms).toISOString().slice(0, 16);
  return `<time datetime="${minute}Z">${formatRelative(site.language, ms, site.now)}</time>`;
}

export const Time = ({ site, micros }: { site: Site; micros: number }) =>
  raw(renderTime(site, micros));
