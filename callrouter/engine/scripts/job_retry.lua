-- Gives a job back. KEYS: due, dead, recent, ledger. ARGV: time, job prefix, id, fence, delay ms, error, permanent (1|0).
-- 'retried', 'dead' (permanent, or its deadline comes first), 'cancelled' (withdrawn meanwhile) or 'late'.
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], ledger = KEYS[4], job_prefix = ARGV[2]}
local id = ARGV[3]
local f = outbox_read(keys, id, 'state', 'fence', 'withdrawn', 'cancel_id', 'deadline_ms')
if f[1] == 'dead' and f[2] == ARGV[4] then return 'dead' end -- sent again after a broken connection
if f[1] ~= 'pending' or f[2] ~= ARGV[4] then return 'late' end
redis.call('HSET', keys.job_prefix .. id, 'last_error', ARGV[6])
if f[3] then
  job_end(keys, now, id, 'cancelled')
  if f[4] then outbox_hasten(keys, now, f[4]) end
  return 'cancelled'
end
local due = now + tonumber(ARGV[5])
if ARGV[7] == '1' or due >= tonumber(f[5]) then
  job_end(keys, now, id, 'dead')
  return 'dead'
end
outbox_open(keys, id, due)
return 'retried'
