import type { Redis } from 'ioredis';
import type { SessionStore } from '../../src/store/sessions.ts';
import type { RowFigure } from './figures.ts';
import type { Loader, Server, Surroundings } from './servers.ts';

/** What the rows are measured with. */
export interface Bench extends Surroundings {
  redis: Redis;
  sessions: SessionStore;
  memo: Server;
  loader: Loader;
  rounds: number;
  seconds: number;
}

/** Measures something, and says it by its figures. */
export type Row = (bench: Bench) => Promise<RowFigure[]>;
