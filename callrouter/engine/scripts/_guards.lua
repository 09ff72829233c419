-- Buyers' guards: seats (what calls have reserved), and what of the caps is used up.
--
-- A seat is {asked=, dialled=, talking=, held=}: three sorted sets sid -> when it lapses (ms), of which a call is in one
-- at most, and a hash sid -> '<tag> <cents>': which admission it was, and what the call would pay.
-- What is used is a hash for each calendar bucket: attempts, connects, qualified, cents.
-- Who had a buyer is a sorted set for each person: sid -> when (ms).
-- auction/seats.py builds every document.

local GUARDS_STAGES = {'asked', 'dialled', 'talking'}
-- Longer than any seat.
local GUARDS_SEATS_TTL_MS = 21600000

local function guards_ms(n)
  return string.format('%.0f', n)
end

-- Seats of calls that nobody settled are free again.
local function guards_sweep(now_ms, seat)
  for _, stage in ipairs(GUARDS_STAGES) do
    for _, sid in ipairs(redis.call('ZRANGEBYSCORE', seat[stage], '-inf', guards_ms(now_ms))) do
      redis.call('ZREM', seat[stage], sid)
      redis.call('HDEL', seat.held, sid)
    end
  end
end

-- How many other calls are in each stage.
local function guards_others(seat, sid)
  local counts = {}
  for _, stage in ipairs(GUARDS_STAGES) do
    local own = redis.call('ZSCORE', seat[stage], sid) and 1 or 0
    counts[stage] = redis.call('ZCARD', seat[stage]) - own
  end
  return counts
end

-- What the other calls that have a seat would pay.
local function guards_booked(seat, sid)
  local cents, held = 0, redis.call('HGETALL', seat.held)
  for i = 1, #held, 2 do
    if held[i] ~= sid then cents = cents + tonumber(string.match(held[i + 1], ' (%d+)$')) end
  end
  return cents
end

-- Whether the person had this buyer (or plan) lately, in another call than this one.
local function guards_had(now_ms, guard)
  local since = guards_ms(now_ms - guard.had.within_ms)
  local sids = redis.call('ZREVRANGEBYSCORE', guard.had.key, '+inf', '(' .. since, 'LIMIT', 0, 2)
  for _, sid in ipairs(sids) do
    if sid ~= guard.sid then return true end
  end
  return false
end

-- The cap that is full, or nil. `cents`: what the call would pay, where that is known.
local function guards_full(guard, cents)
  local n = guards_others(guard.seat, guard.sid)
  for _, cap in ipairs(guard.caps) do
    local used = tonumber(redis.call('HGET', cap.used, cap.of) or '0')
    if cap.of == 'cents' then
      used = used + guards_booked(guard.seat, guard.sid)
      if (cents and used + cents > cap.most) or (not cents and used >= cap.most) then return 'cap_dollars' end
    else
      if cap.of == 'attempts' then used = used + n.asked end
      if cap.of == 'connects' then used = used + n.asked + n.dialled end
      if cap.of == 'qualified' then used = used + n.asked + n.dialled + n.talking end
      if used >= cap.most then return 'cap_' .. cap.of end
    end
  end
  if guard.concurrency and n.asked + n.dialled + n.talking >= guard.concurrency then return 'concurrency' end
end

-- Why the buyer may not be asked, or nil. Changes nothing.
local function guards_refusal(now_ms, guard)
  if guard.had and guards_had(now_ms, guard) then return 'duplicate' end
  local full = guards_full(guard)
  if full then return full end
  local last = guard.spacing_ms > 0 and redis.call('GET', guard.last)
  if last and now_ms - tonumber(last) < guard.spacing_ms then return 'spacing' end
end

-- Puts a call into one stage and out of the others.
local function guards_seat(now_ms, seat, sid, stage, keep_ms)
  for _, other in ipairs(GUARDS_STAGES) do
    if other ~= stage then redis.call('ZREM', seat[other], sid) end
  end
  redis.call('ZADD', seat[stage], guards_ms(now_ms + keep_ms), sid)
  redis.call('PEXPIRE', seat[stage], GUARDS_SEATS_TTL_MS)
end

local function guards_hold(guard, cents)
  redis.call('HSET', guard.seat.held, guard.sid, string.format('%s %.0f', guard.tag, cents))
  redis.call('PEXPIRE', guard.seat.held, GUARDS_SEATS_TTL_MS)
end

-- Reserves the seat of an admitted ask. One that the call has already is kept for longer, what it would pay with it.
local function guards_reserve(now_ms, guard)
  local seat, sid = guard.seat, guard.sid
  local held = redis.call('HGET', seat.held, sid)
  guards_hold(guard, held and tonumber(string.match(held, ' (%d+)$')) or 0)
  if not redis.call('ZSCORE', seat.dialled, sid) and not redis.call('ZSCORE', seat.talking, sid) then
    guards_seat(now_ms, seat, sid, 'asked', guard.keep_ms)
  end
  if guard.spacing_ms > 0 then redis.call('SET', guard.last, guards_ms(now_ms), 'PX', guard.spacing_ms) end
end

local function guards_release(seat, sid)
  for _, stage in ipairs(GUARDS_STAGES) do redis.call('ZREM', seat[stage], sid) end
  redis.call('HDEL', seat.held, sid)
end

-- One step of a call at one buyer: what it uses up (`add`, in each bucket of `used`), where it leaves the seat
-- (`stage`, or released), and where it leaves a mark of the person (`had`).
local function guards_charge(now_ms, charge)
  guards_sweep(now_ms, charge.seat)
  for _, bucket in ipairs(charge.used) do
    for field, n in pairs(charge.add) do redis.call('HINCRBY', bucket.key, field, guards_ms(n)) end
    if bucket.ttl_s > 0 and next(charge.add) then redis.call('EXPIRE', bucket.key, bucket.ttl_s) end
  end
  if charge.stage then
    guards_seat(now_ms, charge.seat, charge.sid, charge.stage, charge.keep_ms)
    -- A call whose seat had lapsed has one again, and pays what the dial was for.
    redis.call('HSETNX', charge.seat.held, charge.sid, string.format('0 %.0f', charge.cents))
    redis.call('PEXPIRE', charge.seat.held, GUARDS_SEATS_TTL_MS)
  else
    guards_release(charge.seat, charge.sid)
  end
  for _, mark in ipairs(charge.had) do
    redis.call('ZREMRANGEBYSCORE', mark.key, '-inf', guards_ms(now_ms - mark.ttl_s * 1000))
    redis.call('ZADD', mark.key, guards_ms(now_ms), charge.sid)
    redis.call('EXPIRE', mark.key, mark.ttl_s)
  end
end
