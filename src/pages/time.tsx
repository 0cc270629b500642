import type { Site } from '../env.ts';
import { formatRelative, formatTime } from '../i18n.ts';

/** How long ago something was, with the exact time on hover and for whoever hears the page. */
export function Time({ site, micros }: { site: Site; micros: number }) {
  const ms = Math.floor(micros / 1000);
  const exact = formatTime(site.language, ms);
  return (
    <time datetime={new Date(ms).toISOString()} title={exact}>
      <span aria-hidden="true">{formatRelative(site.language, ms, site.now)}</span>
      <span class="visually-hidden">{exact}</span>
    </time>
  );
}
