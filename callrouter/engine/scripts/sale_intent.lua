-- A lead is about to be posted to a buyer: durable before it is sent. KEYS: due, dead, recent, ledger.
-- ARGV: time, job prefix, id, fence, progress, buyer, charges (JSON).
-- KEYS: 5 the call on which the person talks now.
-- 'go', 'late' (the claim is over), 'talking' (not now; a first post only), or how the sale ended instead: 'cancelled', 'connected', 'dead'.
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], ledger = KEYS[4], job_prefix = ARGV[2]}
local id = ARGV[3]
local f = outbox_read(keys, id, 'state', 'fence', 'withdrawn', 'deadline_ms', 'lease_ms', 'posting')
if f[1] ~= 'pending' or f[2] ~= ARGV[4] or tonumber(f[5]) <= now then return 'late' end
if f[3] then return sale_end(keys, now, id, 'cancelled', 'cancelled by an operator') end
if sale_connected(keys, id) then return sale_end(keys, now, id, 'connected', '') end
if tonumber(f[4]) <= now then return sale_end(keys, now, id, 'dead', 'past its deadline') end
if (f[6] or '') == '' and redis.call('EXISTS', KEYS[5]) == 1 then return 'talking' end
redis.call('HSET', keys.job_prefix .. id, 'progress', ARGV[5], 'posting', ARGV[6], 'charges', ARGV[7])
return 'go'
