import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const dockerfile = readFileSync(join(import.meta.dirname, 'Dockerfile'), 'utf8');

/** The image's `NODE_OPTIONS`, for servers that are measured or tested outside of it. */
export const NODE_OPTIONS = /^ENV NODE_OPTIONS="(.+)"$/m.exec(dockerfile)![1]!;

/** The image's limit on the heaps of `malloc`. */
export const MALLOC_ARENA_MAX = /^ENV MALLOC_ARENA_MAX=(\d+)$/m.exec(dockerfile)![1]!;

/** The major version of Node in the image. */
export const NODE_MAJOR = /^FROM node:(\d+)/m.exec(dockerfile)![1]!;
