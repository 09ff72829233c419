-- How buyers stand: switches, health, rate windows, caps and seats of all of them in one step.
-- KEYS: 1 hash of switched-off buyers
-- ARGV: 1 time, 2 list (JSON), one entry a buyer: {switch= its field there, health= key, limit= key of admission times,
--       windows= {ms, ...}, seat=, caps= as in _guards.lua}
-- Returns for each buyer: switch or '', its health (out, bad, n, probe_at; '' where unknown), used of each window,
-- its seats (asked, dialled, talking, cents that they would pay), used of each cap. Seats that lapsed are freed.
local now = time_ms(ARGV[1])

-- How many admissions are in the window: the list is in order, newest first.
local function used_of(key, window)
  local low, high = 0, redis.call('LLEN', key)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if now - tonumber(redis.call('LINDEX', key, middle)) < window then low = middle + 1 else high = middle end
  end
  return low
end

local found = {}
for _, buyer in ipairs(cjson.decode(ARGV[2])) do
  guards_sweep(now, buyer.seat)
  local others = guards_others(buyer.seat, '')
  local health = redis.call('HMGET', buyer.health, 'out', 'bad', 'n', 'probe_at')
  for i = 1, 4 do health[i] = health[i] or '' end
  local windows, caps = {}, {}
  for _, window in ipairs(buyer.windows) do table.insert(windows, used_of(buyer.limit, window)) end
  for _, cap in ipairs(buyer.caps) do table.insert(caps, tonumber(redis.call('HGET', cap.used, cap.of) or '0')) end
  table.insert(found, {
    redis.call('HGET', KEYS[1], buyer.switch) or '', health, windows,
    {others.asked, others.dialled, others.talking, guards_booked(buyer.seat, '')}, caps,
  })
end
return found
