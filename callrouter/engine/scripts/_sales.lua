-- The sale of an unsold call's lead: a job of kind 'sale', with these fields besides the outbox's own:
--   progress (JSON, `sales/progress.py`), results (JSON list, for the record), posting (the buyer that is being
--   posted, or was and whose answer was lost; '' for none), charges (JSON: what that buyer's caps lose by it),
--   callback (JSON: promised when the sale ends unsold), bridged_key (when the person was connected),
--   standing_key, standing_ttl_ms, outcome.
-- The standing key names the sale that keeps a person from being sold again: one that is pending or sold, or,
-- with ' uncertain' behind its id, one that may have been.

local function sale_promise(keys, now_ms, callback)
  return callback_stand(keys, now_ms, callback.standing_key, callback.id, now_ms, callback.deadline_ms,
    callback.payload, callback.standing_ttl_ms)
end

-- Whether the person has been connected since the unsold call began.
local function sale_connected(keys, id)
  local f = outbox_read(keys, id, 'bridged_key', 'created_ms', 'payload')
  local began = cjson.decode(f[3]).started_at
  local since_ms = type(began) == 'number' and began * 1000 or tonumber(f[2])
  return tonumber(redis.call('GET', f[1]) or '0') >= since_ms
end

-- The id of the sale that stands for this person and plan, else of the one enqueued now.
local function sale_stand(keys, now_ms, wanted, bridged_key)
  local callback = type(wanted.callback) == 'table' and wanted.callback
  local last = redis.call('GET', wanted.standing_key)
  if last then
    local id = string.match(last, '^%S+')
    if outbox_read(keys, id, 'state')[1] == 'pending' then
      if callback and sale_connected(keys, id) then
        -- It will end without a callback, which its own call is not owed any more; this later one is.
        sale_promise(keys, now_ms, callback)
      elseif callback then
        redis.call('HSET', keys.job_prefix .. id, 'callback', cjson.encode(callback))
      end
    elseif callback and last ~= id then
      -- Not sold for certain, and not tried again: this call's person is owed the callback now.
      sale_promise(keys, now_ms, callback)
    end
    return id
  end
  if outbox_enqueue(keys, now_ms, wanted.id, 'sale', now_ms, wanted.deadline_ms, wanted.payload) == 1 then
    redis.call('HSET', keys.job_prefix .. wanted.id, 'standing_key', wanted.standing_key,
      'standing_ttl_ms', outbox_ms(wanted.standing_ttl_ms), 'bridged_key', bridged_key,
      'callback', callback and cjson.encode(callback) or '', 'posting', '', 'results', '[]')
    redis.call('SET', wanted.standing_key, wanted.id, 'PX', outbox_ms(wanted.standing_ttl_ms))
  end
  return wanted.id
end

-- Ends a sale: 'sold', 'unsold', 'uncertain', 'connected', 'dead' or 'cancelled'. The record, the caps, the callback
-- that is still owed and the standing key follow in this step. `sold` is nil or {buyer=, payout=, payout_stated=,
-- lead_ref=}; `note` says why. Whatever else was wanted, a post without an answer ends it 'uncertain'.
local function sale_end(keys, now_ms, id, outcome, note, sold)
  local job = keys.job_prefix .. id
  local f = outbox_read(keys, id, 'payload', 'results', 'posting', 'charges', 'callback', 'standing_key',
    'standing_ttl_ms')
  if outcome ~= 'sold' and f[3] and f[3] ~= '' then outcome = 'uncertain' end
  sold = sold or {}

  local promised = cjson.null
  if outcome ~= 'sold' and outcome ~= 'connected' and f[5] and f[5] ~= '' and not sale_connected(keys, id) then
    promised = sale_promise(keys, now_ms, cjson.decode(f[5]))
  end
  if outcome == 'uncertain' and f[4] then
    for _, charge in ipairs(cjson.decode(f[4])) do guards_charge(now_ms, charge) end
  end
  if outcome == 'sold' or outcome == 'uncertain' then
    redis.call('SET', f[6], outcome == 'sold' and id or id .. ' uncertain', 'PX', f[7])
  elseif string.match(redis.call('GET', f[6]) or '', '^%S+') == id then
    redis.call('DEL', f[6])
  end

  local payload = cjson.decode(f[1])
  local head = cjson.encode({
    id = id, sid = payload.sid, plan = payload.plan, state = outcome, why = note ~= '' and note or cjson.null,
    buyer = sold.buyer or (outcome == 'uncertain' and f[3]) or cjson.null, payout = sold.payout or cjson.null,
    payout_stated = sold.payout_stated == nil and cjson.null or sold.payout_stated,
    lead_ref = sold.lead_ref or cjson.null, callback = promised,
  })
  -- An empty list would come back from cjson as an object: the results are taken over as they are written.
  local record = string.sub(head, 1, -2) .. ',"at_ms":' .. outbox_ms(now_ms) .. ',"results":' .. (f[2] or '[]') .. '}'
  redis.call('XADD', keys.ledger, '*', 'sale', id, 'record', record)

  -- What was known of the person, and the bids, are needed no more: as much stays as of a callback.
  local left = {plan = payload.plan, phone = payload.phone, sid = payload.sid, started_at = payload.started_at}
  local open = outcome == 'uncertain' and f[3] ~= '' and {posting = {buyer = f[3]}}
  redis.call('HSET', job, 'outcome', outcome, 'last_error', note, 'payload', cjson.encode(left),
    'progress', open and cjson.encode(open) or '')
  redis.call('HDEL', job, 'charges', 'callback')
  local given_up = outcome == 'dead' or outcome == 'uncertain'
  outbox_settle(keys, now_ms, id, given_up and 'dead' or outcome == 'cancelled' and 'cancelled' or 'ended')
  return outcome
end

-- Ends any job that is not delivered: `state` is 'dead' or 'cancelled'.
local function job_end(keys, now_ms, id, state, note)
  local f = outbox_read(keys, id, 'kind', 'last_error')
  if f[1] == 'sale' then return sale_end(keys, now_ms, id, state, note or f[2]) end
  outbox_settle(keys, now_ms, id, state)
  return state
end
