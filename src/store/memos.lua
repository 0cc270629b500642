-- The memo store's scripts. Every one works on ONE key, KEYS[1], a list but for `pin`; ARGV[1] names
-- the operation. A script runs alone, so nobody sees it half done, and what it wrote is in the AOF as
-- one transaction. Everybody else waits for it, so each one is bounded in elements and in bytes,
-- whatever is stored: walks over a list's nodes, a few ns each, are all that grows with it.
--
-- Invariant: ids ascend from head to tail; elements without an id (memo.py wrote them) stand only
-- at the tail, because whatever pushes there numbers them first. So ids can be searched by halving.
-- JSON is never decoded here: Lua would turn [] into {} and round numbers.

local list = KEYS[1]

local TEN_MINUTES = 600 * 1e6
local BLOCK = 10 -- elements that are read by one call: one by one took 3 to 7 times as long, 20 no less
local NEWEST = 200 -- elements that are searched for a repetition, or moved
local MOVABLE = 64 * 1024 -- bytes that may be written again in the place of a long walk
local RUN = 2000 -- elements that are searched for what a restored memo has become
local SEARCHED = 128 * 1024 -- bytes that are read to find one memo after the other
local NUMBERED = 500 -- elements that one call numbers
local NUMBERED_LENGTH = 128 * 1024 -- bytes of them, and one more element

-- Members after "id" are not looked at. memo.py writes a space after its colons, so an "id" that it wrote
-- does not look like ours; nor does one that JavaScript could not represent. A space after the id: see
-- `assign_ids`.
local MAX_ID = 2 ^ 53 - 1
local function id_of(memo)
  local id = tonumber(string.match(memo, '^{"id":(%d+) ?[,}]'))
  return id and id <= MAX_ID and id or nil
end

local function with_id(id, ...)
  return table.concat({ string.format('{"id":%.0f', id), ... })
end

-- Redis's own clock in microseconds: one clock for all servers of the app.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- What was read one by one: bytes in all, and those of the longest.
local looked, longest = 0, 1

local function look(index)
  local element = redis.call('LINDEX', list, index)
  if element then
    looked, longest = looked + #element, math.max(longest, #element)
  end
  return element
end

-- Index of the first element whose key, as `key_of` reads it, is not below `key`; elements without
-- one come after all keys. O(log n) LINDEX calls, each of which walks from the nearer end over the
-- list's nodes, and copies the element.
local function search(key, key_of)
  local low, high = 0, redis.call('LLEN', list)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if (key_of(look(middle)) or math.huge) < key then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- Up to `count` elements from the index `at` on, in steps of 1 or -1; fewer when they are long: the
-- last is the one that makes them `limit` bytes. Blocks begin with two, and are no larger than fits
-- when all are as long as the longest so far: few are read in vain, or they are short. O(bytes).
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

-- The newest `count` elements before the index `stop`, the newest first, and the index where they
-- end; fewer when they are long. What they take is what everybody else waits.
local function newest(stop, count, limit)
  local found = read(stop - 1, -1, math.min(count, stop), limit or REPLY_BYTES)
  return found, stop - #found
end

-- What follows the id in an element of memo.py's. A foreign "id" would hide ours from a JSON reader,
-- so it is kept under another name; what is no object is a text. `ids` says where there are such
-- names, or is the text as JSON, as memos.ts makes them: Lua would be too slow for the longest
-- elements. Nil when it has to be asked; nil and the element with these names changed, when a comma
-- after the last says that there are more. O(bytes), whatever they are: no pattern here may begin
-- anew from each of many spaces.
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

-- Numbers the oldest of the elements that have no id, keeping their order: 1, 2, 3… when nothing
-- dates them because the whole list is of memo.py's, else the present time. Returns whether none is
-- left, and the elements in the way whose `ids` are to be given next time.
-- While some of an undated list are left, the newest that has a number has a space after it: no JSON
-- reader sees it, and whoever goes on, another server after a crash, too, goes on counting.
-- One LINDEX when there is nothing to do; else O(NUMBERED) LSET calls, and their bytes.
local function assign_ids(ids)
  local last = look(-1)
  if not last or id_of(last) then return true, {} end
  local first = search(math.huge, id_of)
  local left = redis.call('LLEN', list) - first
  local previous = first > 0 and redis.call('LINDEX', list, first - 1)
  local is_counting = not previous or string.find(previous, '^{"id":%d+ ') ~= nil
  local id = previous and id_of(previous) + 1 or 1
  if not is_counting then id = math.max(now(), id) end

  local numbered, unknown = {}, {}
  for _, element in ipairs(read(first, 1, math.min(NUMBERED, left), NUMBERED_LENGTH)) do
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

