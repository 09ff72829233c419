-- Under which names a warm transfer is found. calls/tickets.py builds the document:
-- {stage = 'open' | 'line' | 'over', tickets = keys, lists = keys, leg = key or '', ttl_ms, list_ttl_ms, at}
local function transfer_index(sid, t)
  for _, key in ipairs(t.tickets) do
    if t.stage == 'open' then
      redis.call('SET', key, sid, 'PX', t.ttl_ms)
    elseif t.stage == 'over' and redis.call('GET', key) == sid then
      redis.call('DEL', key)
    end
  end
  for _, key in ipairs(t.lists) do
    if t.stage == 'open' then
      redis.call('ZADD', key, string.format('%.0f', t.at), sid)
      redis.call('PEXPIRE', key, string.format('%.0f', t.list_ttl_ms))
    elseif t.stage == 'over' then
      redis.call('ZREM', key, sid)
    end
  end
  if t.leg ~= '' then redis.call('SET', t.leg, sid, 'PX', string.format('%.0f', t.list_ttl_ms)) end
end
