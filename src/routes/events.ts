import { Hono } from 'hono';
import { every } from 'hono/combine';
import type { Dependencies, Env } from '../env.ts';
import { readSession, requireSession } from '../middleware/session.ts';

/** Often enough that no proxy takes a quiet stream for a dead one (an ALB's limit is 60 s), in ms. */
const HEARTBEAT = 25_000;

/**
 * `text/event-stream` (WHATWG HTML §9.2): one event, `changed`, whenever the memos have changed; its
 * data is the tab that changed them, if one did.
 */
export function eventRoutes({ config, events, sessions, shutdown }: Dependencies) {
  const app = new Hono<Env>();

  app.get('/', every(readSession(sessions), requireSession(config)), async (c) => {
    const encoder = new TextEncoder();
    let controller: ReadableStreamDefaultController<Uint8Array>;
    let heartbeat: ReturnType<typeof setInterval>;
    const send = (lines: string) => controller.enqueue(encoder.encode(lines));
    const unsubscribe = await events.subscribe(c.get('session')!.userId, (tab) =>
      send(`event: changed\ndata: ${tab}\n\n`),
    );
    const end = () => {
      clearInterval(heartbeat);
      shutdown.removeEventListener('abort', close);
      unsubscribe();
    };
    const close = () => {
      end();
      controller.close();
    };
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given;
        // A comment at once, so that the browser knows that it is connected.
        send(':\n\n');
        heartbeat = setInterval(() => send(':\n\n'), HEARTBEAT);
        shutdown.addEventListener('abort', close);
        if (shutdown.aborted) close();
      },
      cancel: end,
    });
    return c.body(body, 200, { 'Content-Type': 'text/event-stream' });
  });

  return app;
}