-- Bytes that the list takes; 0 where this command is not allowed. O(nodes), about 15 ns each.
local function memory()
  local bytes = redis.pcall('MEMORY', 'USAGE', list, 'SAMPLES', 0)
  return type(bytes) == 'number' and bytes or 0
end

local operations = { memory = memory }

-- assign_ids(element, ids, …): numbers a bounded part of the elements without an id. {1} when none is
-- left, else {0, elements…}: those that stand in the way until their `ids`, or texts, are given.
function operations.assign_ids(...)
  local ids, given = {}, { ... }
  for i = 1, #given, 2 do
    ids[given[i]] = ids[given[i]] or given[i + 1] -- of the same, the first has the most
  end
  local done, unknown = assign_ids(ids)
  return { done and 1 or 0, unpack(unknown) }
end

-- append(members, needle, repeated, full): adds `{"id":…<members>` at the tail, or finds the one
-- among the last 200 (fewer when they are very long) that carries the idempotency key (`needle`, as
-- it stands in the JSON; empty for none), or the newest, when it is of the last ten minutes and
-- begins with the source `repeated` (empty: it is not looked at). Returns {1 if added else 0, the
-- memo}; {-1} when it would have to be added, and `full` is 1. O(1); with a needle O(bytes of the
-- memos looked at).
function operations.append(members, needle, repeated, full)
  if needle ~= '' then
    for _, memo in ipairs((newest(redis.call('LLEN', list), NEWEST))) do
      if string.find(memo, needle, 1, true) then return { 0, memo } end
    end
  end
  local id = now()
  local last = redis.call('LINDEX', list, -1)
  if last then
    local recent = id - id_of(last) < TEN_MINUTES
    local start = with_id(id_of(last), repeated)
    if repeated ~= '' and recent and string.sub(last, 1, #start) == start then return { 0, last } end
    id = math.max(id, id_of(last) + 1)
  end
  if full == '1' then return { -1 } end
  local memo = with_id(id, members)
  redis.call('RPUSH', list, memo)
  return { 1, memo }
end

-- page(before, limit): {1 if there are more else 0, memos}: up to `limit` memos with ids below
-- `before` (empty: the newest), newest first; fewer when they are long. O(limit) near the tail,
-- O(log n) more elsewhere.
function operations.page(before, limit)
  local stop = before == '' and redis.call('LLEN', list) or search(tonumber(before), id_of)
  local memos, rest = newest(stop, tonumber(limit))
  return { rest > 0 and 1 or 0, memos }
end

-- find(id…): {how many of the ids were looked for, the time, memos…}: the memos of these ids, nothing
-- for one that is not there. The rest of the ids is left when that took long. Numbers first, as
-- whatever changes a memo has read it by this: without the memos before them, elements of memo.py's
-- could seem to be dated by nothing. O(log n) each.
function operations.find(...)
  local found = { 0, string.format('%.0f', now()) }
  for i, id in ipairs({ ... }) do
    local memo = look(search(tonumber(id), id_of))
    if memo and id_of(memo) == tonumber(id) then found[#found + 1] = memo end
    found[1] = i
    if looked > SEARCHED then break end
  end
  return found
end

-- replace(old, new): puts `new` in the place of `old`, both whole elements of one id. Returns 1, or
-- 0 when the list does not hold exactly `old` any more. O(log n).
function operations.replace(old, new)
  local index = search(id_of(old), id_of)
  if redis.call('LINDEX', list, index) ~= old then return 0 end
  redis.call('LSET', list, index, new)
  return 1
end

-- remove(memo): takes the whole element out. Returns 1, or 0 when the list does not hold exactly `memo`
-- any more. O(n) from the nearer end.
function operations.remove(memo)
  local is_late = search(id_of(memo), id_of) > redis.call('LLEN', list) / 2
  return redis.call('LREM', list, is_late and -1 or 1, memo)
end

-- insert(memo): puts a memo back to its place by id. Returns {1, the memo}, or {0, the one that is
-- there} when it never left. An id that is no time can have been given twice, when an emptied list
-- was numbered anew: then the memo takes the next free one, unless one of the last 2,000 before that
-- is what an earlier attempt has made of it. O(log n) to find the place; to open it, O(1) among the
-- newest, else O(n), as LINSERT walks there from the head.
function operations.insert(memo)
  local id = id_of(memo)
  local index = search(id, id_of)
  local there = redis.call('LINDEX', list, index)
  if there and id_of(there) == id then
    if there == memo or id >= FIRST_DATE then return { 0, there } end
    local members = string.match(memo, '^{"id":%d+(.*)$')
    -- Where the ids leave a number out: up to there, they are as far from `id` as from its place.
    local low, high = index + 1, redis.call('LLEN', list)
    while low < high do
      local middle = math.floor((low + high) / 2)
      if id_of(redis.call('LINDEX', list, middle)) - id == middle - index then
        low = middle + 1
      else
        high = middle
      end
    end
    for _, earlier in ipairs((newest(low, math.min(low - index, RUN)))) do
      if earlier == with_id(id_of(earlier), members) then return { 0, earlier } end
    end
    memo, index = with_id(id + low - index, members), low
    there = redis.call('LINDEX', list, index)
  end
  local later = redis.call('LLEN', list) - index
  if later <= NEWEST and #newest(index + later, later, MOVABLE) == later then
    -- First what a full Redis refuses: nothing is taken away then.
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

-- The trash is a list of the same memos, each with "deleted" as its last member, newest last: these
-- ascend. Whoever looks into it first drops what is too old, or too much; ARGV has the bounds.

local UNDER_WAY = 60 * 1e6 -- µs after which no deletion is under way any more: its commands take 1 s each
local DROPPED = 16 * 1024 * 1024 -- bytes of entries that one call drops, about
local POPPED = 2 * 1024 * 1024 -- bytes of those that it has to look at for that
local WALKED = 2 * 1024 * 1024 -- bytes of entries that one call looks through

-- When an entry was deleted, 0 when it does not say. Only its end is looked at, however long it is.
local function deleted_at(entry)
  return tonumber(string.match(entry, ',"deleted":(%d+)}$', -40)) or 0
end

-- How many entries are older than TRASH_SECONDS. O(1) when none is, else O(log n).
local function count_expired()
  local since = now() - TRASH_SECONDS * 1000000
  local oldest = look(0)
  return oldest and deleted_at(oldest) < since and search(since, deleted_at) or 0
end

-- Drops the oldest entries: those older than TRASH_SECONDS, and what is beyond `max_entries`, or
-- `max_bytes` of memory; never the newest. Returns whether that was all.
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

-- discard(max_entries, max_bytes, memo): adds the memo to the trash. The same memo, put there by an
-- attempt whose end nobody saw, is not kept twice; but while that attempt can still be under way, it is:
-- each attempt takes the memo out of the list at most once, relying on its own copy, and restoring
-- takes one copy away, so one is left. Returns the entry. O(bytes of up to 200 entries).
function operations.discard(max_entries, max_bytes, memo)
  local present = now()
  local start = string.sub(memo, 1, -2) .. ',"deleted":'
  for _, entry in ipairs((newest(redis.call('LLEN', list), NEWEST))) do
    local is_over = deleted_at(entry) < present - UNDER_WAY
    if is_over and string.sub(entry, 1, #start) == start then
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

-- discarded(…, id, stop): {0, entry, memo} of the newest entry of this id, or {0}, or {index} when
-- there are more to be looked at, before that one: `stop` next time (empty: all). O(WALKED).
function operations.discarded(_, _, id, stop)
  local count = redis.call('LLEN', list)
  stop = math.min(count, tonumber(stop) or count)
  local walked, some = 0, BLOCK -- what was deleted just now is among the first
  while stop > 0 and walked < WALKED do
    for _, entry in ipairs((newest(stop, some, WALKED - walked))) do
      local cut = string.find(entry, ',"deleted":', -40, true)
      if id_of(entry) == tonumber(id) and cut then
        return { 0, entry, string.sub(entry, 1, cut - 1) .. '}' }
      end
      stop, walked = stop - 1, walked + #entry
    end
    some = NEWEST
  end
  return { stop }
end

-- trash(…, limit, before): {count, cursor, entries}: how many there are in all, and up to `limit` of
-- those deleted before the time `before` (empty: the newest), the last deleted first, fewer when
-- they are long; the cursor is the last one's time when more follow, else 0. O(limit) and O(log n).
function operations.trash(_, _, limit, before)
  local count = redis.call('LLEN', list)
  local stop = before == '' and count or search(tonumber(before), deleted_at)
  local found, rest = newest(stop, tonumber(limit))
  local more = rest > 0 and #found > 0
  return { count, more and deleted_at(found[#found]) or 0, found }
end

-- pin(id, limit): adds an id to the set of pins, unless that holds `limit` others. Returns 1 if the id
-- is in it now, else 0. O(1).
function operations.pin(id, limit)
  local pins = KEYS[1]
  if redis.call('SISMEMBER', pins, id) == 1 then return 1 end
  if redis.call('SCARD', pins) >= tonumber(limit) then return 0 end
  return redis.call('SADD', pins, id)
end

-- What has to be done before an operation: -1 when it is not done yet, and has to go on.
local IN_MEMOS = { append = true, page = true, find = true, insert = true }
local IN_TRASH = { discarded = true, trash = true }
local operation = ARGV[1]
if IN_MEMOS[operation] and not assign_ids({}) then return -1 end
if IN_TRASH[operation] and not shrink(tonumber(ARGV[2]), tonumber(ARGV[3])) then return -1 end

return operations[operation](unpack(ARGV, 2))
