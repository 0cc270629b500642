import { once } from 'node:events';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { STREAMS_PER_PERSON } from '../memo/bounds.ts';
import { connectAnother, connectRedis } from '../node/redis.ts';
import { connect, createTestApp, newId } from '../testing/app.ts';
import { startFaultProxy } from '../testing/fault-proxy.ts';
import { connectTo, createPerson, startOwnRedis } from '../testing/stage.ts';
import { createChanges } from './changes.ts';
import { createSessionStore } from './sessions.ts';

/** Reads a stream; `until` resolves when the text since its last call matches. */
function readStream(response: Response) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    /** Reads until it matches. A `changed` of a connection that has just become ready may come before. */
    async until(pattern: RegExp): Promise<void> {
      while (!pattern.test(text)) {
        const { done, value } = await reader.read();
        if (done) throw new Error(`the stream ended after ${JSON.stringify(text)}`);
        text += value;
      }
      text = '';
    },
    ended: async () => {
      while (!(await reader.read()).done);
    },
    cancel: () => reader.cancel(),
  };
}

test('every change notifies all pages of the person, whichever process serves them', async () => {
  const [one, two] = [createTestApp(), createTestApp()];
  const me = await one.logIn();
  const open = async ({ app }: typeof one) => {
    const answer = await app.request('/memo/events', { headers: { Cookie: me.cookie } });
    expect(answer.headers.get('Content-Type')).toBe('text/event-stream');
    const stream = readStream(answer);
    await stream.until(/event: alive\n/);
    return stream;
  };
  const streams = [await open(one), await open(one), await open(two)];
  const { id } = await (await me.send('POST', '/memo', { text: '새 글' })).json();
  for (const stream of streams) await stream.until(/event: changed\n/);
  for (const change of [
    () => me.send('PATCH', `/memo/${id}`, { text: '고친 글' }),
    () => me.send('PATCH', `/memo/${id}`, { pin: true }),
    () => me.post(`/memo/${id}/delete`, {}),
    () => me.post(`/memo/${id}/restore`, {}),
  ]) {
    await change();
    for (const stream of streams) await stream.until(/event: changed\n/);
  }
  await streams[0]!.cancel();
  await me.send('POST', '/memo', { text: '또' });
  await streams[1]!.until(/event: changed\n/);
  for (const stream of streams) await stream.cancel();
  await expect
    .poll(() => one.redis.pubsub('NUMSUB', `user:${me.id}:changes`))
    .toEqual([`user:${me.id}:changes`, 0]);
});

