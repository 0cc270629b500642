import { type Context, Hono } from 'hono';
import { raw } from 'hono/html';
import type { Dependencies, Env, Log } from '../http/env.ts';
import { Problem } from '../http/problem.ts';
import { answer, answerPage } from '../http/respond.ts';
import { PAGE_LIMIT, PAGE_SIZE, TEXT_BODY_BYTES, TEXT_LENGTH } from '../memo/bounds.ts';
import { joinBytes } from '../memo/bytes.ts';
import { createSearch } from '../memo/search.ts';
import { idOf, joinMembers, parseMemo, type StoredMemo, versionOf } from '../memo/stored-memo.ts';
import { setTask } from '../memo/text.ts';
import { joinYielding } from '../memo/yielding.ts';
import { announceChanges } from '../middleware/announce-changes.ts';
import { readBody, requireForm, requireJson } from '../middleware/body.ts';
import { limitWrites } from '../middleware/rate-limit.ts';
import { requireSamePerson, requireSession } from '../middleware/session.ts';
import { pageHref, readId, readView } from '../pages/list-query.tsx';
import { renderCard } from '../pages/memo-card.tsx';
import { renderText } from '../pages/memo-text.tsx';
import type { Notice } from '../pages/notice.tsx';
import type { Change, Outcome } from '../store/memos.ts';
import { type HomePages, pauseFor } from './home.tsx';

const KEY = /^[\x20-\x7e]{1,100}$/;

