import type { PageContext } from '../http/page-context.ts';
import type { SessionInfo } from '../store/sessions.ts';
import { href } from './href.ts';
import { Layout, type Reader } from './layout.tsx';
import { Time } from './time.tsx';

export interface SessionsProps {
  page: PageContext;
  reader: Reader;
  /** the last used one first */
  sessions: SessionInfo[];
  /** the id of the session of this request */
  current: string;
}

/** The page of a person's sessions. */
export function Sessions({ page, reader, sessions, current }: SessionsProps) {
  const { t } = page;
  return (
    <Layout page={page} title={t.sessions} reader={reader}>
      <main id="main" tabindex={-1} hx-history-elt>
        <h1>{t.sessions}</h1>
        <p class="hint">{t.sessionsHint}</p>
        <ul class="cards">
          {sessions.map((session) => (
            <li>
              <SessionCard page={page} session={session} isCurrent={session.id === current} />
            </li>
          ))}
        </ul>
        <form method="post" action={href(page, '/sessions/end')} hx-boost="false">
          <button type="submit">{t.logoutAll}</button>
        </form>
        <p>
          <a href={href(page, '/')} hx-swap="outerMorph show:top">
            {t.back}
          </a>
        </p>
      </main>
    </Layout>
  );
}

interface SessionCardProps {
  page: PageContext;
  session: SessionInfo;
  isCurrent: boolean;
}

function SessionCard({ page, session, isCurrent }: SessionCardProps) {
  const { t } = page;
  const label = `s${session.id}`;
  return (
    <article aria-labelledby={label}>
      <div class="text" id={label}>
        {nameBrowser(session.browser) ?? t.unknownBrowser}
      </div>
      <footer>
        <span class="times">
          <span>
            {t.began} <Time page={page} micros={session.began * 1000} />
          </span>
          <span>
            {t.used} <Time page={page} micros={session.used * 1000} />
          </span>
        </span>
        {isCurrent ? (
          <strong>{t.thisBrowser}</strong>
        ) : (
          <form method="post" action={href(page, `/sessions/${session.id}/end`)}>
            <button type="submit">{t.logout}</button>
          </form>
        )}
      </footer>
    </article>
  );
}

/** In the order of the search, because most `User-Agent` headers name other browsers, too. */
const BROWSERS: [pattern: RegExp, name: string][] = [
  [/NAVER\(/, '네이버 앱'],
  [/KAKAOTALK/, '카카오톡'],
  [/Whale\//, 'Whale'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/Edg(?:A|iOS)?\//, 'Edge'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrome\/|CriOS\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const SYSTEMS: [pattern: RegExp, name: string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Macintosh/, 'Mac'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
];

/** The usual name of a browser and its system, like “Chrome · Android”; undefined if unknown. */
function nameBrowser(userAgent: string): string | undefined {
  const names = [BROWSERS, SYSTEMS].flatMap(
    (list) => list.find(([pattern]) => pattern.test(userAgent))?.[1] ?? [],
  );
  return names.length > 0 ? names.join(' · ') : undefined;
}
