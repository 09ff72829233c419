-- An operator's cancel. KEYS: due, dead, recent, ledger, standing. ARGV: time, job prefix, id, cancel id, cancel payload, ms from now to
-- the cancel's deadline. 'cancelled', 'cancel_sent' (the dialler is told), 'leased' (a 'cancel' job that is out now),
-- 'none' (absent, or over already), or 'uncertain' (a sale that is over now, and that a buyer may have made).
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], ledger = KEYS[4], job_prefix = ARGV[2]}
local f = outbox_read(keys, ARGV[3], 'kind', 'state', 'lease_ms')
if f[1] == 'callback' then
  local did = callback_drop(keys, now, ARGV[3], ARGV[4], ARGV[5], now + tonumber(ARGV[6]))
  if did == 'cancel_sent' and redis.call('GET', KEYS[5]) == ARGV[3] then
    redis.call('SET', KEYS[5], ARGV[4], 'KEEPTTL')
  end
  return did
end
if f[1] == 'sale' then
  if f[2] ~= 'pending' then return 'none' end
  if tonumber(f[3]) > now then return outbox_cancel(keys, now, ARGV[3]) end
  return sale_end(keys, now, ARGV[3], 'cancelled', 'cancelled by an operator')
end
if f[2] ~= 'pending' and f[2] ~= 'dead' then return 'none' end
return outbox_cancel(keys, now, ARGV[3])
