/**
 * The store's Lua scripts as typed commands of the Redis client. Each uses one key, so the same code
 * runs on a single Redis, behind Sentinel, and in a cluster.
 */
import type { Cluster, Redis, Result } from 'ioredis';
import { FIRST_DATE, REPLY_BYTES, TRASH_SECONDS } from '../memo/bounds.ts';
import type { MemoBytes, StoredMemo } from '../memo/stored-memo.ts';
import memosLua from './memos.lua';
import rateLimitsLua from './rate-limits.lua';

export type RedisClient = Redis | Cluster;

/** The reply of an operation whose preparation is not complete: it has to be called again. */
export const UNFINISHED = -1;
type Unfinished = typeof UNFINISHED;

type TrashBounds = [maxEntries: number, maxBytes: number];

/** Arguments and reply of each operation of memos.lua, which describes them. */
interface MemosOperations {
  append: {
    args: [members: string, key: string, repeated: string, full: 0 | 1];
    reply: [added: number, memo?: string] | Unfinished;
  };
  assign_ids: {
    args: (Uint8Array | string)[];
    reply: [done: number, ...unknown: string[]];
  };
  discard: { args: [...TrashBounds, memo: StoredMemo]; reply: string };
  discarded: {
    args: [...TrashBounds, id: number, stop: number | ''];
    reply: [next: number, entry?: string, memo?: string] | Unfinished;
  };
  find: {
    args: number[];
    reply: [handled: number, now: string, ...memos: string[]] | Unfinished;
  };
  insert: { args: [memo: StoredMemo]; reply: [inserted: number, memo: string] | Unfinished };
  memory: { args: []; reply: number };
  page: {
    args: [before: number | '', limit: number];
    reply: [more: number, memos: string[]] | Unfinished;
  };
  pin: { args: [id: number, limit: number]; reply: number };
  remove: { args: [memo: StoredMemo]; reply: number };
  replace: { args: [old: StoredMemo, replacement: StoredMemo]; reply: number };
  trash: {
    args: [...TrashBounds, limit: number, before: number | ''];
    reply: [count: number, cursor: number, entries: string[]] | Unfinished;
  };
}
export type MemosOperation = keyof MemosOperations;
export type ArgsOf<O extends MemosOperation> = MemosOperations[O]['args'];

/** A reply in which each string is its bytes. */
type Bytes<T> = T extends string
  ? Uint8Array
  : T extends readonly unknown[]
    ? { [Index in keyof T]: Bytes<T[Index]> }
    : T;
export type BytesReplyOf<O extends MemosOperation> = Bytes<MemosOperations[O]['reply']>;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    /** Runs an operation of memos.lua on one key. */
    memos<O extends MemosOperation>(
      key: string,
      operation: O,
      ...args: ArgsOf<O>
    ): Result<MemosOperations[O]['reply'], Context>;
    /** The same, with bytes instead of strings in the reply. */
    memosBuffer<O extends MemosOperation>(
      key: string,
      operation: O,
      ...args: ArgsOf<O>
    ): Result<BytesReplyOf<O>, Context>;
    /** ioredis declares this for strings and Buffers only; the elements that it has read are Buffers. */
    lrem(key: string, count: number, element: MemoBytes): Result<number, Context>;
    /**
     * rate-limits.lua: takes one unit, which costs `cost` µs, of at most `burst` at once. `wait` and
     * `reset` are in µs.
     */
    take(
      key: string,
      cost: number,
      burst: number,
    ): Result<[allowed: number, left: number, wait: number, reset: number], Context>;
  }
}

/** memos.lua, preceded by the bounds that it shares with the application. */
const MEMOS_SCRIPT = `
local FIRST_DATE, REPLY_BYTES, TRASH_SECONDS = ${FIRST_DATE}, ${REPLY_BYTES}, ${TRASH_SECONDS}
${memosLua}`;

/** Defines `memos` as a command of this client. */
export function defineMemos(redis: RedisClient): void {
  redis.defineCommand('memos', { numberOfKeys: 1, lua: MEMOS_SCRIPT });
}

/** Defines `take` as a command of this client. */
export function defineTake(redis: RedisClient): void {
  redis.defineCommand('take', { numberOfKeys: 1, lua: rateLimitsLua });
}
