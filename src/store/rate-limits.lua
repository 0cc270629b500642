-- A rate limit by the generic cell rate algorithm (ITU-T I.371): the key holds the time at which all
-- that was taken so far is paid for, so one number is enough, and it expires when it means nothing.
-- KEYS[1]; ARGV: µs that one costs, how many may be taken at once.
-- Returns whether it may be taken, how many are left, µs until the next one, µs until all are.
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
