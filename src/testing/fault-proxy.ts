/** A wire to Redis that can be bad in every way that wires are. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** What happens to what goes over the wire. */
export interface Fault {
  /** holds each piece back, in ms */
  delay?: number;
  /** passes one byte at a time, each in a packet of its own */
  trickle?: boolean;
  /** passes requests on, and cuts the connection instead of passing on the answer to one like this */
  loseReplies?: RegExp;
  /** cuts the connection after this many bytes of what is sent */
  cutAfter?: number;
  /** neither passes nor ends anything, for good: a peer that is gone without a word */
  silent?: boolean;
  /** takes no new connections, and cuts those that there are */
  gone?: boolean;
  /** takes new connections and never says a word there; those that there are go on */
  deaf?: boolean;
}

export async function startFaultProxy(port: number, host = '127.0.0.1') {
  let fault: Fault = {};
  let sent = 0;
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };

  const keep = (socket: Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  };

  const pass = async (chunk: Buffer, to: Socket) => {
    if (fault.delay) await delay(fault.delay);
    if (to.destroyed) return;
    if (!fault.trickle) {
      to.write(chunk);
      return;
    }
    let at = 0;
    for (; fault.trickle && at < chunk.length && !to.destroyed; at++) {
      to.write(chunk.subarray(at, at + 1));
      await immediate();
    }
    // All the rest, when the wire is good again.
    if (!to.destroyed) to.write(chunk.subarray(at));
  };
  /** Pieces keep their order, however long each of them is held back. */
  const passOn = (from: Socket, to: Socket, decide: (chunk: Buffer) => Buffer | undefined) => {
    let last = Promise.resolve();
    let isDead = false;
    from.on('data', (chunk) => {
      isDead ||= fault.silent === true;
      if (isDead) return;
      const decided = decide(chunk as Buffer);
      if (decided) last = last.then(() => pass(decided, to));
    });
    from.on('close', () => void last.then(() => to.destroy()));
    from.on('error', () => to.destroy());
  };

  const server = createServer((client) => {
    if (fault.gone) {
      client.destroy();
      return;
    }
    keep(client);
    if (fault.deaf) {
      client.on('error', () => {}); // whoever was not heard may leave as they like
      client.resume();
      return;
    }
    const redis = connect(port, host);
    keep(redis);
    let isLost = false;
    passOn(client, redis, (chunk) => {
      isLost ||= fault.loseReplies?.test(chunk.toString('latin1')) ?? false;
      if (fault.cutAfter === undefined) return chunk;
      const left = fault.cutAfter - sent;
      sent += chunk.length;
      if (chunk.length < left) return chunk;
      // Flushed before the end: Redis gets just this much.
      redis.end(chunk.subarray(0, Math.max(left, 0)));
      client.destroy();
      return undefined;
    });
    passOn(redis, client, (chunk) => {
      if (!isLost) return chunk;
      client.destroy();
      redis.destroy();
      return undefined;
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    cut();
  });

  return {
    port: (server.address() as { port: number }).port,
    /** From now on; connections that there are stay, but for one that is `gone`. */
    set(next: Fault) {
      fault = next;
      sent = 0;
      if (next.gone) cut();
    },
    /** Ends all connections, as a router that restarts. */
    cut,
  };
}
