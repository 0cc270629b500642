import { Hono } from 'hono';
import type { Dependencies, Env } from '../env.ts';
import { readSession, requireSession } from '../middleware/session.ts';
import type { Session } from '../sessions.ts';

/** Often enough that no proxy takes a quiet stream for a dead one (an ALB's limit is 60 s), in ms. */
const HEARTBEAT = 25_000;

/** Sessions that are looked for at once: other requests get their turn in between. */
const CHUNK = 100;

const CONTENT_TYPE = { 'Content-Type': 'text/event-stream' };

/** Says nothing but that there is a connection. An event, as a page does not see comments. */
const ALIVE = 'event: alive\ndata:\n\n';

/**
 * `text/event-stream` (WHATWG HTML §9.2): the event `changed` whenever the memos have changed, with the
 * tab that changed them, if one did; and `alive`. Streams end with their session: at once when it is
 * ended, with the next heartbeat when it expires. And they end when the server is about to stop.
 */
export function eventRoutes({ config, events, sessions, shutdown }: Dependencies) {
  const app = new Hono<Env>();
  const streams = new Map<EventStream, Session>();
  let heartbeat: ReturnType<typeof setInterval> | undefined;
  const beat = () => {
    for (const stream of streams.keys()) stream.send(ALIVE);
    void closeEnded([...streams]);
  };
  shutdown.addEventListener('abort', () => {
    for (const stream of streams.keys()) stream.close();
  });

  /** Closes the streams whose session has ended. While Redis does not say, they go on. */
  async function closeEnded(some: [EventStream, Session][]): Promise<void> {
    for (let i = 0; i < some.length; i += CHUNK) {
      const looks = some.slice(i, i + CHUNK).map(async ([stream, session]) => {
        if (!(await sessions.isOpen(session))) stream.close();
      });
      // The others of a Redis that does not answer would wait for it one chunk after the other.
      if ((await Promise.allSettled(looks)).some(({ status }) => status === 'rejected')) return;
    }
  }

  app.get('/', readSession(sessions, { counts: false }), requireSession(config), async (c) => {
    const session = c.get('session')!;
    // Of an answer to HEAD nobody reads the stream, nor says that nobody does.
    if (c.req.method === 'HEAD') return c.body(null, 200, CONTENT_TYPE);
    const stream = new EventStream();
    const unsubscribe = await events.subscribe(session.userId, {
      tell: (tab) => stream.send(`event: changed\ndata: ${tab}\n\n`),
      check: () => void closeEnded([[stream, session]]),
      end: () => stream.close(),
    });
    streams.set(stream, session);
    heartbeat ??= setInterval(beat, HEARTBEAT);
    stream.ended.then(() => {
      unsubscribe();
      streams.delete(stream);
      if (streams.size > 0) return;
      clearInterval(heartbeat);
      heartbeat = undefined;
    });
    // At once, so that the browser knows that it is connected.
    stream.send(ALIVE);
    if (shutdown.aborted) stream.close();
    return c.body(stream.body, 200, CONTENT_TYPE);
  });

  return app;
}

/** A stream of text, until it is closed or its reader leaves. */
class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  /** resolves when nobody reads any more */
  readonly ended: Promise<void>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #open = true;
  #end!: () => void;
  static readonly #encoder = new TextEncoder();

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = () => {
        this.#open = false;
        resolve();
      };
    });
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#end(),
    });
  }

  send(text: string): void {
    if (this.#open) this.#controller.enqueue(EventStream.#encoder.encode(text));
  }

  close(): void {
    if (!this.#open) return;
    this.#end();
    this.#controller.close();
  }
}
