-- All operations on one person's memos, trash and pins.
--
-- KEYS[1] is the list of memos or of trash entries (for `pin`: the set of pinned ids), ARGV[1] names
-- the operation, and the rest of ARGV are its arguments. A call uses no other key, so that the script
-- runs in a cluster. One script dispatches all operations because they share their helpers: a script
-- cannot call another one, and Redis Functions need Redis 7
-- (docs/decisions/0004-one-lua-dispatcher.md).
--
-- Redis runs a script alone: no client sees it half done, and the AOF holds its writes as one
-- transaction. All clients wait for it, so each call is bounded in elements and bytes, whatever the
-- list contains. Only Redis's own walk over the list's nodes grows with the list: a few ns per node.
--
-- Data structure: a list of JSON objects, oldest first.
-- Invariant: ids strictly ascend from head to tail. Elements without an id, which memo.py writes,
-- exist only at the tail, because each operation that appends assigns their ids first. A memo is
-- therefore found by binary search.
-- JSON is never decoded here: cjson would turn [] into {} and round large numbers.
--
-- FIRST_DATE, REPLY_BYTES and TRASH_SECONDS come from memo/bounds.ts. In the costs below, n is the
-- length of the list.

local list = KEYS[1]

local REPEAT_WINDOW = 600 * 1e6 -- µs in which the same text from a form counts as a repetition
local BLOCK = 10 -- elements per LRANGE: single elements took 3 to 7 times as long, 20 no less time
local NEWEST = 200 -- elements that are searched for a repetition, or rewritten by `insert`
local REWRITTEN = 64 * 1024 -- bytes that `insert` rewrites at the tail to avoid a walk from the head
local RESTORED = 2000 -- elements that `insert` searches for an earlier restored copy
local FOUND = 128 * 1024 -- bytes that `find` reads before it leaves the rest to the next call
local ASSIGNED = 500 -- elements that get ids in one call
local ASSIGNED_BYTES = 128 * 1024 -- their bytes; the element that passes this limit is included

-- The id of an element, nil if it has none. Only our own notation counts: memo.py writes a space
-- after each colon, and JavaScript may not represent an id above 2^53 - 1. For the optional space
-- after the id, see `assign_ids`.
local MAX_ID = 2 ^ 53 - 1
local function id_of(memo)
  local id = tonumber(string.match(memo, '^{"id":(%d+) ?[,}]'))
  return id and id <= MAX_ID and id or nil
end

local function with_id(id, ...)
  return table.concat({ string.format('{"id":%.0f', id), ... })
end

-- Redis's clock in µs: the one clock that all processes of the app share.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Bytes that `element_at` has read in this call, and the length of the longest element read so far.
local read_bytes, longest = 0, 1

local function element_at(index)
  local element = redis.call('LINDEX', list, index)
  if element then
    read_bytes, longest = read_bytes + #element, math.max(longest, #element)
  end
  return element
end

-- Binary search, from the index `from` (default 0): the index of the first element whose key is not
-- below `key`. `key_of(element, index)` returns an element's key; an element without a key comes after
-- all others. O(log n) LINDEX calls; each walks the list's nodes from the nearer end and copies the
-- element.
local function search(key, key_of, from)
  local low, high = from or 0, redis.call('LLEN', list)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if (key_of(element_at(middle), middle) or math.huge) < key then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- Up to `count` elements from the index `at`, in steps of 1 or -1. Ends with the element that brings
