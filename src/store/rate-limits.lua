-- A rate limit by the generic cell rate algorithm (GCRA, ITU-T I.371).
--
-- KEYS[1] holds one number: the time in µs by Redis's clock at which everything taken so far is paid for.
-- Each unit moves it ahead by its cost, and it may be at most `burst` costs ahead of now. When it has
-- passed, the key says nothing, so it expires then. O(1).
--
-- ARGV: the cost of one unit in µs, the number of units that may be taken at once (burst).
-- Returns {1 if a unit was taken else 0, how many are left, µs until the next one, µs until all are left}.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local cost, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local paid = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local taken = paid + cost - now <= burst * cost
if taken then
  paid = paid + cost
  redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
end
local left = math.floor((burst * cost - (paid - now)) / cost)
return { taken and 1 or 0, left, math.max(0, paid + cost - now - burst * cost), paid - now }
