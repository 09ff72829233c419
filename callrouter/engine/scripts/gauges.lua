-- What is waiting, in one step.
-- KEYS: 1 live calls, 2 outbox due, 3 outbox dead, 4 ledger stream, then the lists of open warm transfers
-- ARGV: 1 time, 2 job prefix, 3 ms after which a delivery is late, 4 ms that a dead job is kept, 5 most jobs, and most
--       transfers of a list, that are looked at one by one
-- Returns {live, waiting, due, dead, deliveries due, deliveries late, ledger, {transfer id, …}}
local now, most = time_ms(ARGV[1]), tonumber(ARGV[5]) - 1
local late_from = now - tonumber(ARGV[3])
local waiting = redis.call('ZCOUNT', KEYS[2], '(' .. outbox_ms(now), '+inf')
local due = redis.call('ZCOUNT', KEYS[2], '-inf', outbox_ms(now))

local deliveries, late = 0, 0
local jobs = redis.call('ZRANGE', KEYS[2], 0, most, 'WITHSCORES')
for i = 1, #jobs, 2 do
  local id, at = jobs[i], tonumber(jobs[i + 1])
  if string.sub(id, 1, 5) ~= 'sale-' then
    if at <= now then deliveries = deliveries + 1 end
    -- Of one that failed and waits for its next try the score says nothing: it was due when it was made.
    local f = redis.call('HMGET', ARGV[2] .. id, 'created_ms', 'last_error')
    local failed = f[2] and f[2] ~= '' and tonumber(f[1] or '0') <= late_from
    if at <= late_from or failed then late = late + 1 end
  end
end

local transfers = {}
for i = 5, #KEYS do
  for _, sid in ipairs(redis.call('ZREVRANGE', KEYS[i], 0, most)) do transfers[#transfers + 1] = sid end
end
return {
  redis.call('ZCARD', KEYS[1]), waiting, due,
  redis.call('ZCOUNT', KEYS[3], outbox_ms(now - tonumber(ARGV[4])), '+inf'),
  deliveries, late, redis.call('XLEN', KEYS[4]), transfers,
}
