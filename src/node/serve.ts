/** Serves the application over HTTP/1.1 and bounds what one connection can take. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { type Config, ConfigError } from '../config.ts';
import type { Env } from '../http/env.ts';
import type { Flights } from '../http/flights.ts';
import { securityHeaders } from '../http/security-headers.ts';
import {
  CHUNK_BYTES,
  FREE_CHUNKS,
  REQUESTS_PER_CONNECTION,
  SLOW_BYTES_PER_SECOND,
  SLOW_MS,
  STALLED_MS,
  UNTAKEN_MS,
} from '../memo/bounds.ts';

/** How often connections are looked at, in ms. */
const SWEEP = 1_000;

/** One client's connection, for as long as it is open. */
interface Connection {
  unanswered: Set<ServerResponse>;
  /** the client's progress, while the server waits for it; undefined: it does not */
  progress: { bytes: number; at: number; windowBytes: number; windowStart: number } | undefined;
}

/** libuv's handle of a socket: what the kernel has not taken yet, which `net.Socket` does not tell. */
interface Handle {
  bytesWritten: number;
  writeQueueSize: number;
}

/** How long `drain` waits for requests under way, in ms. */
const DRAIN_MS = 15_000;

/**
 * Serves the application until `drain`.
 * @throws ConfigError when the server cannot listen there
 */
export async function serve(
  app: Hono<Env>,
  { port, host, publicUrl }: Pick<Config, 'port' | 'host' | 'publicUrl'>,
  flights: Flights,
) {
  // Of the responses that are made here, before the application sees the request.
  const headers = securityHeaders(publicUrl.startsWith('https:'));
  const connections = new Map<Socket, Connection>();
  const listener = getRequestListener(app.fetch);
  const server = createServer({
    // Longer than the balancer's 60 s: it must be the one that closes an idle connection.
    keepAliveTimeout: 75_000,
    headersTimeout: 15_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 5_000,
  });

  server.on('connection', (socket) => {
    connections.set(socket, { unanswered: new Set(), progress: undefined });
    socket.on('close', endConnection);
  });

  // Two functions for all, as there are tens of thousands of connections.
  function endConnection(this: Socket): void {
    const connection = connections.get(this);
    connections.delete(this);
    // Before Node 22 only the first of them says so itself.
    for (const response of connection?.unanswered ?? []) response.emit('close');
  }

  function endResponse(this: ServerResponse): void {
    connections.get(this.req.socket)?.unanswered.delete(this);
  }

  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // What has been parsed already still comes here.
    if (socket.destroyed) return;
    const { unanswered } = connections.get(socket)!;
    if (unanswered.size >= REQUESTS_PER_CONNECTION) {
      ignoreRest(socket);
      socket.destroy();
      return;
    }
    unanswered.add(response);
    response.on('close', endResponse);
    if (request.headers['transfer-encoding'] !== undefined) {
      boundChunks(request);
      // Read on after the answer, so that it is seen: but not by Node, which would count no chunks.
      response.prependOnceListener('finish', () => request.resume());
    }
    const wrong = findFault(request);
    if (wrong === undefined) void listener(request, response);
    else refuse(response, wrong);
  };
  server.on('request', handle);
  // An expectation that nobody knows may be ignored (RFC 9110 §10.1.1).
  server.on('checkExpectation', handle);

  function refuse(response: ServerResponse, reason: string): void {
    response.writeHead(400, {
      ...headers,
      'Content-Type': 'text/plain; charset=UTF-8',
      Connection: 'close',
    });
    response.end(`Bad Request: ${reason}\n`);
  }

  /** Ends connections whose client has stopped, or is too slow to be one. */
  const sweep = setInterval(() => {
    const now = performance.now();
    for (const [socket, connection] of connections) {
      const waiting = waitsFor(socket, connection);
      if (waiting === undefined) {
        connection.progress = undefined;
        continue;
      }
      const { bytes, sends } = waiting;
      connection.progress ??= { bytes, at: now, windowBytes: bytes, windowStart: now };
      const { progress } = connection;
      if (bytes !== progress.bytes) Object.assign(progress, { bytes, at: now });
      const patience = sends || flights.isCrowded() ? STALLED_MS : UNTAKEN_MS;
      const elapsed = now - progress.windowStart;
      const isSlow =
        sends && (bytes - progress.windowBytes) * 1000 < SLOW_BYTES_PER_SECOND * elapsed;
      if (now - progress.at >= patience || (elapsed >= SLOW_MS && isSlow)) socket.destroy();
      else if (elapsed >= SLOW_MS) {
        Object.assign(progress, { windowBytes: bytes, windowStart: now });
      }
    }
  }, SWEEP);
  sweep.unref();

  server.listen(port, host);
  await once(server, 'listening').catch((error: Error) => {
    throw new ConfigError(`cannot listen on port ${port}: ${error.message}`);
  });

  const countUnanswered = () =>
    [...connections.values()].reduce((sum, { unanswered }) => sum + unanswered.size, 0);

  return {
    /**
     * Accepts connections for `delayMs` more, then waits until every response has been taken, for a
     * limited time.
     */
    async drain(delayMs: number): Promise<void> {
      await delay(delayMs);
      stopAccepting(server);
      const end = Date.now() + DRAIN_MS;
      while (countUnanswered() > 0 && Date.now() < end) await delay(20);
    },
  };
}

