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

/** Interval between two checks of all connections, in ms. */
const SWEEP = 1_000;

/** The state of an open connection. */
interface Connection {
  unanswered: Set<ServerResponse>;
  /** the client's progress; undefined while the server does not wait for the client. Times in ms */
  progress: { bytes: number; at: number; windowBytes: number; windowStart: number } | undefined;
}

/** libuv's handle of a socket: tells what the kernel has not taken yet, unlike `net.Socket`. */
interface Handle {
  bytesWritten: number;
  writeQueueSize: number;
}

/** How long `drain` waits for open requests, in ms. */
const DRAIN_MS = 15_000;

/**
 * Serves the application until `drain`.
 * @param flights tells whether the process has room left for slow clients
 * @throws ConfigError if the server cannot listen on the host and port
 */
export async function serve(
  app: Hono<Env>,
  { port, host, publicUrl }: Pick<Config, 'port' | 'host' | 'publicUrl'>,
  flights: Flights,
) {
  // For the responses that are sent here, without the application.
  const headers = securityHeaders(publicUrl.startsWith('https:'));
  const connections = new Map<Socket, Connection>();
  const listener = getRequestListener(app.fetch);
  const server = createServer({
    // Longer than the balancer's 60 s: otherwise it could send a request into a connection that closes.
    keepAliveTimeout: 75_000,
    headersTimeout: 15_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 5_000,
  });

  server.on('connection', (socket) => {
    connections.set(socket, { unanswered: new Set(), progress: undefined });
    socket.on('close', endConnection);
  });

  // Shared listeners with `this`, to save a closure for each of tens of thousands of connections.
  function endConnection(this: Socket): void {
    const connection = connections.get(this);
    connections.delete(this);
    // Before Node 22, Node emits this only for the first response.
    for (const response of connection?.unanswered ?? []) response.emit('close');
  }

  function endResponse(this: ServerResponse): void {
    connections.get(this.req.socket)?.unanswered.delete(this);
  }

  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // Requests that were already parsed still arrive after `destroy`.
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
      // The rest of the body is read after the response, so that the client sees it. Before Node does
      // so, because Node would discard the chunks uncounted.
      response.prependOnceListener('finish', () => request.resume());
    }
    const wrong = findFault(request);
    if (wrong === undefined) void listener(request, response);
    else refuse(response, wrong);
  };
  server.on('request', handle);
  // A server may ignore an unknown expectation (RFC 9110 §10.1.1).
  server.on('checkExpectation', handle);

  function refuse(response: ServerResponse, reason: string): void {
    response.writeHead(400, {
      ...headers,
      'Content-Type': 'text/plain; charset=UTF-8',
      Connection: 'close',
    });
    response.end(`Bad Request: ${reason}\n`);
  }

  /** Ends connections whose client has stalled, or sends a body too slowly. */
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
     * Accepts connections for `delayMs` more, then waits until all responses have been sent, DRAIN_MS
     * at most.
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
 * Closes the listening socket only. `http.Server.close` would also end connections whose response is
 * not completely sent (https://nodejs.org/api/http.html#serverclosecallback).
 */
function stopAccepting(server: Server): void {
  NetServer.prototype.close.call(server);
}

/**
 * Makes Node drop further pipelined requests in the input that has arrived. 64 KiB contain 2,400
 * requests, which take 10 ms with this and 60 ms without. The parser is undocumented; if it is
 * missing, only that time is lost.
 */
function ignoreRest(socket: Socket): void {
  const { parser } = socket as { parser?: { onIncoming?: () => number } | null };
  if (parser) parser.onIncoming = () => 0;
}

/** Ends the connection of a client that sends a body in tiny chunks, each of which takes time. */
function boundChunks(request: IncomingMessage): void {
  const { push } = request;
  let chunks = 0;
  let bytes = 0;
  // Not by `data` events, which take three times as long per chunk as Node's parser.
  request.push = (chunk: Uint8Array | null) => {
    chunks += 1;
    bytes += chunk?.byteLength ?? 0;
    if (chunks <= FREE_CHUNKS + bytes / CHUNK_BYTES) return push.call(request, chunk);
    if (!request.socket.destroyed) request.socket.destroy();
    return true;
  };
}

/**
 * What a proxy in front may read differently from this server (RFC 9112 §2.3, §3.2: request
 * smuggling, cache poisoning); undefined if there is nothing.
 */
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
 * What the server waits for: that the client sends the rest of a body (`sends`), or that it takes a
 * response; and the number of bytes moved so far in both directions. Undefined while the server does
 * not wait for the client: between requests, while a response is being made, in an idle event stream.
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
