import type { Site } from '../env.ts';
import { Layout, LoginButton } from './layout.tsx';

/** What somebody sees who is not logged in. */
export function Invitation({ site }: { site: Site }) {
  return (
    <Layout site={site}>
      <main id="main" class="invitation">
        <h1>{site.t.tagline}</h1>
        <LoginButton site={site} />
      </main>
    </Layout>
  );
}
