/**
 * The Redis commands of one request, by name. Each is a round trip before the response, and time of the
 * one thread in which Redis serves everybody.
 */
import { Readable } from 'node:stream';
import type { Redis } from 'ioredis';
import { beforeAll, describe, expect, test } from 'vitest';
import { FORM_TYPE } from '../http/body.ts';
import { createTestApp } from '../testing/app.ts';

const env = { WRITES_PER_MINUTE: '600', STORAGE_PER_PERSON: '0' };
const plain = createTestApp({ env });
const measured = createTestApp({ env: { ...env, STORAGE_PER_PERSON: '64' } });

type Person = Awaited<ReturnType<typeof plain.logIn>>;

/** A person with one memo, which is a task. */
async function begin(): Promise<{ me: Person; id: number }> {
  const me = await plain.logIn();
  const { id } = await (await me.send('POST', '/memo', { text: '- [ ] 우유' })).json();
  return { me, id };
}

// From here on Redis has the scripts: a client that finds them missing sends each twice.
beforeAll(begin);

const HTMX = { 'HX-Request': 'true', 'Memo-Lists': 'pinned memos' };

/** Posts a form whose body arrives with the headers, as short ones do at the Node adapter. */
async function post({ cookie }: Person, path: string, fields = {}, { app } = plain) {
  const body = new Readable({ read() {} });
  body.push(String(new URLSearchParams(fields)));
  const headers = { ...HTMX, Cookie: cookie, 'Content-Type': FORM_TYPE };
  const incoming = Object.assign(body, { complete: true });
  return app.request(path, { method: 'POST', headers }, { incoming });
}

/** Makes a request. @returns the commands that it took, each with the kind of its key */
async function record(
  request: () => Response | Promise<Response>,
  { redis } = plain,
): Promise<string[]> {
  const { sendCommand } = redis;
  const sent: string[] = [];
  redis.sendCommand = (command, stream) => {
    sent.push(describeCommand(command));
    return sendCommand.call(redis, command, stream);
  };
  try {
    const response = await request();
    await response.text();
    expect(response.status).toBe(200);
  } finally {
    redis.sendCommand = sendCommand;
  }
  return sent;
}

/** `find memos` for the operation `find` of memos.lua on `user:<id>:memos`. */
function describeCommand({ name, args }: Parameters<Redis['sendCommand']>[0]): string {
  if (name !== 'evalsha') return `${name} ${kindOf(args[0])}`;
  // A script's arguments are its hash, the number of keys, the key, and in memos.lua the operation.
  const kind = kindOf(args[2]);
  return kind === 'writes' ? 'take writes' : `${args[3]} ${kind}`;
}

/** `session` for `session:<hash>`, `memos` for `user:<id>:memos`. */
const kindOf = (key: unknown) => String(key).replace(/^user:[^:]*:|:.*/g, '');

describe('the Redis commands', () => {
  test('of the page read the session, the memos and the pins, and what is pinned or edited', async () => {
    const { me, id } = await begin();
    const page = ['get session', 'page memos', 'smembers pins'];
    expect(await record(() => me.request('/'))).toEqual(page);
    expect(await record(() => me.request(`/?edit=${id}`))).toEqual([...page, 'find memos']);
    await post(me, `/memo/${id}/pin`, { pin: 'true' });
    expect(await record(() => me.request('/'))).toEqual([...page, 'find memos']);
  });

  test('of a page of the API read the session and the memos', async () => {
    const { me } = await begin();
    expect(await record(() => me.request('/memo?limit=50'))).toEqual(['get session', 'page memos']);
  });

  test('of a save are one each for session, limit, memo and message', async () => {
    const { me } = await begin();
    const save = ['get session', 'take writes', 'append memos', 'publish changes'];
    expect(await record(() => post(me, '/memo', { text: '달걀', key: 'k' }))).toEqual(save);
    // A body that arrives after the session was read may have outlived it.
    expect(await record(() => me.post('/memo', { text: '치즈', key: 'l' }, HTMX))).toEqual([
      'get session',
      'exists session',
      ...save.slice(1),
    ]);
  });

  test('of a save measure the person’s storage once a minute, if it is limited', async () => {
    const me = await measured.logIn();
    const save = (key: string) => post(me, '/memo', { text: `달걀 ${key}`, key }, measured);
    expect(await record(() => save('k'), measured)).toEqual([
      'get session',
      'take writes',
      'memory memos',
      'memory trash',
      'append memos',
      'publish changes',
    ]);
    expect(await record(() => save('l'), measured)).toEqual([
      'get session',
      'take writes',
      'append memos',
      'publish changes',
    ]);
  });

  test('of a tick read the memo and replace it', async () => {
    const { me, id } = await begin();
    const tick = { version: String(id), line: '0', done: 'true' };
    expect(await record(() => post(me, `/memo/${id}/task`, tick))).toEqual([
      'get session',
      'take writes',
      'find memos',
      'replace memos',
      'publish changes',
    ]);
  });

  test('of a pin add it to the index before and after the memo is replaced', async () => {
    const { me, id } = await begin();
    expect(await record(() => post(me, `/memo/${id}/pin`, { pin: 'true' }))).toEqual([
      'get session',
      'take writes',
      'find memos',
      'pin pins',
      'replace memos',
      'sadd pins',
      'publish changes',
    ]);
    expect(await record(() => post(me, `/memo/${id}/pin`, { pin: 'false' }))).toEqual([
      'get session',
      'take writes',
      'find memos',
      'replace memos',
      'srem pins',
      'find memos', // it may have been pinned again meanwhile
      'publish changes',
    ]);
  });

  test('of a deletion and of its undoing write the copy before they remove the original', async () => {
    const { me, id } = await begin();
    expect(await record(() => post(me, `/memo/${id}/delete`))).toEqual([
      'get session',
      'take writes',
      'find memos',
      'discard trash',
      'remove memos',
      'publish changes',
    ]);
    expect(await record(() => post(me, `/memo/${id}/restore`))).toEqual([
      'get session',
      'take writes',
      'discarded trash',
      'insert memos',
      'lrem trash',
      'publish changes',
    ]);
  });
});
