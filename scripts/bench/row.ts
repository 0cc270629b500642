import type { Redis } from 'ioredis';
import type { SessionStore } from '../../src/store/sessions.ts';
import type { RowFigure } from './figures.ts';
import type { Loader, Server, Surroundings } from './servers.ts';

/** The servers and settings that a row uses. */
export interface Bench extends Surroundings {
  redis: Redis;
  sessions: SessionStore;
  memo: Server;
  loader: Loader;
  rounds: number;
  seconds: number;
}

/** Measures one or more figures. */
export type Row = (bench: Bench) => Promise<RowFigure[]>;
