-- Acknowledges a delivery. KEYS: due, dead, recent. ARGV: time, job prefix, id, fence, stands_until_ms, note.
-- 'delivered', 'cancelled' (it was withdrawn meanwhile; the dialler is told so) or 'late' (no longer ours).
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], job_prefix = ARGV[2]}
local id = ARGV[3]
local f = outbox_read(keys, id, 'state', 'fence', 'withdrawn', 'cancel_id')
if f[1] == 'delivered' and f[2] == ARGV[4] then return 'delivered' end -- sent again after a broken connection
if f[1] ~= 'pending' or f[2] ~= ARGV[4] then
  -- It reached the dialler all the same, perhaps after the 'cancel' did.
  if f[1] and f[4] then outbox_hasten(keys, now, f[4]) end
  return 'late'
end
redis.call('HSET', keys.job_prefix .. id, 'stands_until_ms', outbox_ms(ARGV[5]), 'last_error', ARGV[6])
if f[3] and f[4] then
  outbox_settle(keys, now, id, 'cancelled')
  outbox_hasten(keys, now, f[4])
  return 'cancelled'
end
outbox_settle(keys, now, id, 'delivered')
return 'delivered'
