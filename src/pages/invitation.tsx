import type { Site } from '../http/env.ts';
import { Layout, LoginButton } from './layout.tsx';

export interface InvitationProps {
  site: Site;
  /** whether the browser has cookies of several sessions, of which none counts */
  rivals: boolean;
}

/** What somebody sees who is not logged in. */
export function Invitation({ site, rivals }: InvitationProps) {
  return (
    <Layout site={site}>
      <main id="main" class="invitation">
        <h1>{site.t.tagline}</h1>
        {rivals && <p>{site.t.severalLogins}</p>}
        <LoginButton site={site} />
      </main>
    </Layout>
  );
}