-- the total to `limit` bytes. Reads blocks of 2, 4, 8, then 10 elements, but no block that would pass
-- the limit if each element were as long as the longest so far: few bytes are read in vain. O(bytes).
local function read(at, step, count, limit)
  local found, length, size = {}, 0, 1
  while count > 0 and length < limit do
    size = math.min(size * 2, BLOCK, count, math.ceil((limit - length) / longest))
    local first = step > 0 and at or at - size + 1
    local block = redis.call('LRANGE', list, first, first + size - 1)
    for i = 1, size do
      if length >= limit then return found end
      local element = block[step > 0 and i or size + 1 - i]
      found[#found + 1] = element
      length = length + #element
      if #element > longest then longest = #element end
    end
    at, count = at + step * size, count - size
  end
  return found
end

-- Up to `count` elements before the index `stop`, newest first, and the index of the oldest of them.
-- Fewer if they are long: ends at `limit` bytes (default REPLY_BYTES). O(bytes).
local function newest(stop, count, limit)
  local found = read(stop - 1, -1, math.min(count, stop), limit or REPLY_BYTES)
  return found, stop - #found
end

-- The source of an element of memo.py's after the place of its id: `"text": "…"}`. A member that
-- memo.py named "id" would hide our id from a JSON reader, so its name becomes "_id". An element that
-- is no object becomes the text of a memo.
--
-- `ids` comes from memos.ts, because Lua would take too long for the longest elements: the offsets of
-- the names "id" in an object, or the JSON string of an element that is no object. Returns nil if
-- `ids` is needed and missing. If a comma after the last offset says that there are more, returns nil
-- and the element with these names changed. O(bytes) for any bytes: no pattern here may restart at
-- each of many spaces.
local function members_of(element, ids)
  if not string.find(element, '^%s*{') then
    return ids and '"text":' .. ids .. '}'
  elseif not ids then
    local is_plain = not string.find(element, '"id"', 1, true)
      and not string.find(element, '\\u006', 1, true)
    if not is_plain then return nil end
  elseif ids ~= '' then
    local parts, at = {}, 1
    for id in string.gmatch(ids, '%d+') do
      parts[#parts + 1] = string.sub(element, at, id)
      at = id + 1
    end
    parts[#parts + 1] = string.sub(element, at)
    element = table.concat(parts, '_')
    if string.sub(ids, -1) == ',' then return nil, element end
  end
  local start = string.find(element, '%S', string.find(element, '{', 1, true) + 1)
  if not start then return '' end
  if string.find(element, '%S', -1) then return string.sub(element, start) end
  return string.match(element, '^.*%S', start)
end

-- Gives ids to the oldest elements without one, in their order: 1, 2, 3… if memo.py wrote the whole
-- list, as nothing dates its memos; else the present time. `ids` is described at `members_of`, keyed
-- by element. Returns whether no element is left without an id, and the elements whose `ids` the next
-- call needs. While a list that memo.py wrote is only partly numbered, the last numbered element has
-- a space after its id. JSON readers ignore the space; another process that continues after a crash
-- sees that it has to count, not to date. One LINDEX if there is nothing to do, else O(ASSIGNED) LSET
-- calls and their bytes.
local function assign_ids(ids)
  local last = element_at(-1)
  if not last or id_of(last) then return true, {} end
  local first = search(math.huge, id_of)
  local left = redis.call('LLEN', list) - first
  local previous = first > 0 and redis.call('LINDEX', list, first - 1)
  local is_counting = not previous or string.find(previous, '^{"id":%d+ ') ~= nil
  local id = previous and id_of(previous) + 1 or 1
  if not is_counting then id = math.max(now(), id) end

  local numbered, unknown = {}, {}
  for _, element in ipairs(read(first, 1, math.min(ASSIGNED, left), ASSIGNED_BYTES)) do
    local members, changed = members_of(element, ids[element])
    if not members then
      if changed and #unknown == 0 then
        redis.call('LSET', list, first + #numbered, changed)
        element = changed
      end
      unknown[#unknown + 1] = element
    elseif #unknown == 0 then
      numbered[#numbered + 1] = members
    end
  end
  left = left - #numbered
  if previous and is_counting and #numbered > 0 then
    redis.call('LSET', list, first - 1, (string.gsub(previous, ' ', '', 1)))
  end
  for i, members in ipairs(numbered) do
    local space = is_counting and left > 0 and i == #numbered and ' ' or ''
    local comma = members == '}' and '' or ','
    redis.call('LSET', list, first + i - 1, with_id(id + i - 1, space, comma, members))
  end
  return left == 0, unknown
end

-- Bytes of memory that the list takes; 0 if an ACL forbids the command. O(nodes), about 15 ns per node.
local function memory()
  local bytes = redis.pcall('MEMORY', 'USAGE', list, 'SAMPLES', 0)
  return type(bytes) == 'number' and bytes or 0
end

local operations = { memory = memory }

-- assign_ids(element, ids, …): gives ids to a bounded part of the elements without one. Returns {1}
-- if none is left, else {0, elements…}: the elements whose `ids` (see `members_of`) the next call has
-- to pass.
function operations.assign_ids(...)
  local ids, given = {}, { ... }
  for i = 1, #given, 2 do
    ids[given[i]] = ids[given[i]] or given[i + 1] -- of equal elements, the first has the most offsets
  end
  local done, unknown = assign_ids(ids)
  return { done and 1 or 0, unpack(unknown) }
end

-- append(members, needle, repeated, full): pushes `{"id":…<members>` to the tail, unless the memo
-- exists: one of the last 200 memos (fewer if they are long) contains `needle`, its idempotency key
-- as JSON source (empty: no key), or the newest memo is less than ten minutes old and continues with
-- the source `repeated` after its id (empty: not compared). Returns {1, the new memo}, {0, the
-- existing memo}, or {-1} if the memo would have to be pushed and `full` is 1. O(1); with a needle
-- O(bytes of the memos searched).
function operations.append(members, needle, repeated, full)
  if needle ~= '' then
    for _, memo in ipairs((newest(redis.call('LLEN', list), NEWEST))) do
      if string.find(memo, needle, 1, true) then return { 0, memo } end
    end
  end
  local id = now()
  local last = redis.call('LINDEX', list, -1)
  if last then
    local recent = id - id_of(last) < REPEAT_WINDOW
    local start = with_id(id_of(last), repeated)
    if repeated ~= '' and recent and string.sub(last, 1, #start) == start then return { 0, last } end
    id = math.max(id, id_of(last) + 1)
  end
  if full == '1' then return { -1 } end
  local memo = with_id(id, members)
  redis.call('RPUSH', list, memo)
  return { 1, memo }
end

-- page(before, limit): returns {1 if older memos follow, else 0, memos}: up to `limit` memos with ids
-- below `before` (empty: the newest memos), newest first; fewer if they are long. O(limit) at the
-- tail, elsewhere O(log n + limit).
function operations.page(before, limit)
  local stop = before == '' and redis.call('LLEN', list) or search(tonumber(before), id_of)
  local memos, rest = newest(stop, tonumber(limit))
  return { rest > 0 and 1 or 0, memos }
end

-- find(id…): returns {how many of the ids were looked up, the time, memos…}; an id without a memo has
-- no entry. Leaves the remaining ids to the next call after FOUND bytes. Ids are assigned first: every
-- edit and deletion starts with `find`, so no memo is removed while elements after it have no id,
-- which would then seem to be undated. O(log n) per id.
function operations.find(...)
  local found = { 0, string.format('%.0f', now()) }
  for i, argument in ipairs({ ... }) do
    local id = tonumber(argument)
    local memo = element_at(search(id, id_of))
    if memo and id_of(memo) == id then found[#found + 1] = memo end
    found[1] = i
    if read_bytes > FOUND then break end
  end
  return found
end

-- replace(old, new): compare and set: replaces the element `old` by `new`, which has the same id.
-- Returns 1, or 0 if the list no longer contains exactly `old`. O(log n).
function operations.replace(old, new)
  local index = search(id_of(old), id_of)
  if redis.call('LINDEX', list, index) ~= old then return 0 end
  redis.call('LSET', list, index, new)
  return 1
end

-- remove(memo): removes the element. Returns 1, or 0 if the list no longer contains exactly `memo`.
-- O(n) from the nearer end.
function operations.remove(memo)
  local is_late = search(id_of(memo), id_of) > redis.call('LLEN', list) / 2
  return redis.call('LREM', list, is_late and -1 or 1, memo)
end

-- insert(memo): puts a memo back to its place by id. Returns {1, the memo}, or {0, the memo that is
-- there} if it never left. An id below FIRST_DATE is a number, and can belong to two memos: after a
-- list was emptied, memo.py's elements count from 1 again. Then the memo gets the next free number,
-- unless an earlier attempt has inserted it already, within RESTORED elements before that number.
-- O(log n) to find the place; O(1) to insert among the newest, else O(n): LINSERT walks from the
-- head.
function operations.insert(memo)
  local id = id_of(memo)
  local index = search(id, id_of)
  local there = redis.call('LINDEX', list, index)
  if there and id_of(there) == id then
    if there == memo or id >= FIRST_DATE then return { 0, there } end
    local members = string.match(memo, '^{"id":%d+(.*)$')
    -- The first gap between the ids: up to there, each id is its index plus the same offset.
    local function offset_of(element, at) return id_of(element) - at end
    local free = search(id - index + 1, offset_of, index + 1)
    for _, earlier in ipairs((newest(free, math.min(free - index, RESTORED)))) do
      if earlier == with_id(id_of(earlier), members) then return { 0, earlier } end
    end
    memo, index = with_id(id + free - index, members), free
    there = redis.call('LINDEX', list, index)
  end
  local later = redis.call('LLEN', list) - index
  if later <= NEWEST and #newest(index + later, later, REWRITTEN) == later then
    -- First the command that a full Redis refuses, before anything is removed.
    redis.call('RPUSH', list, memo)
    if later > 0 then
      local moved = redis.call('LRANGE', list, index, -1)
      if index > 0 then
        redis.call('LTRIM', list, 0, index - 1)
      else
        redis.call('DEL', list)
      end
      table.insert(moved, 1, table.remove(moved))
      for i = 1, #moved, BLOCK do
        redis.call('RPUSH', list, unpack(moved, i, math.min(i + BLOCK - 1, #moved)))
      end
    end
  else
    redis.call('LINSERT', list, 'BEFORE', there, memo)
  end
  return { 1, memo }
end

-- The trash: a list of deleted memos, each with "deleted" (µs) as its last member.
-- Invariant: "deleted" ascends from head to tail, so the newest entry is the last one.
-- The operations drop entries that are too old or too many; ARGV[2] and ARGV[3] are the bounds.

local UNDER_WAY = 60 * 1e6 -- µs after which no deletion is still running: each of its commands has 1 s
local DROPPED = 16 * 1024 * 1024 -- bytes of entries, about, that one call drops unread
local POPPED = 2 * 1024 * 1024 -- bytes of entries that one call drops one by one
local WALKED = 2 * 1024 * 1024 -- bytes of entries that one call searches

-- The deletion time of an entry in µs, 0 if it has none. Matches the entry's last 40 bytes only.
local function deleted_at(entry)
  return tonumber(string.match(entry, ',"deleted":(%d+)}$', -40)) or 0
end

-- How many entries are older than TRASH_SECONDS. O(1) if there are none, else O(log n).
local function count_expired()
  local since = now() - TRASH_SECONDS * 1000000
  local oldest = element_at(0)
  return oldest and deleted_at(oldest) < since and search(since, deleted_at) or 0
end

-- Drops the oldest entries: those older than TRASH_SECONDS, and those beyond `max_entries` or
-- `max_bytes` of memory, but never the newest. Returns false if there is more to drop. O(dropped
-- entries), bounded by DROPPED and POPPED.
local function shrink(max_entries, max_bytes)
  local count = redis.call('LLEN', list)
  local excess = math.max(count_expired(), count - max_entries)
  if excess > 0 then
    local dropped = math.min(excess, math.ceil(DROPPED * count / memory()))
    redis.call('LTRIM', list, dropped, -1)
    if dropped < excess then return false end
    count = count - dropped
  end
  local bytes, popped = memory(), 0
  while bytes > max_bytes and count > 1 do
    if popped >= POPPED then return false end
    local length = #redis.call('LPOP', list)
    bytes, popped, count = bytes - length, popped + length, count - 1
  end
  return true
end

-- discard(max_entries, max_bytes, memo): adds the memo to the trash and returns the entry. Replaces the
-- entry of an earlier attempt to delete the same memo, unless that attempt may still be running: each
-- attempt writes its own copy and then removes the memo from the list at most once, and restoring takes
-- one copy, so one copy is always left. O(bytes of up to 200 entries).
function operations.discard(max_entries, max_bytes, memo)
  local present = now()
  local start = string.sub(memo, 1, -2) .. ',"deleted":'
  for _, entry in ipairs((newest(redis.call('LLEN', list), NEWEST))) do
    local has_ended = deleted_at(entry) < present - UNDER_WAY
    if has_ended and string.sub(entry, 1, #start) == start then
      redis.call('LREM', list, -1, entry)
    end
  end
  local last = redis.call('LINDEX', list, -1)
  local time = math.max(present, last and deleted_at(last) + 1 or 0)
  local entry = string.format('%s%.0f}', start, time)
  redis.call('RPUSH', list, entry)
  redis.call('EXPIRE', list, TRASH_SECONDS)
  shrink(tonumber(max_entries), tonumber(max_bytes))
  return entry
end

-- discarded(max_entries, max_bytes, id, stop): searches the entries before the index `stop` (empty:
-- all) for the newest one with this id. Returns {0, entry, memo}, {0} if there is none, or {index}
-- after WALKED bytes: the `stop` of the next call. O(WALKED).
function operations.discarded(_, _, id, stop)
  local count = redis.call('LLEN', list)
  id, stop = tonumber(id), math.min(count, tonumber(stop) or count)
  local walked, some = 0, BLOCK -- an entry that was just deleted is among the first
  while stop > 0 and walked < WALKED do
    for _, entry in ipairs((newest(stop, some, WALKED - walked))) do
      local cut = string.find(entry, ',"deleted":', -40, true)
      if id_of(entry) == id and cut then
        return { 0, entry, string.sub(entry, 1, cut - 1) .. '}' }
      end
      stop, walked = stop - 1, walked + #entry
    end
    some = NEWEST
  end
  return { stop }
end

-- trash(max_entries, max_bytes, limit, before): returns {count, cursor, entries}: the number of all
-- entries, and up to `limit` of those deleted before the time `before` (empty: the newest), last
-- deleted first; fewer if they are long. The cursor is the next call's `before`, 0 if no entry
-- follows. O(log n + limit).
function operations.trash(_, _, limit, before)
  local count = redis.call('LLEN', list)
  local stop = before == '' and count or search(tonumber(before), deleted_at)
  local found, rest = newest(stop, tonumber(limit))
  local more = rest > 0 and #found > 0
  return { count, more and deleted_at(found[#found]) or 0, found }
end

-- pin(id, limit): adds the id to the set of pinned ids, unless the set has `limit` other members.
-- Returns 1 if the id is a member now, else 0. O(1).
function operations.pin(id, limit)
  local pins = KEYS[1]
  if redis.call('SISMEMBER', pins, id) == 1 then return 1 end
  if redis.call('SCARD', pins) >= tonumber(limit) then return 0 end
  return redis.call('SADD', pins, id)
end

-- Preparation, which restores the invariants. If one call cannot complete it, the operation is not
-- run and the reply is -1: the client has to call again, for IN_MEMOS after `assign_ids`.
local IN_MEMOS = { append = true, page = true, find = true, insert = true }
local IN_TRASH = { discarded = true, trash = true }
local operation = ARGV[1]
if IN_MEMOS[operation] and not assign_ids({}) then return -1 end
if IN_TRASH[operation] and not shrink(tonumber(ARGV[2]), tonumber(ARGV[3])) then return -1 end

return operations[operation](unpack(ARGV, 2))
