import { type Context, Hono } from 'hono';
import { raw } from 'hono/html';
import type { AppContext } from '../context.ts';
import { requireForm, requireJson } from '../http/body.ts';
import type { Env } from '../http/env.ts';
import type { Log } from '../http/log.ts';
import { Problem } from '../http/problem.ts';
import { type ResponseOptions, redirect, renderPage, respond } from '../http/respond.ts';
import { PAGE_LIMIT, PAGE_SIZE, TEXT_BODY_BYTES, TEXT_LENGTH } from '../memo/bounds.ts';
import { joinBytes } from '../memo/bytes.ts';
import { createSearch } from '../memo/search.ts';
import { idOf, joinMembers, parseMemo, type StoredMemo, versionOf } from '../memo/stored-memo.ts';
import { setTask } from '../memo/text.ts';
import { joinYielding } from '../memo/yielding.ts';
import { announceChanges } from '../middleware/announce-changes.ts';
import { limitWrites } from '../middleware/limit-writes.ts';
import { readBody } from '../middleware/read-body.ts';
import { requireSamePerson } from '../middleware/require-same-person.ts';
import { requireSession } from '../middleware/require-session.ts';
import { pageHref, readId, readListQuery } from '../pages/list-query.tsx';
import { renderCard } from '../pages/memo-card.tsx';
import { renderText } from '../pages/memo-text.tsx';
import type { Notice } from '../pages/notice.tsx';
import type { Change, Outcome } from '../store/memos.ts';
import { type HomePages, pauseFor } from './home.tsx';

/** Printable ASCII, as an `Idempotency-Key` or a form's key. */
const KEY = /^[\x20-\x7e]{1,100}$/;

