-- The memo store's scripts. Every one works on ONE key, KEYS[1], a list but for `pin`; ARGV[1] names
-- the operation. A script runs alone, so nobody sees it half done, and what it wrote is in the AOF as
-- one transaction.
--
-- Invariant: ids ascend from head to tail; elements without an id (memo.py wrote them) stand only
-- at the tail, because whatever pushes there numbers them first. So ids can be searched by halving.
-- JSON is never decoded here: Lua would turn [] into {} and round numbers.

local list = KEYS[1]

-- Ids below this are no times (in µs: September 2001), but numbers that nothing dates.
local FIRST_DATE = 1e15
local TEN_MINUTES = 600 * 1e6
local BLOCK = 20 -- elements that are read or written by one call
local NEWEST = 200 -- elements that are searched for a repetition, or moved
local LENGTH = 512 * 1024 -- bytes after which a reply is long enough
local MOVABLE = 64 * 1024 -- bytes that may be written again in the place of a long walk

-- Members after "id" are not looked at; memo.py writes a space after its colons, so an "id" of its
-- making does not look like ours.
local function id_of(memo)
  return tonumber(string.match(memo, '^{"id":(%d+)[,}]'))
end

local function with_id(id, members)
  return string.format('{"id":%.0f%s', id, members)
end

-- Redis's own clock in microseconds: one clock for all servers of the app.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Index of the first memo whose id is not below `id`; elements without one come after all ids.
-- O(log n) LINDEX calls, each of which walks from the nearer end over the list's nodes.
local function search(id)
  local low, high = 0, redis.call('LLEN', list)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if (id_of(redis.call('LINDEX', list, middle)) or math.huge) < id then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- What follows the id in an element of memo.py's. A foreign "id" would hide ours from a JSON reader,
-- so it is kept under another name; what is no object is a text.
local function members_of(element)
  local members = string.match(element, '^%s*{%s*(.-)%s*$')
  if not members then return ',"text":' .. cjson.encode(element) .. '}' end
  if members == '}' then return members end
  local depth, at = 0, 1
  while string.find(members, '"id"%s*:', at) do
    local start, stop = string.find(members, '["%[%]{}]', at)
    local char = string.sub(members, start, start)
    if char == '"' then
      stop = start
      repeat
        stop = string.find(members, '["\\]', stop + 1)
        local escape = stop and string.sub(members, stop, stop) == '\\'
        if escape then stop = stop + 1 end
      until not escape
      if not stop then break end
      if depth == 0 and string.find(members, '^"id"%s*:', start) then
        members = string.sub(members, 1, start) .. '_' .. string.sub(members, start + 1)
        stop = stop + 1
      end
    else
      depth = depth + ((char == '{' or char == '[') and 1 or -1)
    end
    at = stop + 1
  end
  return ',' .. members
end

-- Takes the elements from the index `first` on away, and returns them.
local function cut(first)
  local elements = redis.call('LRANGE', list, first, -1)
  if first > 0 then
    redis.call('LTRIM', list, 0, first - 1)
  else
    redis.call('DEL', list)
  end
  return elements
end

