-- An operator's retry. KEYS: due, dead, recent, ledger, standing (of the person and plan). ARGV: time, job prefix, id, ms from
-- now to the new deadline, the standing key's time to live in ms.
-- 'requeued', 'none' (a sale that is over), 'leased', 'delivered', 'cancelled', 'absent', or 'superseded' (another callback stands by now).
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], job_prefix = ARGV[2]}
local id = ARGV[3]
local f = outbox_read(keys, id, 'state', 'lease_ms', 'withdrawn', 'kind')
if not f[1] then return 'absent' end
if f[3] then return 'cancelled' end
-- A sale that is over has its record, and what was owed instead: it does not begin again.
if f[4] == 'sale' and f[1] ~= 'pending' then return 'none' end
if f[1] ~= 'pending' and f[1] ~= 'dead' then return f[1] end
if f[1] == 'pending' and tonumber(f[2]) > now then return 'leased' end
if f[4] == 'sale' then
  outbox_open(keys, id, now)
  return 'requeued'
end
local last = redis.call('GET', KEYS[5])
if last and last ~= id and callback_stands(keys, now, last) then return 'superseded' end
outbox_open(keys, id, now)
redis.call('HSET', keys.job_prefix .. id, 'deadline_ms', outbox_ms(now + tonumber(ARGV[4])))
redis.call('ZADD', keys.recent, outbox_ms(now), id)
redis.call('SET', KEYS[5], id, 'PX', ARGV[5])
return 'requeued'