export function memoRoutes(
  { config, events, limiter, log, memos, sessions }: Dependencies,
  home: HomePages,
) {
  const app = new Hono<Env>();
  const asPerson = (limit?: number) =>
    [
      readBody({ sessions, limit }),
      requireSession(config),
      requireSamePerson(),
      limitWrites(limiter, config),
      announceChanges(events),
    ] as const;
  const loggedIn = asPerson();
  const withText = asPerson(TEXT_BODY_BYTES);

  /**
   * Shows a form's sender what was done: htmx the memo's card, or the page where that is not enough;
   * a browser that sent the form itself the page, by a redirect.
   * @param memo as it is now; undefined: it is gone
   * @param anchor where on the page
   */
  const backToPage = async (
    c: Context<Env>,
    notice: Notice,
    id: number,
    memo: StoredMemo | undefined,
    anchor = `#m${id}`,
  ) => {
    const view = readView(c.get('form') ?? new Map());
    if (!c.get('site').fragment) {
      const deleted = 'removed' in notice ? notice.removed : undefined;
      return c.redirect(pageHref(config, { ...view, deleted }) + anchor, 303);
    }
    try {
      const changed = await home.change(c, view, notice, id, memo);
      return changed ?? (await home.page(c, view, notice));
    } catch {
      // It is done. What cannot be shown now is not to look as if it were not.
      c.get('headers')['HX-Refresh'] = 'true';
      return answer(c, '', { 'Content-Type': 'text/html; charset=UTF-8' });
    }
  };

  // All memos, or with `limit`, `before` or `q` one page of them; newest first.
  app.get('/', ...loggedIn, async (c) => {
    const { userId } = c.get('session')!;
    const { limit, before } = c.req.query();
    const view = readView(new Map(Object.entries(c.req.query())));
    if (c.get('site').fragment) return home.older(c, view);
    const search = createSearch(view.q ?? '');
    if (limit === undefined && before === undefined && !search) {
      return streamAll(c, memos.all(userId), log);
    }
    const size = limit === undefined ? PAGE_SIZE : readId(limit);
    const cursor = readId(before);
    if (size === undefined || size > PAGE_LIMIT || (before !== undefined && cursor === undefined)) {
      throw new Problem(400, 'bad-request');
    }
    const page = await home.list(c, size, { search, before: cursor });
    const end = page.next === undefined ? ']}' : `],"next":"${page.next}"}`;
    return json(c, joinBytes([encoder.encode(LIST), joinMembers(page.memos), encoder.encode(end)]));
  });

  // A new memo, once for each idempotency key.
  app.post('/', ...withText, async (c) => {
    const { userId } = c.get('session')!;
    const form = c.get('form');
    const text = readText((form ?? requireJson(c)).get('text'));
    const key = form ? form.get('key') : c.req.header('Idempotency-Key');
    if (key !== undefined && !KEY.test(key)) throw new Problem(400, 'bad-key');
    // Whoever goes back gets the form anew, with another key, and the browser fills in the old text:
    // sent again, it is asked about instead of doubled.
    const refuseRepeat = form !== undefined && !form.has('again');
    const result = await memos.append(userId, text, key, { refuseRepeat });
    if (result.status === 'key reused') throw new Problem(422, 'key-reused');
    if (result.status === 'repeated') throw new Problem(409, 'repeated');
    if (result.status === 'no room') throw new Problem(507, 'person-full');
    if (form) {
      return backToPage(c, { done: c.get('site').t.saved }, idOf(result.memo), result.memo, '');
    }
    c.get('headers').Location = `${config.prefix}/memo/${idOf(result.memo)}`;
    return memoJson(c, result.memo, result.status === 'created' ? 201 : 200);
  });

  app.get('/:id', ...loggedIn, async (c) => {
    const stored = await memos.find(c.get('session')!.userId, requireId(c));
    if (stored === undefined) throw new Problem(404, 'not-found');
    const site = c.get('site');
    if (!site.fragment) return memoJson(c, stored);
    const memo = parseMemo(stored);
    const text = await joinYielding(renderText({ site, memo }), pauseFor(c));
    return answerPage(c, raw(renderCard({ site, memo, text }, pageHref(site, {}))));
  });

  // Text, pin or both; with `If-Match` only when the text is still the one that was read.
  app.patch('/:id', ...withText, async (c) => {
    const change = readChange(requireJson(c));
    const version = readVersion(c.req.header('If-Match'));
    const memo = done(await memos.edit(c.get('session')!.userId, requireId(c), change, version));
    return memoJson(c, memo);
  });

  app.delete('/:id', ...loggedIn, async (c) => {
    const version = readVersion(c.req.header('If-Match'));
    done(await memos.remove(c.get('session')!.userId, requireId(c), version));
    return c.body(null, 204);
  });

  // What a browser without JavaScript can send: the same by forms.
  app.post('/:id', ...withText, async (c) => {
    const id = requireId(c);
    const form = requireForm(c);
    const text = readText(form.get('text'));
    const version = readId(form.get('version'));
    if (version === undefined) throw new Problem(400, 'bad-request');
    const outcome = await memos.edit(c.get('session')!.userId, id, { text }, version);
    if (outcome.status === 'missing') throw new Problem(404, 'memo-deleted');
    const memo = done(outcome);
    form.delete('edit');
    return backToPage(c, { done: c.get('site').t.saved }, id, memo);
  });

  // One task of a memo is done or not: the one on that line of that version.
  app.post('/:id/task', ...loggedIn, async (c) => {
    const id = requireId(c);
    const form = requireForm(c);
    const { userId } = c.get('session')!;
    // The list's form is the same for all tasks, so a task's button has these in its address.
    const field = (name: string) => form.get(name) ?? c.req.query(name);
    const version = readId(field('version'));
    const line = field('line') ?? '';
    const task = form.get('done');
    if (version === undefined || !/^\d{1,5}$/.test(line) || (task !== 'true' && task !== 'false')) {
      throw new Problem(400, 'bad-request');
    }
    const stored = await memos.find(userId, id);
    if (stored === undefined) throw new Problem(404, 'not-found');
    const memo = parseMemo(stored);
    const text = setTask(memo.text, Number(line), task === 'true');
    // Pressed twice, it is as it was to be already.
    if (versionOf(memo) !== version && text !== memo.text) {
      throw new Problem(412, 'task-changed', { headers: etag(stored) });
    }
    if (text === undefined) throw new Problem(409, 'not-a-task');
    const isSame = text === memo.text;
    const now = isSame ? stored : done(await memos.edit(userId, id, { text }, version));
    return backToPage(c, { done: '' }, id, now);
  });

  app.post('/:id/pin', ...loggedIn, async (c) => {
    const id = requireId(c);
    const form = requireForm(c);
    const pin = form.get('pin');
    if (pin !== 'true' && pin !== 'false') throw new Problem(400, 'bad-request');
    const memo = done(await memos.edit(c.get('session')!.userId, id, { pin: pin === 'true' }));
    // A pinned memo is on the first page.
    if (pin === 'true' && !form.has('q')) form.delete('before');
    const { t } = c.get('site');
    return backToPage(c, { done: pin === 'true' ? t.pinDone : t.unpinDone }, id, memo);
  });

  app.post('/:id/delete', ...loggedIn, async (c) => {
    const id = requireId(c);
    requireForm(c);
    done(await memos.remove(c.get('session')!.userId, id));
    return backToPage(c, { removed: id }, id, undefined, '');
  });

  // Undoes a deletion; the answer is for whoever asks, form or program.
  app.post('/:id/restore', ...loggedIn, async (c) => {
    const memo = done(await memos.restore(c.get('session')!.userId, requireId(c)));
    if (!c.get('form')) return memoJson(c, memo);
    return backToPage(c, { done: c.get('site').t.restored }, parseMemo(memo).id, memo);
  });

  return app;
}

