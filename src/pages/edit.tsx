import type { Site } from '../env.ts';
import { type Memo, versionOf } from '../memos.ts';
import { Header, href, Layout } from './layout.tsx';
import { TextArea } from './text-area.tsx';
import { pageHref, type View, ViewFields } from './view.tsx';

export interface EditProps {
  site: Site;
  name: string;
  /** see `pseudonymOf` */
  person: string;
  memo: Memo;
  /** the one to come back to */
  view: View;
}

/** One memo, to be changed. */
export function Edit({ site, name, person, memo, view }: EditProps) {
  const { t } = site;
  return (
    <Layout site={site} title={t.editMemo}>
      <Header site={site} name={name} />
      <main id="main">
        <h1>{t.editMemo}</h1>
        <form class="composer" method="post" action={href(site, `/memo/${memo.id}`)}>
          <ViewFields view={view} />
          <input type="hidden" name="person" value={person} />
          <input type="hidden" name="version" value={String(versionOf(memo))} />
          <TextArea label={t.yourText} text={memo.text} autofocus />
          <p class="buttons">
            <a class="quiet" href={`${pageHref(site, view)}#m${memo.id}`}>
              {t.cancel}
            </a>
            <button type="submit">{t.save}</button>
          </p>
        </form>
      </main>
    </Layout>
  );
}
