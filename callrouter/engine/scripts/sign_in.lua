-- May another sign-in be tried from here? Counted in the same step, before the token is looked at, so that a hundred
-- tries at once are a hundred tries.
-- KEYS: 1 hash of the tries from one place (tries, until: ms)
-- ARGV: 1 time, 2 tries that are free, 3 first wait (ms, doubled with each further try), 4 longest wait (ms),
--       5 how long tries are remembered (ms), 6 'try', or 'good' to take one back
-- Returns how many ms to wait, 0 when this one may be tried, and how many tries there are.
if ARGV[6] == 'good' then
  local left = redis.call('HINCRBY', KEYS[1], 'tries', -1)
  if left <= 0 then redis.call('DEL', KEYS[1]) else redis.call('HDEL', KEYS[1], 'until') end
  return {0, left}
end
local now = time_ms(ARGV[1])
local wait = tonumber(redis.call('HGET', KEYS[1], 'until') or '0') - now
if wait > 0 then return {math.ceil(wait), 0} end
local tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
local over = tries - tonumber(ARGV[2])
if over >= 0 then
  local next_wait = math.min(tonumber(ARGV[4]), tonumber(ARGV[3]) * 2 ^ math.min(over, 20))
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + next_wait))
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {0, tries}