/** The memo of an outcome. @throws Problem when nothing was done */
function done(outcome: Outcome): string {
  switch (outcome.status) {
    case 'done':
      return outcome.memo;
    case 'missing':
      throw new Problem(404, 'not-found');
    case 'changed':
      throw new Problem(412, 'changed', { memo: outcome.memo, headers: etag(outcome.memo) });
    case 'too many pins':
      throw new Problem(409, 'too-many-pins');
    case 'no room':
      throw new Problem(507, 'person-full');
  }
}

const etag = (memo: string) => ({ ETag: `"${versionOf(parseMemo(memo))}"` });

/** StoredMemo JSON goes out as it is: it is not parsed and printed again. */
function json(
  c: Context<Env>,
  body: string | Uint8Array<ArrayBuffer>,
  headers = {},
  status = 200,
): Response {
  return answer(c, body, { 'Content-Type': 'application/json', ...headers }, status);
}

const memoJson = (c: Context<Env>, memo: string, status?: number) =>
  json(c, memo, etag(memo), status);

const encoder = new TextEncoder();
/** How a list of memos begins. */
const LIST = '{"memos":[';

/** All memos as one JSON object, written as they are read: memory stays flat. */
async function streamAll(c: Context<Env>, chunks: AsyncGenerator<Uint8Array>, log: Log) {
  // Read before the status is sent, so that a failing Redis is answered as one.
  let chunk = await chunks.next();
  // One chunk is on its way to the reader, and the next one is here.
  if (!chunk.done) c.get('flight').hold(2 * chunk.value.byteLength);
  let start = LIST;
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      if (chunk.done) {
        controller.enqueue(encoder.encode(start === LIST ? `${LIST}]}` : ']}'));
        controller.close();
        return;
      }
      controller.enqueue(joinBytes([encoder.encode(start), chunk.value]));
      start = ',';
      try {
        chunk = await chunks.next();
      } catch (error) {
        // Only the message: a Redis error carries its command. The answer breaks off, so that nobody
        // takes it for whole.
        const reason = error instanceof Error ? error.message : String(error);
        log.error({ id: c.get('requestId'), reason }, 'an answer broke off');
        controller.error(new Error('the storage failed in the middle of an answer'));
      }
    },
    async cancel() {
      await chunks.return(undefined);
    },
  };
  // Nothing is read ahead of its reader.
  const body = new ReadableStream(source, { highWaterMark: 0 });
  return c.body(body, 200, { 'Content-Type': 'application/json' });
}

function requireId(c: Context<Env>): number {
  const id = readId(c.req.param('id'));
  if (id === undefined) throw new Problem(404, 'not-found');
  return id;
}

/**
 * A memo's text as it is stored: without blank ends.
 * @throws Problem 400 when it is no text, blank, too long, or cannot be stored to the code point
 */
function readText(value: unknown): string {
  if (typeof value !== 'string') throw new Problem(400, 'text-missing');
  if (!value.isWellFormed() || value.includes('\0')) throw new Problem(400, 'text-invalid');
  const text = value.trim();
  if (text === '') throw new Problem(400, 'text-blank');
  if (text.length > TEXT_LENGTH && [...text].length > TEXT_LENGTH) {
    throw new Problem(400, 'text-too-long');
  }
  return text;
}

function readChange(body: Map<string, unknown>): Change {
  const pin = body.get('pin');
  if (pin !== undefined && typeof pin !== 'boolean') throw new Problem(400, 'bad-request');
  if (pin === undefined && !body.has('text')) throw new Problem(400, 'nothing-to-change');
  return { pin, ...(body.has('text') && { text: readText(body.get('text')) }) };
}

/** The version of an `If-Match` (RFC 9110 §13.1.1). One that we never gave matches nothing. */
function readVersion(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch === '*') return undefined;
  return Number(/^"([1-9]\d{0,15})"$/.exec(ifMatch)?.[1]);
}
