-- One reply of a buyer account was good or bad: move its average, and leave or return at the thresholds.
-- KEYS: 1 hash of the account's health: bad (moving average), n (samples), out ('1' while unhealthy),
--       probe_at (ms), asks (asks while unhealthy)
-- ARGV: 1 time, 2 '1' bad or '0' good, 3 weight of one reply, 4 samples before it may leave, 5 leaves above,
--       6 returns below, 7 ms until the first probe, 8 time to live (s)
-- Returns 'left' or 'returned' once at the change, else ''.
local now = time_ms(ARGV[1])
local held = redis.call('HMGET', KEYS[1], 'bad', 'n', 'out')
local weight = tonumber(ARGV[3])
local bad = tonumber(held[1] or '0') * (1 - weight) + tonumber(ARGV[2]) * weight
local n = tonumber(held[2] or '0') + 1
local change = ''
if held[3] == '1' then
  if bad < tonumber(ARGV[6]) then
    change = 'returned'
    redis.call('HSET', KEYS[1], 'out', '0')
  end
elseif n >= tonumber(ARGV[4]) and bad > tonumber(ARGV[5]) then
  change = 'left'
  redis.call('HSET', KEYS[1], 'out', '1', 'asks', '0', 'probe_at', string.format('%.0f', now + tonumber(ARGV[7])))
end
redis.call('HSET', KEYS[1], 'bad', string.format('%.6f', bad), 'n', string.format('%.0f', math.min(n, 1000000)))
redis.call('EXPIRE', KEYS[1], ARGV[8])
return change
