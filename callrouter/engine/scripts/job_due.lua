-- How many deliveries to the dialler a worker should have taken by now. KEYS: due. ARGV: time, job prefix.
local now = time_ms(ARGV[1])
local count = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', outbox_ms(now))) do
  if string.sub(id, 1, 5) ~= 'sale-' then count = count + 1 end
end
return count
