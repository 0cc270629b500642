import { Hono } from 'hono';
import type { AppContext } from '../context.ts';
import type { Env } from '../http/env.ts';
import { respond } from '../http/respond.ts';
import { readSession } from '../middleware/read-session.ts';
import { requireSession } from '../middleware/require-session.ts';
import type { Listener } from '../store/changes.ts';
import type { Session } from '../store/sessions.ts';

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
export function eventRoutes({ config, changes, sessions, shutdown }: AppContext) {
  const app = new Hono<Env>();
  app.use(readSession(sessions, { counts: false }), requireSession(config));
  const streams = new Set<EventStream>();
  let heartbeat: ReturnType<typeof setInterval> | undefined;
  const beat = () => {
    for (const stream of streams) stream.send(ALIVE);
    void closeEnded([...streams]);
  };
  shutdown.addEventListener('abort', () => {
    for (const stream of streams) stream.end();
  });

  /** Closes the streams whose session has ended. While Redis does not say, they go on. */
  async function closeEnded(some: EventStream[]): Promise<void> {
    for (let i = 0; i < some.length; i += CHUNK) {
      const looks = some.slice(i, i + CHUNK).map(async (stream) => {
        if (!(await sessions.isOpen(stream.session))) stream.end();
      });
      // The others of a Redis that does not answer would wait for it one chunk after the other.
      if ((await Promise.allSettled(looks)).some(({ status }) => status === 'rejected')) return;
    }
  }

  const owner: Owner = {
    check: (stream) => void closeEnded([stream]),
    forget(stream) {
      changes.unsubscribe(stream.session.userId, stream);
      if (!streams.delete(stream) || streams.size > 0) return;
      clearInterval(heartbeat);
      heartbeat = undefined;
    },
  };

  app.get('/', async (c) => {
    const session = c.get('reader');
    // HEAD gets no stream: nothing would read or cancel it.
    if (c.req.method === 'HEAD') return respond(c, null, { headers: CONTENT_TYPE });
    const stream = new EventStream(session, owner);
    streams.add(stream);
    heartbeat ??= setInterval(beat, HEARTBEAT);
    try {
      await changes.subscribe(session.userId, stream);
    } catch (error) {
      stream.end();
      throw error;
    }
    // At once, so that the browser knows that it is connected.
    stream.send(ALIVE);
    if (shutdown.aborted) stream.end();
    return respond(c, stream.body, { headers: CONTENT_TYPE });
  });

  return app;
}

/** Who has a stream, and is told by it what it cannot do itself. */
interface Owner {
  /** its session may have ended */
  check(stream: EventStream): void;
  /** nobody reads it any more */
  forget(stream: EventStream): void;
}

/**
 * A stream of text, until it is ended or its reader leaves. One object is its listener and the source
 * of its body, as there are tens of thousands of them.
 */
class EventStream implements Listener {
  readonly session: Session;
  readonly body: ReadableStream<Uint8Array>;
  readonly #owner: Owner;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  static readonly #encoder = new TextEncoder();

  constructor(session: Session, owner: Owner) {
    this.session = session;
    this.#owner = owner;
    this.body = new ReadableStream(this);
  }

  /** Called by the body. */
  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  /** Called by the body when its reader leaves. */
  cancel(): void {
    this.#controller = undefined;
    this.#owner.forget(this);
  }

  send(text: string): void {
    this.#controller?.enqueue(EventStream.#encoder.encode(text));
  }

  tell(tab: string): void {
    this.send(`event: changed\ndata: ${tab}\n\n`);
  }

  check(): void {
    this.#owner.check(this);
  }

  end(): void {
    const controller = this.#controller;
    if (!controller) return;
    this.cancel();
    controller.close();
  }
}
