-- A request with an idempotency key was answered. KEYS: its reply. ARGV: its claim, the answer to keep (JSON; empty:
-- none, it may be sent again), for how long (ms). A claim that lapsed, and that another has taken, changes nothing.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
