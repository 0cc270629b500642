/**
 * What no option of ioredis 6.0.0 does. A function can go as soon as ioredis does the same by itself;
 * redis.test.ts and the tests of failover fail without it.
 */
import type { Socket } from 'node:net';
import { Cluster, type Command, type Redis } from 'ioredis';
import { COMMAND_MS } from '../memo/bounds.ts';
import { TIMED_OUT, TOO_SLOW } from '../store/redis-errors.ts';

/** A client that a failover has ended connects again after this, in ms. */
const RECONNECT_DELAY = 100;

export function applyWorkarounds(client: Redis | Cluster): void {
  if (client instanceof Cluster) client.on('+node', adjustSending);
  else {
    adjustSending(client);
    surviveFailover(client);
  }
}

/** How often the option `reconnectOnError` may reconnect, in ms. */
const READONLY_INTERVAL = 10_000;

/**
 * After a failover the old primary is a replica, and its name has to be resolved again. At most once in
 * ten seconds: while there is nothing but a replica, each new connection interrupts the readers.
 */
export function reconnectOnReadonly(): (error: Error) => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return (error) => {
    const isEarly = performance.now() - last < READONLY_INTERVAL;
    if (!error.message.startsWith('READONLY') || isEarly) return false;
    last = performance.now();
    return true;
  };
}

/**
 * Sends all commands of one turn of the event loop in one system call, and gives up those that are not
 * answered in time. ioredis writes each command by itself: `GET memo?limit=50` and `POST memo` took 11 %
 * and 29 % more CPU time (Node 26). Its autopipelining was tried, and rejected: it holds further
 * commands back until a batch is answered, and reports their errors as those of a pipeline.
 */
function adjustSending(client: Redis): void {
  const { sendCommand } = client;
  const startTimeout = createCommandTimeouts(client);
  client.sendCommand = (command, pipeline) => {
    const { stream } = client;
    if (stream && !stream.writableCorked) {
      stream.cork();
      setImmediate(() => stream.uncork());
    }
    const reply = sendCommand.call(client, command, pipeline);
    startTimeout(command);
    return reply;
  };
}

/**
 * Differs from the option `commandTimeout` in two ways. Pending replies are read before a command times
 * out, so that a busy event loop is not mistaken for a dead Redis. And a command whose reply waits behind
 * long ones gets as much time again while those are arriving; then it is this process that is too slow.
 * @returns to be called with each command when it has been sent
 */
function createCommandTimeouts(client: Redis): (command: Command) => void {
  // Ascending by `end`: one timer for all of them.
  const waiting: { command: Command; end: number; bytesRead: number; isExtended?: boolean }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const countRead = () => (client.stream as Socket | undefined)?.bytesRead ?? 0;
  const rejectOverdue = () => {
    const now = performance.now();
    while (waiting[0] && (waiting[0].command.isSettled || waiting[0].end <= now)) {
      const { command, bytesRead, isExtended } = waiting.shift()!;
      if (command.isSettled) continue;
      const isSilent = countRead() === bytesRead;
      if (isSilent || isExtended) command.reject(new Error(isSilent ? TIMED_OUT : TOO_SLOW));
      else {
        waiting.push({ command, end: now + COMMAND_MS, bytesRead: countRead(), isExtended: true });
      }
    }
    // `setImmediate` runs after the pending input was read.
    timer = waiting[0] && setTimeout(setImmediate, waiting[0].end - now, rejectOverdue);
  };
  return (command) => {
    while (waiting[0]?.command.isSettled) waiting.shift();
    waiting.push({ command, end: performance.now() + COMMAND_MS, bytesRead: countRead() });
    if (!timer) timer = setTimeout(setImmediate, COMMAND_MS, rejectOverdue);
  };
}

/**
 * ioredis ends a client for good if it hears of a failover while it asks the sentinels who is primary:
 * the client connects again, unless the application has ended it.
 */
function surviveFailover(client: Redis): void {
  const { disconnect } = client;
  let isMeant = false;
  client.disconnect = (reconnect) => {
    isMeant ||= !reconnect;
    disconnect.call(client, reconnect);
  };
  // Whatever else ends a client closes it before.
  let hasClosed = false;
  client.on('connecting', () => {
    hasClosed = false;
  });
  client.on('close', () => {
    hasClosed = true;
  });
  client.on('end', () => {
    if (hasClosed) return;
    setTimeout(() => {
      if (!isMeant) client.connect().catch(() => {}); // which reports it, and goes on
    }, RECONNECT_DELAY);
  });
}
