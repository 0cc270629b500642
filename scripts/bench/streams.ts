/** A process that holds event streams open and reports change events to its parent. */
import { connect } from 'node:net';

export interface Streams {
  port: number;
  /** one per stream */
  cookies: string[];
}

/** A message to the parent: all streams are open, one received a change, or one was lost. */
export type Report = { open: true } | { changed: number; at: number } | { lost: string };

/** Connections opened at a time: the listen queue of the server would overflow with too many. */
const AT_ONCE = 100;

/** The monotonic clock, which all processes of a machine share, in ms. */
export const monotonic = () => Number(process.hrtime.bigint()) / 1e6;

function open(port: number, cookie: string, index: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('utf8');
    socket.write(`GET /memo/events HTTP/1.1\r\nHost: memo\r\nCookie: ${cookie}\r\n\r\n`);
    let isOpen = false;
    socket.on('data', (data: string) => {
      // The server writes each event at once, so it arrives in one piece.
      if (data.includes('event: changed')) report({ changed: index, at: monotonic() });
      if (isOpen || !data.includes('event: alive')) return;
      isOpen = true;
      resolve();
    });
    socket.once('error', (error) => report({ lost: error.message }));
    socket.once('close', () => report({ lost: 'a stream was closed' }));
  });
}

function report(what: Report): void {
  process.send?.(what);
}

process.once('message', async ({ port, cookies }: Streams) => {
  let next = 0;
  const openOnes = async () => {
    for (let i = next++; i < cookies.length; i = next++) await open(port, cookies[i]!, i);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, openOnes));
  report({ open: true });
});
process.once('disconnect', () => process.exit());
