-- Promises a callback outside a call's transition. KEYS: due, dead, recent, ledger, standing. ARGV: time, job prefix, id,
-- ms from now to the deadline, payload, the standing key's time to live in ms. Returns the id of the one that stands.
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], job_prefix = ARGV[2]}
return callback_stand(keys, now, KEYS[5], ARGV[3], now, now + tonumber(ARGV[4]), ARGV[5], ARGV[6])
