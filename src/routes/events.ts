import { Hono } from 'hono';
import type { AppContext } from '../context.ts';
import type { Env } from '../http/env.ts';
import { respond } from '../http/respond.ts';
import { readSession } from '../middleware/read-session.ts';
import { requireSession } from '../middleware/require-session.ts';
import type { Listener } from '../store/changes.ts';
import type { Session } from '../store/sessions.ts';

/** In ms: shorter than the idle timeout of any proxy (an AWS ALB's is 60 s). */
const HEARTBEAT = 25_000;

/** Sessions that are looked up at once; other requests get their turn in between. */
const CHUNK = 100;

const CONTENT_TYPE = { 'Content-Type': 'text/event-stream' };

/** The heartbeat. An event, because scripts do not see the comments of a stream. */
const ALIVE = 'event: alive\ndata:\n\n';

/**
 * `text/event-stream` (WHATWG HTML §9.2): the event `changed` when the person's memos have changed, whose
 * data is the tab that changed them, and `alive` as a heartbeat. A stream ends when its session is
 * ended, at the next heartbeat after its session expired, and when shutdown begins.
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

  /** Ends the streams whose session has ended. While Redis does not respond, they go on. */
  async function closeEnded(some: EventStream[]): Promise<void> {
    for (let i = 0; i < some.length; i += CHUNK) {
      const lookups = some.slice(i, i + CHUNK).map(async (stream) => {
        if (!(await sessions.isOpen(stream.session))) stream.end();
      });
      // If Redis does not respond, the other chunks would time out one after the other.
      if ((await Promise.allSettled(lookups)).some(({ status }) => status === 'rejected')) return;
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

  // The stream of the person's changes.
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
    // Sent at once, so that the page knows that it is connected.
    stream.send(ALIVE);
    if (shutdown.aborted) stream.end();
    return respond(c, stream.body, { headers: CONTENT_TYPE });
  });

  return app;
}

/** The callbacks of a stream to the routes that own it. */
interface Owner {
  /** called when the stream's session may have ended */
  check(stream: EventStream): void;
  /** called when the stream has ended or its client has disconnected */
  forget(stream: EventStream): void;
}

/**
 * A stream of events, until it is ended or its client disconnects. One object is both the listener and
 * the source of the body, because there are tens of thousands of streams.
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

  /** Called by the body when the client disconnects. */
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
