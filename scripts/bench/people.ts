/** Logged-in people and their memos. */

import type { Redis } from 'ioredis';
import type { Bench } from './row.ts';

export interface Person {
  id: string;
  /** the `Cookie` header */
  cookie: string;
  /** the id of the memo in the middle of the list; 0 without memos */
  middle: number;
}

/** Three months ago, in µs: the page shows dates, which do not change during a run. */
const FIRST = (Date.now() - 100 * 24 * 60 * 60 * 1000) * 1000;
const MINUTE = 60e6; // µs

/** About 80 Korean characters, slightly different for each i. */
export const memoText = (i: number) =>
  `${i}번째 메모: 다음 주 화요일 오후에 있을 회의 자료를 월요일까지 모두에게 공유하고, 돌아오는 길에 우유와 달걀 한 판, 대파와 두부를 사서 냉장고에 넣어 둘 것`;

const WORDS =
  '회의 자료를 월요일까지 모두에게 공유하고 돌아오는 길에 우유와 달걀 한 판 대파와 두부를 사서 냉장고에 넣어 둘 것 점심 약속 병원 예약 여행 숙소 기차표 확인 생일 선물 책 반납 운동 https://example.com/a?b=1 #장보기 #회사'.split(
    ' ',
  );

/** The number of people in a city, and of each one's memos. */
export const CITY = 600;
const CITY_MEMOS = 50;

/** A realistic text: a line, several lines, or a list of tasks. The same seed gives the same text. */
export function variedText(seed: number): string {
  let state = seed * 2654435761 + 1;
  const pick = (count: number) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return (state >> 8) % count;
  };
  const line = () =>
    Array.from({ length: 4 + pick(14) }, () => WORDS[pick(WORDS.length)]).join(' ');
  const lines = (make: () => string) => Array.from({ length: 2 + pick(5) }, make).join('\n');
  const kind = pick(10);
  if (kind < 6) return line();
  return kind < 8 ? lines(line) : lines(() => `- [${pick(2) ? 'x' : ' '}] ${line()}`);
}

/**
 * Logs in many people, each with 50 varied memos.
 * @param ending is appended to each text
 */
export async function createCity(
  bench: Pick<Bench, 'redis' | 'sessions'>,
  ending = '',
): Promise<Person[]> {
  const people: Person[] = [];
  for (let i = 0; i < CITY; i++) {
    const text = cityText(i);
    people.push(await createPerson(bench, `city${i}`, CITY_MEMOS, (j) => text(j) + ending));
  }
  return people;
}

/** Restores the memos of a city. */
export async function restoreCity(redis: Redis): Promise<void> {
  await Promise.all(
    Array.from({ length: CITY }, (_, i) => fillList(redis, `city${i}`, CITY_MEMOS, cityText(i))),
  );
}

const cityText = (i: number) => (j: number) => variedText(i * CITY_MEMOS + j);

/** Logs a person in who has this number of memos. */
export async function createPerson(
  { redis, sessions }: Pick<Bench, 'redis' | 'sessions'>,
  id: string,
  count = 0,
  text = memoText,
): Promise<Person> {
  await fillList(redis, id, count, text);
  const token = await sessions.begin({ id, name: '김메모' }, 'Bench/1.0');
  return { id, cookie: `userId=${token}`, middle: FIRST + Math.floor(count / 2) * MINUTE };
}

async function fillList(redis: Redis, id: string, count: number, text: (i: number) => string) {
  await redis.del(`user:${id}:memos`, `user:${id}:pins`);
  await pushMemos(redis, id, count, (i) =>
    JSON.stringify({ id: FIRST + i * MINUTE, text: text(i) }),
  );
}

/** Enough people for these connections, because concurrent requests per person are limited. */
export async function createReaders(
  bench: Pick<Bench, 'redis' | 'sessions'>,
  id: string,
  connections: number,
  count: number,
): Promise<[Person, ...Person[]]> {
  const first = await createPerson(bench, `${id}0`, count);
  const people: [Person, ...Person[]] = [first];
  for (let i = 1; i < connections / 4; i++) {
    people.push(await createPerson(bench, `${id}${i}`, count));
  }
  return people;
}

/** A person with memos in memo.py's format. */
export async function createMemoPyPerson(redis: Redis, id: string, count: number) {
  await redis.del(`user:${id}:memos`);
  await pushMemos(redis, id, count, (i) => {
    const ascii = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return `{"text": ${JSON.stringify(memoText(i)).replace(/[^\0-\x7f]/g, ascii)}}`;
  });
  return { id, cookie: `userId=${id}`, middle: 0 };
}

async function pushMemos(redis: Redis, id: string, count: number, memo: (i: number) => string) {
  for (let i = 0; i < count; i += 1000) {
    const length = Math.min(1000, count - i);
    await redis.rpush(`user:${id}:memos`, ...Array.from({ length }, (_, j) => memo(i + j)));
  }
}
