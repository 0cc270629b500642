import type { PageContext } from '../http/page-context.ts';
import { Layout, LoginButton } from './layout.tsx';

export interface InvitationProps {
  page: PageContext;
  /** whether the browser has cookies of several sessions, of which none is used */
  rivals: boolean;
}

/** The page without a login. */
export function Invitation({ page, rivals }: InvitationProps) {
  return (
    <Layout page={page}>
      <main id="main" class="invitation">
        <h1>{page.t.tagline}</h1>
        {rivals && <p>{page.t.severalLogins}</p>}
        <LoginButton page={page} />
      </main>
    </Layout>
  );
}
