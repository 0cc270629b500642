/**
 * Every bound on what somebody else decides, once, with its reason. Without one, a single client
 * could take all memory or all time of the process, or of Redis.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

// Requests

/** Bytes of a body that carries a text: 20,000 characters fit, however they are escaped. */
export const TEXT_BODY_BYTES = 256 * KIB;
/** Bytes of any other body: a few short fields. */
export const SMALL_BODY_BYTES = 8 * KIB;
/** Fields of a form: more than any form of ours has. */
export const FORM_FIELDS = 50;
/**
 * Bytes of a refused body that are read and thrown away: a client that is still sending when the
 * connection ends would not see the answer.
 */
export const DISCARDED_BODY_BYTES = 4 * MIB;
/** Chunks of a body, and bytes for each one more: a chunk is work, however little it holds. */
export const FREE_CHUNKS = 1_000;
export const CHUNK_BYTES = 16;
/** Bytes that a process holds for clients: bodies being read, pages being made, answers not yet taken. */
export const BYTES_IN_FLIGHT = 32 * MIB;
/** Of those, what requests without a session may hold. */
export const BYTES_OF_STRANGERS = 8 * MIB;
/** Bytes that one request may hold when the process has no room left: health checks, errors, small answers. */
export const SMALL_FLIGHT_BYTES = 32 * KIB;
/** Requests on one connection that are not answered yet. Browsers do not pipeline at all. */
export const REQUESTS_PER_CONNECTION = 16;
/** Without a byte sent, or taken while room is scarce, for this long, a client is gone. */
export const STALLED_MS = 10_000;
/**
 * As long when there is room. What a client takes is seen only when a third of the kernel's buffer has
 * gone, 1.3 MB: a phone that takes 30 KB a second needs 43 s for it.
 */
export const UNTAKEN_MS = 60_000;
/** Slower than this over `SLOW_MS` is no network, but an attack (slow loris). */
export const SLOW_BYTES_PER_SECOND = 1 * KIB;
export const SLOW_MS = 20_000;
/** Characters of a path that are logged. */
export const LOGGED_PATH_LENGTH = 200;
/** Cookies of our name that are looked up: neighbours on the host may have planted some. */
export const SESSION_COOKIES = 8;

// People

/** Requests of one person under way in a process: ten tabs that refresh at once wait a second. */
export const REQUESTS_PER_PERSON = 8;
/** Searches under way in a process; further ones wait for their turn. */
export const SEARCHES = 4;
/** Streams of events of one person in a process; one more ends the oldest. */
export const STREAMS_PER_PERSON = 20;
/** Sessions of one person; one more ends the least used. */
export const SESSIONS_PER_PERSON = 50;

// Pages

/** Memos of a page, and of a part of the list, when nobody asks for another number. */
export const PAGE_SIZE = 50;
/** What is read for one page when its reader has gone down far: memos, and their bytes. */
export const THROUGH_MEMOS = 1_000;
export const THROUGH_BYTES = 1 * MIB;
/** Bytes of HTML after which a page ends and goes on by its link to older memos. */
export const PAGE_BYTES = 1 * MIB;
/** Of those, what the pinned memos above the list may take. */
export const PINNED_BYTES = PAGE_BYTES / 2;
/** Characters of HTML after which a card shows the rest of its memo as plain folded text. */
export const CARD_LENGTH = 64 * KIB;
/** Code points of a query, cut where it is read. */
export const QUERY_LENGTH = 100;
/** Memos that are read at once to be searched, or to be streamed. */
export const SEARCH_CHUNK = 500;
/** Words of a query; more are ignored. */
export const QUERY_WORDS = 10;
/** How long all long work together goes on before others get their turn. */
export const SLICE_MS = 8;

// What is stored

/** Code points of a memo. */
export const TEXT_LENGTH = 20_000;
/** Memos that may be pinned: they are shown all at once, above the rest. */
export const PINS = 100;
/** Entries of the trash, and their bytes: the oldest go. */
export const TRASH_ENTRIES = 1_000;
export const TRASH_BYTES = 16 * MIB;
/** How long a deleted memo can be restored. */
export const TRASH_DAYS = 30;
export const TRASH_SECONDS = TRASH_DAYS * 24 * 60 * 60;
/**
 * Ids from this on are the creation time in µs (September 2001 and later). Smaller ids are numbers
 * given to memos of memo.py's, which nothing dates.
 */
export const FIRST_DATE = 1e15;
/** Memos that the interface gives at once. */
export const PAGE_LIMIT = 200;

// Redis

/** Bytes after which a reply is long enough: whatever waits behind it waits for as long as it takes. */
export const REPLY_BYTES = 512 * KIB;
/** Bytes of memos after which a reply is long: others get a turn before it is worked on. */
export const LONG_READ_BYTES = 64 * KIB;
/**
 * Replies that can be long and are asked for at a time; everybody's first comes before anybody's
 * second. Of 16, usual pages took 1.3 times as much, as they come in smaller batches.
 */
export const LONG_READS = 64;
/** No command waits longer for a silent Redis. */
export const COMMAND_MS = 1_000;
