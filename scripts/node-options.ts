import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const dockerfile = readFileSync(join(import.meta.dirname, 'Dockerfile'), 'utf8');

/** Node's options of the image, for servers that are measured outside of it. */
export const NODE_OPTIONS = /^ENV NODE_OPTIONS="(.+)"$/m.exec(dockerfile)![1]!;

/** How many heaps the image lets `malloc` have. */
export const MALLOC_ARENA_MAX = /^ENV MALLOC_ARENA_MAX=(\d+)$/m.exec(dockerfile)![1]!;

/** The major version of the image's Node. */
export const NODE_MAJOR = /^FROM node:(\d+)/m.exec(dockerfile)![1]!;