-- Adds elements at the tail, in their order.
local function push(elements)
  for i = 1, #elements, BLOCK do
    redis.call('RPUSH', list, unpack(elements, i, math.min(i + BLOCK - 1, #elements)))
  end
end

-- Numbers the elements at the tail that have no id, keeping their order: 1, 2, 3… when nothing
-- dates them because the whole list is of memo.py's, else the present time.
-- One LINDEX when there is nothing to do; O(k) for k such elements, once.
local function number()
  local last = redis.call('LINDEX', list, -1)
  if not last or id_of(last) then return end
  local first = search(math.huge)
  local id = 1
  if first > 0 then
    id = math.max(now(), id_of(redis.call('LINDEX', list, first - 1)) + 1)
  end
  local elements = cut(first)
  for i, element in ipairs(elements) do
    elements[i] = with_id(id, members_of(element))
    id = id + 1
  end
  push(elements)
end

-- The newest `count` elements before the index `stop`, the newest first, and the index where they
-- end. Fewer when they are long: the reply, and the time that everybody else waits, are bounded by
-- what one element more than `limit` bytes takes.
local function newest(stop, count, limit)
  limit = limit or LENGTH
  local found, length = {}, 0
  while stop > 0 and #found < count and length < limit do
    local start = math.max(0, stop - math.min(BLOCK, count - #found))
    local block = redis.call('LRANGE', list, start, stop - 1)
    for i = #block, 1, -1 do
      if length >= limit then return found, start + i end
      found[#found + 1] = block[i]
      length = length + #block[i]
    end
    stop = start
  end
  return found, stop
end

local operations = {}

-- append(members, needle, repeated): adds `{"id":…<members>` at the tail, or finds the one among the
-- last 200 (fewer when they are very long) that carries the idempotency key (`needle`, as it stands
-- in the JSON; empty for none), or the newest, when it is of the last ten minutes and begins with
-- the source `repeated` (empty: it is not looked at). Returns {1 if added else 0, the memo}. O(1);
-- with a needle O(bytes of the memos looked at).
function operations.append(members, needle, repeated)
  number()
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
  local memo = with_id(id, members)
  redis.call('RPUSH', list, memo)
  return { 1, memo }
end

-- page(before, limit): {1 if there are more else 0, memos}: up to `limit` memos with ids below
-- `before` (empty: the newest), newest first; fewer when they are long. O(limit) near the tail,
-- O(log n) more elsewhere.
function operations.page(before, limit)
  number()
  local stop = before == '' and redis.call('LLEN', list) or search(tonumber(before))
  local memos, rest = newest(stop, tonumber(limit))
  return { rest > 0 and 1 or 0, memos }
end

-- find(id…): the memos of these ids, nothing for one that is not there, then the time. Numbers
-- first, as whatever changes a memo has read it by this: without the memos before them, elements of
-- memo.py's could seem to be dated by nothing. O(log n) each.
function operations.find(...)
  number()
  local found = {}
  for _, id in ipairs({ ... }) do
    local memo = redis.call('LINDEX', list, search(tonumber(id)))
    if memo and id_of(memo) == tonumber(id) then found[#found + 1] = memo end
  end
  found[#found + 1] = string.format('%.0f', now())
  return found
end

-- replace(old, new): puts `new` in the place of `old`, both whole elements of one id. Returns 1, or
-- 0 when the list does not hold exactly `old` any more. O(log n).
function operations.replace(old, new)
  local index = search(id_of(old))
  if redis.call('LINDEX', list, index) ~= old then return 0 end
  redis.call('LSET', list, index, new)
  return 1
end

-- remove(memo): takes the whole element out. Returns 1, or 0 when the list does not hold exactly `memo`
-- any more. O(n) from the nearer end.
function operations.remove(memo)
  local is_late = search(id_of(memo)) > redis.call('LLEN', list) / 2
  return redis.call('LREM', list, is_late and -1 or 1, memo)
end

-- insert(memo): puts a memo back to its place by id. Returns {1, the memo}, or {0, the one that is
-- there} when it never left. An id that is no time can have been given twice, when an emptied list
-- was numbered anew: then the memo takes the next free one. O(log n) to find the place; to open it,
-- O(1) among the newest, else O(n), as LINSERT walks there from the head.
function operations.insert(memo)
  number()
  local id = id_of(memo)
  local members = string.match(memo, '^{"id":%d+(.*)$')
  local index = search(id)
  local there = redis.call('LINDEX', list, index)
  while there and id_of(there) == id do
    if there == memo or id >= FIRST_DATE then return { 0, there } end
    id, index = id + 1, index + 1
    memo = with_id(id, members)
    there = redis.call('LINDEX', list, index)
  end
  local later = redis.call('LLEN', list) - index
  if later <= NEWEST and #newest(index + later, later, MOVABLE) == later then
    -- First what a full Redis refuses: nothing is taken away then.
    redis.call('RPUSH', list, memo)
    if later > 0 then
      local moved = cut(index)
      table.insert(moved, 1, table.remove(moved))
      push(moved)
    end
  else
    redis.call('LINSERT', list, 'BEFORE', there, memo)
  end
  return { 1, memo }
end

-- The trash is a list of the same memos, each with "deleted" as its last member, newest last.

local KEEP = 30 * 24 * 60 * 60 -- seconds

local function deleted_at(entry)
  return tonumber(string.match(entry, ',"deleted":(%d+)}$'))
end

-- Drops what was deleted more than 30 days ago. O(what is dropped).
local function expire()
  local limit = now() - KEEP * 1000000
  local oldest = redis.call('LINDEX', list, 0)
  while oldest and (deleted_at(oldest) or 0) < limit do
    redis.call('LPOP', list)
    oldest = redis.call('LINDEX', list, 0)
  end
end

-- discard(memo): adds the memo to the trash. The same memo, put there by an attempt whose end
-- nobody saw, is not kept twice. Returns the entry. O(bytes of up to 200 entries).
function operations.discard(memo)
  expire()
  local start = string.sub(memo, 1, -2) .. ',"deleted":'
  for _, entry in ipairs((newest(redis.call('LLEN', list), NEWEST))) do
    if string.sub(entry, 1, #start) == start then redis.call('LREM', list, -1, entry) end
  end
  local entry = string.format('%s%.0f}', start, now())
  redis.call('RPUSH', list, entry)
  redis.call('EXPIRE', list, KEEP)
  return entry
end

-- discarded(id): {entry, memo} of the newest entry of this id, or nothing. O(n) from the newest.
function operations.discarded(id)
  local limit = now() - KEEP * 1000000
  for stop = redis.call('LLEN', list) - 1, 0, -100 do
    local entries = redis.call('LRANGE', list, math.max(0, stop - 99), stop)
    for i = #entries, 1, -1 do
      local entry = entries[i]
      if id_of(entry) == tonumber(id) and (deleted_at(entry) or 0) >= limit then
        return { entry, (string.gsub(entry, ',"deleted":%d+}$', '}')) }
      end
    end
  end
  return {}
end

-- trash(limit): the newest entries, the last deleted first, fewer when they are long. O(limit).
function operations.trash(limit)
  local oldest = now() - KEEP * 1000000
  local kept = {}
  for _, entry in ipairs((newest(redis.call('LLEN', list), tonumber(limit)))) do
    if (deleted_at(entry) or 0) >= oldest then kept[#kept + 1] = entry end
  end
  return kept
end

-- pin(id, limit): adds an id to the set of pins, unless that holds `limit` others. Returns 1 if the id
-- is in it now, else 0. O(1).
function operations.pin(id, limit)
  local pins = KEYS[1]
  if redis.call('SISMEMBER', pins, id) == 1 then return 1 end
  if redis.call('SCARD', pins) >= tonumber(limit) then return 0 end
  return redis.call('SADD', pins, id)
end

return operations[ARGV[1]](unpack(ARGV, 2))