export function memoRoutes(
  { config, changes, limiter, log, memos, sessions }: AppContext,
  home: HomePages,
) {
  const app = new Hono<Env>();
  app.use('/:id?', readBody({ sessions, limit: TEXT_BODY_BYTES }));
  app.use('/:id/:action', readBody({ sessions }));
  app.use(
    requireSession(config),
    requireSamePerson(),
    limitWrites(limiter, config),
    announceChanges(changes),
  );

  /**
   * Responds to a form that has changed a memo: to htmx with the memo's card, or with the page if a card
   * is not enough; to a browser with a redirect to the page.
   * @param memo the memo as it is now; undefined: it was deleted
   * @param options.query the list that the page shows
   * @param options.anchor the fragment of the redirect
   */
  const respondToForm = async (
    c: Context<Env>,
    notice: Notice,
    id: number,
    memo: StoredMemo | undefined,
    { query = readListQuery(c.get('form') ?? new Map()), anchor = `#m${id}` } = {},
  ) => {
    if (!c.get('page').fragment) {
      const deleted = 'removed' in notice ? notice.removed : undefined;
      return redirect(c, pageHref(config, { ...query, deleted }) + anchor, 303);
    }
    try {
      const changed = await home.change(c, query, notice, id, memo);
      return changed ?? (await home.page(c, query, notice));
    } catch {
      // The change is stored, so the response must not be an error: htmx reloads the page.
      return respond(c, '', {
        headers: { 'Content-Type': 'text/html; charset=UTF-8', 'HX-Refresh': 'true' },
      });
    }
  };

  // All memos, newest first; with `limit`, `before` or `q` one page of them.
  app.get('/', async (c) => {
    const { userId } = c.get('reader');
    const { limit, before } = c.req.query();
    const query = readListQuery(new Map(Object.entries(c.req.query())));
    if (c.get('page').fragment) return home.older(c, query);
    const search = createSearch(query.q ?? '');
    if (limit === undefined && before === undefined && !search) {
      return streamAll(c, memos.all(userId), log);
    }
    const size = limit === undefined ? PAGE_SIZE : readId(limit);
    const cursor = readId(before);
    if (size === undefined || size > PAGE_LIMIT || (before !== undefined && cursor === undefined)) {
      throw new Problem('bad-request');
    }
    const part = await home.list(c, size, { search, before: cursor });
    const end = part.next === undefined ? ']}' : `],"next":"${part.next}"}`;
    return respondJson(
      c,
      joinBytes([encoder.encode(LIST), joinMembers(part.memos), encoder.encode(end)]),
    );
  });

  // A new memo, once for each idempotency key.
  app.post('/', async (c) => {
    const { userId } = c.get('reader');
    const form = c.get('form');
    const text = readText((form ?? requireJson(c)).get('text'));
    const key = form ? form.get('key') : c.req.header('Idempotency-Key');
    if (key !== undefined && !KEY.test(key)) throw new Problem('bad-key');
    // After going back, the browser fills the old text into a form that has a new key: if it is sent
    // again, the person is asked, because it may be a duplicate.
    const refuseRepeat = form !== undefined && !form.has('again');
    const result = await memos.append(userId, text, key, { refuseRepeat });
    if (result.status === 'key reused') throw new Problem('key-reused');
    if (result.status === 'repeated') throw new Problem('repeated');
    if (result.status === 'no room') throw new Problem('person-full');
    const id = idOf(result.memo);
    if (form) {
      return respondToForm(c, { done: c.get('page').t.saved }, id, result.memo, { anchor: '' });
    }
    return respondMemo(c, result.memo, {
      status: result.status === 'created' ? 201 : 200,
      headers: { Location: `${config.prefix}/memo/${id}` },
    });
  });

  // One memo: JSON, or its card for htmx.
  app.get('/:id', async (c) => {
    const stored = await memos.find(c.get('reader').userId, requireId(c));
    if (stored === undefined) throw new Problem('not-found');
    const page = c.get('page');
    if (!page.fragment) return respondMemo(c, stored);
    const memo = parseMemo(stored);
    const text = await joinYielding(renderText({ page, memo }), pauseFor(c));
    return renderPage(c, raw(renderCard({ page, memo, text }, pageHref(page, {}))));
  });

  // Changes text, pin or both; with `If-Match`, only if the text is still the one that was read.
  app.patch('/:id', async (c) => {
    const change = readChange(requireJson(c));
    const version = readVersion(c.req.header('If-Match'));
    const memo = requireDone(
      await memos.edit(c.get('reader').userId, requireId(c), change, version),
    );
    return respondMemo(c, memo);
  });

  // Moves a memo to the trash; `If-Match` as above.
  app.delete('/:id', async (c) => {
    const version = readVersion(c.req.header('If-Match'));
    requireDone(await memos.remove(c.get('reader').userId, requireId(c), version));
    return respond(c, null, { status: 204 });
  });

  // A new text from a form. Forms have routes of their own, because HTML sends only GET and POST.
  app.post('/:id', async (c) => {
    const id = requireId(c);
    const form = requireForm(c);
    const text = readText(form.get('text'));
    const version = readId(form.get('version'));
    if (version === undefined) throw new Problem('bad-request');
    const outcome = await memos.edit(c.get('reader').userId, id, { text }, version);
    if (outcome.status === 'missing') throw new Problem('memo-deleted');
    const memo = requireDone(outcome);
    return respondToForm(c, { done: c.get('page').t.saved }, id, memo, {
      query: { ...readListQuery(form), edit: undefined },
    });
  });

  // Ticks a task, or takes the tick off: the task on this line of this version of the text.
  app.post('/:id/task', async (c) => {
    const id = requireId(c);
    const form = requireForm(c);
    // All cards share one form, so the button of a task has its version and line in its address.
    const field = (name: string) => form.get(name) ?? c.req.query(name);
    const version = readId(field('version'));
    const line = field('line') ?? '';
    const task = form.get('done');
    if (version === undefined || !/^\d{1,5}$/.test(line) || (task !== 'true' && task !== 'false')) {
      throw new Problem('bad-request');
    }
    const text = (present: string) => setTask(present, Number(line), task === 'true');
    const outcome = await memos.edit(c.get('reader').userId, id, { text }, version);
    if (outcome.status === 'changed') {
      throw new Problem('task-changed', { headers: etag(outcome.memo) });
    }
    return respondToForm(c, { done: '' }, id, requireDone(outcome));
  });

  // Pins a memo, or takes the pin off.
  app.post('/:id/pin', async (c) => {
    const id = requireId(c);
    const form = requireForm(c);
    const pin = form.get('pin');
    if (pin !== 'true' && pin !== 'false') throw new Problem('bad-request');
    const memo = requireDone(await memos.edit(c.get('reader').userId, id, { pin: pin === 'true' }));
    const query = readListQuery(form);
    // A pinned memo is on the first page.
    if (pin === 'true' && query.q === undefined) query.before = undefined;
    const { t } = c.get('page');
    return respondToForm(c, { done: pin === 'true' ? t.pinDone : t.unpinDone }, id, memo, {
      query,
    });
  });

  // Moves a memo to the trash.
  app.post('/:id/delete', async (c) => {
    const id = requireId(c);
    requireForm(c);
    requireDone(await memos.remove(c.get('reader').userId, id));
    return respondToForm(c, { removed: id }, id, undefined, { anchor: '' });
  });

  // Undoes a deletion, for forms and programs.
  app.post('/:id/restore', async (c) => {
    const memo = requireDone(await memos.restore(c.get('reader').userId, requireId(c)));
    if (!c.get('form')) return respondMemo(c, memo);
    return respondToForm(c, { done: c.get('page').t.restored }, parseMemo(memo).id, memo);
  });

  return app;
}

