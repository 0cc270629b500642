/**
 * Workarounds for what no option of ioredis 6.0.0 does. A function can go when ioredis does the same:
 * redis.test.ts and failover.test.ts fail without it, but for corking
 * (docs/decisions/0003-corked-sends.md).
 */
import type { Socket } from 'node:net';
import { Cluster, type Command, type Redis } from 'ioredis';
import { COMMAND_MS } from '../memo/bounds.ts';
import { TIMED_OUT, TOO_SLOW } from '../store/redis-errors.ts';

/** Delay before a client that a failover has ended connects again, in ms. */
const RECONNECT_DELAY = 100;

/** Applies all workarounds to a client that has not connected yet. */
export function applyWorkarounds(client: Redis | Cluster): void {
  if (client instanceof Cluster) client.on('+node', adjustSending);
  else {
    adjustSending(client);
    surviveFailover(client);
  }
}

/** Minimum time between two reconnections by `reconnectOnReadonly`, in ms. */
const READONLY_INTERVAL = 10_000;

/**
 * Creates a value of the option `reconnectOnError`. After a failover the old primary is a replica, so
 * its host name has to be resolved again. At most once in ten seconds: while there is only a replica,
 * each reconnection interrupts reads.
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
 * Sends all commands of one turn of the event loop in one system call, and starts the timeout of
 * each. ioredis writes each command separately: `GET memo?limit=50` and `POST memo` took 11 % and 29
 * % more CPU time (Node 26). Its autopipelining was rejected: it holds back further commands until
 * the replies of a batch have arrived, and reports their errors as those of a pipeline.
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
 * Command timeouts that differ from the option `commandTimeout` in two ways. Pending replies are read
 * before a command times out, so that a busy event loop is not mistaken for a dead Redis. And a
 * command whose reply waits behind long replies gets the same time once more while bytes arrive;
 * after that, this process is too slow (TOO_SLOW).
 * @returns a function to be called with each command after it was sent
 */
function createCommandTimeouts(client: Redis): (command: Command) => void {
  // Ascending by `end`, so that one timer suffices.
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
    // `setImmediate` runs after pending input was read.
    timer = waiting[0] && setTimeout(setImmediate, waiting[0].end - now, rejectOverdue);
  };
  return (command) => {
    while (waiting[0]?.command.isSettled) waiting.shift();
    waiting.push({ command, end: performance.now() + COMMAND_MS, bytesRead: countRead() });
    if (!timer) timer = setTimeout(setImmediate, COMMAND_MS, rejectOverdue);
  };
}

/**
 * Connects a client again that ioredis ends for good, because a failover was announced while the
 * client was asking the sentinels for the primary. Not if the application has disconnected it.
 */
function surviveFailover(client: Redis): void {
  const { disconnect } = client;
  let isMeant = false;
  client.disconnect = (reconnect) => {
    isMeant ||= !reconnect;
    disconnect.call(client, reconnect);
  };
  // Anything else that ends a client emits `close` before.
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
      if (!isMeant) client.connect().catch(() => {}); // emits `error`, and keeps trying
    }, RECONNECT_DELAY);
  });
}
