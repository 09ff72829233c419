-- May one request go out to a buyer account now? Its switch, guards, health and every rate window in one step.
-- KEYS: 1 list of admission times (ms, newest first), 2 hash of the account's health, 3 hash of switched-off buyers
-- ARGV: 1 time, 2 ms between probes of an unhealthy buyer, 3 of how many asks one passes anyway,
--       4 time to live of the list (ms), 5 the entry's guard (JSON, see _guards.lua) or '',
--       6 the buyer's field among the switches or '', then pairs: calls, window (ms, margin included)
-- Returns 'admitted', 'switched_off', 'limited', 'unhealthy', 'duplicate', 'cap_attempts', 'cap_connects',
-- 'cap_qualified', 'cap_dollars', 'concurrency' or 'spacing'. A refused ask uses nothing up; an admitted one has its
-- seat.
if ARGV[6] ~= '' and redis.call('HEXISTS', KEYS[3], ARGV[6]) == 1 then return 'switched_off' end
local now = time_ms(ARGV[1])
local guard = ARGV[5] ~= '' and cjson.decode(ARGV[5])
if guard then
  guards_sweep(now, guard.seat)
  local refusal = guards_refusal(now, guard)
  if refusal then return refusal end
end
local out = redis.call('HGET', KEYS[2], 'out') == '1'
local probe = true
if out then
  local asks = redis.call('HINCRBY', KEYS[2], 'asks', 1)
  local probe_at = tonumber(redis.call('HGET', KEYS[2], 'probe_at') or '0')
  probe = now >= probe_at or asks % tonumber(ARGV[3]) == 0
end
if not probe then return 'unhealthy' end
local longest = 0
for i = 7, #ARGV, 2 do
  local calls, window = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  if calls > longest then longest = calls end
  -- The admission that was `calls` ago must have left the window.
  local then_ms = redis.call('LINDEX', KEYS[1], calls - 1)
  if then_ms and now - tonumber(then_ms) < window then return 'limited' end
end
if longest > 0 then
  redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('LTRIM', KEYS[1], 0, longest - 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
if out then redis.call('HSET', KEYS[2], 'probe_at', string.format('%.0f', now + tonumber(ARGV[2]))) end
if guard then guards_reserve(now, guard) end
return 'admitted'