test('a HEAD request opens no stream', async () => {
  const { logIn, redis } = createTestApp();
  const me = await logIn();
  const answer = await me.request('/memo/events', { method: 'HEAD' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Content-Type')).toBe('text/event-stream');
  const channel = `user:${me.id}:changes`;
  expect(await redis.pubsub('NUMSUB', channel)).toEqual([channel, 0]);
});

test('a stream needs a session, and receives no changes of other people', async () => {
  const { app, logIn } = createTestApp();
  const [me, other] = [await logIn(), await logIn()];
  expect((await app.request('/memo/events')).status).toBe(302);
  const stream = readStream(await me.request('/memo/events'));
  await stream.until(/event: alive\n/);
  await other.send('POST', '/memo', { text: '비밀' });
  await me.send('POST', '/memo', { text: '내 글' });
  await stream.until(/^event: changed\ndata: \n\n$/);
});

test('a refused request notifies no page', async () => {
  const { logIn, redis } = createTestApp();
  const me = await logIn();
  const { id } = await (await me.send('POST', '/memo', { text: '글' })).json();
  const subscriber = connect();
  await subscriber.ping(); // connected, so it reports no gap any more
  const told: string[] = [];
  await createChanges(redis, subscriber).subscribe(me.id, {
    tell: (tab) => told.push(tab),
    check: () => {},
    end: () => {},
  });
  const edit = (text: string, headers: object) =>
    me.send('PATCH', `/memo/${id}`, { text }, headers);
  const refused = await edit('고친 글', { 'If-Match': '"1"', 'Memo-Tab': 'refused' });
  expect(refused.status).toBe(412);
  expect((await edit('고친 글', { 'Memo-Tab': 'done' })).status).toBe(200);
  await expect.poll(() => told).toContain('done');
  expect(told).toEqual(['done']);
});

test('of 25 streams that one person opens at once, the oldest 5 end, each once', async () => {
  const events = createChanges(connect(), connect());
  const id = newId();
  const ended: number[] = [];
  const opening = Array.from({ length: STREAMS_PER_PERSON + 5 }, (_, i) =>
    events.subscribe(id, { tell: () => {}, check: () => {}, end: () => ended.push(i) }),
  );
  await Promise.all(opening);
  expect(ended).toEqual([0, 1, 2, 3, 4]);
});

test('a stream that is opened during shutdown ends at once', {
  timeout: 5_000,
}, async () => {
  const { logIn } = createTestApp({ deps: { shutdown: AbortSignal.abort() } });
  const me = await logIn();
  const stream = readStream(await me.request('/memo/events'));
  await stream.ended();
});

test('streams end when shutdown begins', async () => {
  const stop = new AbortController();
  const { logIn } = createTestApp({ deps: { shutdown: stop.signal } });
  const me = await logIn();
  const stream = readStream(await me.request('/memo/events'));
  await stream.until(/event: alive\n/);
  stop.abort();
  await stream.ended();
});

test('a stream that is opened during a change receives it', async () => {
  const { logIn, redis } = createTestApp();
  const me = await logIn();
  const channel = `user:${me.id}:changes`;
  const publish = setInterval(() => redis.publish(channel, ''));
  onTestFinished(() => clearInterval(publish));
  for (let i = 0; i < 50; i++) {
    const stream = readStream(await me.request('/memo/events'));
    await stream.until(/event: changed\n/);
    await stream.cancel();
  }
});

test('a channel is unsubscribed when its last stream is cancelled', async () => {
  const { logIn, redis } = createTestApp();
  const me = await logIn();
  const answers = await Promise.all(Array.from({ length: 20 }, () => me.request('/memo/events')));
  const channel = `user:${me.id}:changes`;
  expect(await redis.pubsub('NUMSUB', channel)).toEqual([channel, 1]);
  for (const answer of answers) await answer.body!.cancel();
  await expect.poll(() => redis.pubsub('NUMSUB', channel)).toEqual([channel, 0]);
});

test('every page is notified when the connection to Redis is back', async () => {
  const [publisher, subscriber] = [connect(), connect()];
  const id = await subscriber.client('ID');
  const changes = createChanges(publisher, subscriber);
  const { logIn, redis } = createTestApp({ deps: { changes } });
  const me = await logIn();
  const stream = readStream(await me.request('/memo/events'));
  await stream.until(/event: alive\n/);
  await redis.call('CLIENT', 'KILL', 'ID', id);
  await stream.until(/event: changed\n/);
  await me.send('POST', '/memo', { text: '다시 이어진 뒤' });
  await stream.until(/event: changed\n/);
  await stream.cancel();
});

test('pages receive changes after the connection broke again while it was resubscribing', async () => {
  const url = new URL(inject('redisUrl'));
  const proxy = await startFaultProxy(Number(url.port));
  url.port = String(proxy.port);
  const { config } = createTestApp({ env: { REDIS_URL: url.href } });
  const first = await connectRedis(config.redis, { info: () => {}, error: () => {} });
  const subscriber = await connectAnother(first);
  onTestFinished(() => {
    subscriber.disconnect();
    first.disconnect();
  });
  const events = createChanges(connect(), subscriber);
  const id = newId();
  const told: string[] = [];
  await events.subscribe(id, { tell: (tab) => told.push(tab), check: () => {}, end: () => {} });

  proxy.set({ loseReplies: /subscribe/i });
  const isBack = once(subscriber, 'ready');
  proxy.cut();
  await isBack;
  await once(subscriber, 'close');
  proxy.set({});
  await expect
    .poll(
      async () => {
        await events.publish(id, 'tab');
        return told;
      },
      { timeout: 5_000 },
    )
    .toContain('tab');
});

test('a stream ends with its session at once in any process, and other streams do not', {
  timeout: 5_000,
}, async () => {
  // Without heartbeats, which also end a stream whose session has ended.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const [one, two] = [createTestApp(), createTestApp()];
  const id = (await one.logIn()).id;
  const open = async () => {
    const me = await one.logIn(id);
    const answer = await two.app.request('/memo/events', { headers: { Cookie: me.cookie } });
    const stream = readStream(answer);
    await stream.until(/event: alive\n/);
    return { ...me, stream };
  };
  const [here, phone, laptop] = [await open(), await open(), await open()];
  await here.post('/logout', {});
  await here.stream.ended();
  const page = await (await laptop.request('/sessions')).text();
  for (const [, action] of page.matchAll(/action="(\/sessions\/[0-9a-f]{16}\/end)"/g)) {
    await laptop.post(action!, {});
  }
  await phone.stream.ended();

  await laptop.send('POST', '/memo', { text: '아직 열려 있다' });
  await laptop.stream.until(/event: changed\n/);
  await laptop.post('/sessions/end', {});
  await laptop.stream.ended();
});

test('a stream whose session has expired ends at a heartbeat, and other streams continue', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const { logIn, redis } = createTestApp();
  const people = await Promise.all(Array.from({ length: 250 }, () => logIn()));
  const streams = await Promise.all(
    people.map(async (person) => readStream(await person.request('/memo/events'))),
  );
  for (const stream of streams) await stream.until(/event: alive\n/);
  const [hash] = await redis.smembers(`user:${people.at(-1)!.id}:sessions`);
  await redis.del(`session:${hash}`);
  vi.advanceTimersByTime(25_000);
  for (const stream of streams) await stream.until(/event: alive\n/);
  await streams.pop()!.ended();
  for (const [i, stream] of streams.entries()) {
    await people[i]!.send('POST', '/memo', { text: '아직 열려 있다' });
    await stream.until(/event: changed\n/);
    await stream.cancel();
  }
});

test('a stream continues while Redis cannot say whether its session has ended', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const own = await startOwnRedis();
  const sessions = createSessionStore(connectTo(own.url));
  const { app, redis } = createTestApp({ deps: { sessions } });
  const { id, cookie } = await createPerson(connectTo(own.url));
  const stream = readStream(await app.request('/memo/events', { headers: { Cookie: cookie } }));
  await stream.until(/event: alive\n/);
  await own.current().kill();
  vi.advanceTimersByTime(25_000);
  await stream.until(/event: alive\n/);
  // By then, the heartbeat's command has failed, too.
  await expect(sessions.list(id)).rejects.toThrow();
  await redis.publish(`user:${id}:changes`, '');
  await stream.until(/event: changed\n/);
  await stream.cancel();
});
