-- Hands out due jobs. KEYS: due, dead, recent, ledger. ARGV: time, job prefix, lease ms, limit.
-- Returns {now_ms, ms until the next is due (-1: none), job hash, …}: those in state 'dead' were given up just now, past their deadline.
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], ledger = KEYS[4], job_prefix = ARGV[2]}
local lease_until = outbox_ms(now + tonumber(ARGV[3]))
local given = {outbox_ms(now), '-1'}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys.due, '-inf', outbox_ms(now), 'LIMIT', 0, ARGV[4])) do
  local job = keys.job_prefix .. id
  local f = outbox_read(keys, id, 'state', 'deadline_ms', 'withdrawn', 'last_error')
  if f[1] ~= 'pending' then
    redis.call('ZREM', keys.due, id)
  elseif f[3] then
    job_end(keys, now, id, 'cancelled', f[4])
  else
    if tonumber(f[2]) <= now then
      if f[4] == '' then redis.call('HSET', job, 'last_error', 'past its deadline') end
      job_end(keys, now, id, 'dead')
    else
      redis.call('HSET', job, 'lease_ms', lease_until)
      redis.call('HINCRBY', job, 'attempts', 1)
      redis.call('HINCRBY', job, 'fence', 1)
      redis.call('ZADD', keys.due, lease_until, id)
    end
    given[#given + 1] = redis.call('HGETALL', job)
  end
end
local first = redis.call('ZRANGE', keys.due, 0, 0, 'WITHSCORES')
given[2] = first[2] and outbox_ms(math.max(0, tonumber(first[2]) - now)) or '-1'
return given
