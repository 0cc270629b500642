import type { HtmlEscapedString } from 'hono/utils/html';
import { LRUCache } from 'lru-cache';
import type { Site } from '../env.ts';
import { bytesAsKey } from '../hash.ts';
import { LANGUAGES, type Language, relativeUntil } from '../i18n.ts';
import { type Memo, parseMemo } from '../memos.ts';
import type { Search } from '../search.ts';
import { joinInTurns } from '../turns.ts';
import { FIRST_DATE, MemoCard } from './memo-card.tsx';
import { renderText } from './memo-text.tsx';
import type { View } from './view.tsx';

/** For all people of this process together, what the keys take included. */
const SIZE = 8 << 20; // bytes

/** A memo as an item of a list. */
export interface Card {
  id: number;
  pin: boolean;
  /** of the list that goes on below it */
  cursor: number;
  /** HTML in UTF-8, as it goes to the wire */
  item: Uint8Array;
}

const encoder = new TextEncoder();

/** What stands in a list, as bytes. */
export const renderItem = (content: HtmlEscapedString | Promise<HtmlEscapedString>): Uint8Array =>
  encoder.encode(String(<li>{content}</li>));

/**
 * Cards that were rendered before: of the page that everybody sees first, as it is asked for again
 * after everything that one does. What is stored says all about a card, but for its language, and
 * how long ago its times are: it is good until that changes.
 */
export function createCardCache() {
  const caches = new Map<Language, LRUCache<string, { card: Card; until: number }>>(
    LANGUAGES.map((language) => [
      language,
      new LRUCache({
        maxSize: SIZE / LANGUAGES.length,
        sizeCalculation: ({ card }, key) => key.length + card.item.length,
      }),
    ]),
  );

  /**
   * How a stored memo becomes a card of one page.
   * @param view what is asked for
   * @param options.shown what the card's links come back to, if that is something else
   * @param options.pause for others, see `takeTurns`
   */
  return (
    site: Site,
    view: View,
    {
      shown = view,
      search,
      pause,
    }: { shown?: View; search?: Search | undefined; pause: () => Promise<void> | undefined },
  ) => {
    const render = async (memo: Memo): Promise<Card> => {
      const text = await joinInTurns(renderText({ site, memo, search }), pause);
      return {
        id: memo.id,
        pin: memo.pin,
        cursor: memo.id,
        item: renderItem(<MemoCard site={site} memo={memo} text={text} view={shown} />),
      };
    };
    if (view.before !== undefined || view.through !== undefined || view.q !== undefined) {
      return (stored: Uint8Array) => render(parseMemo(stored));
    }
    const cache = caches.get(site.language)!;
    return (stored: Uint8Array): Card | Promise<Card> => {
      const key = bytesAsKey(stored);
      const known = cache.get(key);
      if (known && site.now < known.until) return known.card;
      const memo = parseMemo(stored);
      const times = [memo.id >= FIRST_DATE ? memo.id : undefined, memo.edited];
      const ends = times.flatMap((micros) =>
        micros === undefined ? [] : relativeUntil(Math.floor(micros / 1000), site.now),
      );
      return render(memo).then((card) => {
        cache.set(key, { card, until: Math.min(...ends) });
        return card;
      });
    };
  };
}