/** The memo of an outcome. @throws Problem if nothing was done */
function requireDone(outcome: Outcome): string {
  switch (outcome.status) {
    case 'done':
      return outcome.memo;
    case 'missing':
      throw new Problem('not-found');
    case 'changed':
      throw new Problem('changed', { memo: outcome.memo, headers: etag(outcome.memo) });
    case 'not applicable':
      throw new Problem('not-a-task');
    case 'too many pins':
      throw new Problem('too-many-pins');
    case 'no room':
      throw new Problem('person-full');
  }
}

const etag = (memo: string) => ({ ETag: `"${versionOf(parseMemo(memo))}"` });

/** Responds with JSON; stored memos are not parsed and printed again. */
const respondJson = (
  c: Context<Env>,
  body: string | Uint8Array<ArrayBuffer> | ReadableStream,
  { status, headers }: ResponseOptions = {},
) => respond(c, body, { status, headers: { 'Content-Type': 'application/json', ...headers } });

const respondMemo = (c: Context<Env>, memo: string, { status, headers }: ResponseOptions = {}) =>
  respondJson(c, memo, { status, headers: { ...etag(memo), ...headers } });

const encoder = new TextEncoder();

/** The beginning of a list of memos. */
const LIST = '{"memos":[';

/** Streams all memos as one JSON object while they are read, so that memory stays flat. */
async function streamAll(c: Context<Env>, chunks: AsyncGenerator<Uint8Array>, log: Log) {
  // The first chunk is read before the status is sent, so that a failing Redis gets an error response.
  let chunk = await chunks.next();
  // Two chunks are held: one on its way to the client, and the next one.
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
        // Only the message is logged, because a Redis error has its command. The response breaks off, so
        // that no client takes it for complete.
        const reason = error instanceof Error ? error.message : String(error);
        log.error({ id: c.get('requestId'), reason }, 'an answer broke off');
        controller.error(new Error('the storage failed in the middle of an answer'));
      }
    },
    async cancel() {
      await chunks.return(undefined);
    },
  };
  // 0: nothing is read before the client asks for it.
  const body = new ReadableStream(source, { highWaterMark: 0 });
  return respondJson(c, body);
}

function requireId(c: Context<Env>): number {
  const id = readId(c.req.param('id'));
  if (id === undefined) throw new Problem('not-found');
  return id;
}

/**
 * A memo's text as it is stored: trimmed.
 * @throws Problem 400 if it is no string, blank, too long, or has NUL or lone surrogates
 */
function readText(value: unknown): string {
  if (typeof value !== 'string') throw new Problem('text-missing');
  if (!value.isWellFormed() || value.includes('\0')) throw new Problem('text-invalid');
  const text = value.trim();
  if (text === '') throw new Problem('text-blank');
  if (text.length > TEXT_LENGTH && [...text].length > TEXT_LENGTH) {
    throw new Problem('text-too-long');
  }
  return text;
}

function readChange(body: Map<string, unknown>): Change {
  const pin = body.get('pin');
  if (pin !== undefined && typeof pin !== 'boolean') throw new Problem('bad-request');
  if (pin === undefined && !body.has('text')) throw new Problem('nothing-to-change');
  return { pin, ...(body.has('text') && { text: readText(body.get('text')) }) };
}

/** The version in `If-Match` (RFC 9110 §13.1.1); undefined: any. An ETag that is not ours is NaN. */
function readVersion(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch === '*') return undefined;
  return Number(/^"([1-9]\d{0,15})"$/.exec(ifMatch)?.[1]);
}
