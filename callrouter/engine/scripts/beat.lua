-- The heartbeat of one instance, and who else is alive.
-- KEYS: 1 hash instance → last beat (ms).  ARGV: 1 now  2 instance, or '' to ask only  3 forget after ms
local now = time_ms(ARGV[1])
local beats = redis.call('HGETALL', KEYS[1])
for i = 1, #beats, 2 do
  if now - tonumber(beats[i + 1]) > tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], beats[i]) end
end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], ARGV[2], string.format('%.0f', now)) end
return redis.call('HGETALL', KEYS[1])
