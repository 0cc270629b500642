/**
 * Every limit on input and stored data, once, with its reason. Without these, a single client could
 * use up the memory or the time of the process, or of Redis.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

// Requests

/** Bytes of a request body with a text: 20,000 characters fit in any escaping. */
export const TEXT_BODY_BYTES = 256 * KIB;
/** Bytes of any other request body: a few short fields. */
export const SMALL_BODY_BYTES = 8 * KIB;
/** Fields of a form: our largest form has fewer. */
export const FORM_FIELDS = 50;
/**
 * Bytes of a refused body that are read and discarded: a client that is still sending when the
 * connection closes would not see the response.
 */
export const DISCARDED_BODY_BYTES = 4 * MIB;
/** Chunks of a body, and bytes for each chunk more: each takes time, however small it is. */
export const FREE_CHUNKS = 1_000;
export const CHUNK_BYTES = 16;
/** Bytes that a process holds for clients: bodies being read, pages being rendered, unsent responses. */
export const BYTES_IN_FLIGHT = 32 * MIB;
/** Bytes of those that requests without a session may hold. */
export const BYTES_OF_STRANGERS = 8 * MIB;
/** Bytes that one request may hold if the process has no room left: health checks, errors. */
export const SMALL_FLIGHT_BYTES = 32 * KIB;
/** Pipelined requests without a response on one connection. Browsers do not pipeline. */
export const REQUESTS_PER_CONNECTION = 16;
/**
 * A connection ends if its client sends no byte of a body for this long, or takes no byte of a
 * response while the process has little room left.
 */
export const STALLED_MS = 10_000;
/**
 * The same for a response while there is room. Progress is visible only after a third of the kernel's
 * send buffer, 1.3 MB, was acknowledged: a phone that receives 30 KB/s needs 43 s for that.
 */
export const UNTAKEN_MS = 60_000;
/** A body that arrives more slowly than this over `SLOW_MS` is an attack (slow loris). */
export const SLOW_BYTES_PER_SECOND = 1 * KIB;
export const SLOW_MS = 20_000;
/** Characters of a path in the log. */
export const LOGGED_PATH_LENGTH = 200;
/** `userId` cookies of a request that are looked up: other sites on the domain may have set some. */
export const SESSION_COOKIES = 8;

// People

/** Concurrent requests of one person per process: of ten tabs that refresh at once, two retry. */
export const REQUESTS_PER_PERSON = 8;
/** Concurrent searches per process; further ones wait. */
export const SEARCHES = 4;
/** Event streams of one person per process; one more ends the oldest. */
export const STREAMS_PER_PERSON = 20;
/** Sessions of one person; one more ends the least recently used. */
export const SESSIONS_PER_PERSON = 50;

// Pages

/** Memos of a page without `limit`. */
export const PAGE_SIZE = 50;
/** Memos, and their bytes, that are read for a page down to the memo that the reader has scrolled to. */
export const THROUGH_MEMOS = 1_000;
export const THROUGH_BYTES = 1 * MIB;
/** Bytes of HTML after which a page ends with its link to older memos. */
export const PAGE_BYTES = 1 * MIB;
/** Bytes of those for the pinned memos above the list. */
export const PINNED_BYTES = PAGE_BYTES / 2;
/** Characters of HTML after which a card shows the rest of its memo as folded plain text. */
export const CARD_LENGTH = 64 * KIB;
/** Code points of a search query; longer ones are cut when they are read. */
export const QUERY_LENGTH = 100;
/** Memos that one call reads for a search, or for a streamed list. */
export const SEARCH_CHUNK = 500;
/** Words of a search query; further ones are ignored. */
export const QUERY_WORDS = 10;
/** How long all long work of the process together runs before it yields. */
export const SLICE_MS = 8;

// What is stored

/** Code points of a memo. */
export const TEXT_LENGTH = 20_000;
/** Pinned memos of one person: they are all shown at once, above the list. */
export const PINS = 100;
/** Entries of the trash, and their bytes; the oldest are dropped. */
export const TRASH_ENTRIES = 1_000;
export const TRASH_BYTES = 16 * MIB;
/** How long a deleted memo can be restored. */
export const TRASH_DAYS = 30;
export const TRASH_SECONDS = TRASH_DAYS * 24 * 60 * 60;
/**
 * Ids from this on are creation times in µs (September 2001 and later). Smaller ids are numbers,
 * given to memos of memo.py's whose creation time is unknown.
 */
export const FIRST_DATE = 1e15;
/** The maximum of `limit`: memos of a page. */
export const PAGE_LIMIT = 200;

// Redis

/** Bytes after which a script ends its reply: later commands wait for the whole reply. */
export const REPLY_BYTES = 512 * KIB;
/** Bytes from which a reply is long: the process yields before it handles the reply. */
export const LONG_READ_BYTES = 64 * KIB;
/**
 * Concurrent commands whose replies can be long; the queue is fair between people. With 16, usual pages
 * took 1.3 times as long, as their replies arrive in smaller batches.
 */
export const LONG_READS = 64;
/** How long a command waits for a silent Redis. */
export const COMMAND_MS = 1_000;
