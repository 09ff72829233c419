-- Claims live calls that somebody should look at: their score moves on, so that one instance has each.
-- KEYS: 1 live.  ARGV: 1 now  2 at most  3 next look after ms
local now = time_ms(ARGV[1])
local sids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
for _, sid in ipairs(sids) do redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[3]), sid) end
return sids
