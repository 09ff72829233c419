-- A request with an idempotency key begins. KEYS: its reply. ARGV: its claim (JSON), how long it holds (ms).
-- Nothing when this request may go on; else what stands there: another claim, or the answer that was given.
local before = redis.call('GET', KEYS[1])
if before and before ~= ARGV[1] then return before end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
