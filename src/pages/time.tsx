import { raw } from 'hono/html';
import type { Site } from '../env.ts';
import { formatRelative, formatTime } from '../i18n.ts';

/** How long ago something was, with the exact time on hover, as HTML. @param micros a time in µs */
export function renderTime(site: Site, micros: number): string {
  const ms = Math.floor(micros / 1000);
  const minute = new Date(ms).toISOString().slice(0, 16);
  return `<time datetime="${minute}Z" title="${formatTime(site.language, ms)}">${formatRelative(site.language, ms, site.now)}</time>`;
}

export const Time = ({ site, micros }: { site: Site; micros: number }) =>
  raw(renderTime(site, micros));