/**
 * Closes the listening socket. HTTP's own `close` would also end connections whose response is not sent
 * yet (https://nodejs.org/api/http.html#serverclosecallback).
 */
function stopAccepting(server: Server): void {
  NetServer.prototype.close.call(server);
}

/**
 * Has Node drop the requests that the parser still finds in what has come. Not documented, so there
 * need not be such a parser: 64 KiB hold 2,400 requests, for which it takes 60 ms instead of 10 then.
 */
function ignoreRest(socket: Socket): void {
  const { parser } = socket as { parser?: { onIncoming?: () => number } | null };
  if (parser) parser.onIncoming = () => 0;
}

/** Ends the connection of whoever sends a body in crumbs. */
function boundChunks(request: IncomingMessage): void {
  const { push } = request;
  let chunks = 0;
  let bytes = 0;
  // Not by its events: for each chunk they cost three times as much as Node's parser.
  request.push = (chunk: Uint8Array | null) => {
    chunks += 1;
    bytes += chunk?.byteLength ?? 0;
    if (chunks <= FREE_CHUNKS + bytes / CHUNK_BYTES) return push.call(request, chunk);
    if (!request.socket.destroyed) request.socket.destroy();
    return true;
  };
}

/** What a proxy in front may have read differently (RFC 9112 §2.3, §3.2); undefined: nothing. */
function findFault({ httpVersion, rawHeaders }: IncomingMessage): string | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return 'only HTTP/1.1 and HTTP/1.0 are spoken';
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (rawHeaders[i + 1] === '') return 'the Host header is empty';
    if (++hosts > 1) return 'there is more than one Host header';
  }
  return undefined;
}

/**
 * What the server waits for: the rest of a body that the client `sends`, or that it takes an answer;
 * and the bytes of both until now. Undefined while it waits for nothing: between requests, while an
 * answer is being made, in a quiet stream of events.
 */
function waitsFor(socket: Socket, { unanswered }: Connection) {
  const handle = (socket as { _handle?: Handle })._handle;
  if (!handle || unanswered.size === 0) return undefined;
  let sends = false;
  for (const { req } of unanswered) sends ||= !req.complete;
  const takes = socket.writableLength > 0 || handle.writeQueueSize > 0;
  if (!sends && !takes) return undefined;
  return { sends, bytes: socket.bytesRead + handle.bytesWritten - handle.writeQueueSize };
}
