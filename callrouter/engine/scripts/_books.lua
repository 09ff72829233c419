-- The books of an instance: what qualified calls are expected to pay, counted with the step that ends them.
-- A hash: 'cents <buyer>', 'calls <buyer>'.

local function books_count(booked)
  redis.call('HINCRBY', booked.key, 'cents ' .. booked.buyer, string.format('%.0f', booked.cents))
  redis.call('HINCRBY', booked.key, 'calls ' .. booked.buyer, 1)
  redis.call('EXPIRE', booked.key, booked.ttl_s)
end
