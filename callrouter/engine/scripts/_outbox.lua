-- The outbox: what is owed after a call, to the dialler or to lead buyers, enqueued inside the script of the call's own
-- transition.
--
-- `keys` is a table {due=, dead=, recent=, job_prefix=}, and ledger= where a sale may end. A job is a hash:
--   id, kind ('callback' | 'cancel' | 'sale': see _sales.lua), state ('pending' | 'delivered' | 'cancelled' | 'dead';
--   a sale's is 'ended' instead of 'delivered'), payload (JSON),
--   due_ms, deadline_ms, created_ms, done_ms, attempts, fence (the claim that may still acknowledge),
--   lease_ms (until when a worker has it; 0: nobody), last_error, stands_until_ms (a delivered callback: when
--   the person is called), withdrawn ('1': must end cancelled), cancel_id (the 'cancel' job that follows it).
-- In `due` the score of a pending job is when it is due, or when its lease ends: a vanished worker's job falls due.

local OUTBOX_KEEP_MS = 604800000
local OUTBOX_RECENT_MS = 2 * OUTBOX_KEEP_MS + 86400000

local function outbox_ms(n)
  return string.format('%.0f', tonumber(n) or 0)
end

local function outbox_read(keys, id, ...)
  return redis.call('HMGET', keys.job_prefix .. id, ...)
end

-- 1, or 0 when a job of this id is or was there lately (its hash is the tombstone).
local function outbox_enqueue(keys, now_ms, id, kind, due_ms, deadline_ms, payload)
  local job = keys.job_prefix .. id
  if redis.call('EXISTS', job) == 1 then return 0 end
  redis.call('HSET', job, 'id', id, 'kind', kind, 'state', 'pending', 'due_ms', outbox_ms(due_ms),
    'deadline_ms', outbox_ms(deadline_ms), 'payload', payload, 'attempts', 0, 'fence', 0,
    'created_ms', outbox_ms(now_ms), 'lease_ms', 0, 'last_error', '')
  redis.call('ZADD', keys.due, outbox_ms(due_ms), id)
  redis.call('ZADD', keys.recent, outbox_ms(now_ms), id)
  redis.call('ZREMRANGEBYSCORE', keys.recent, '-inf', outbox_ms(now_ms - OUTBOX_RECENT_MS))
  return 1
end

-- Ends a job in `state`; its hash stays for a while, for operations and against repeats.
local function outbox_settle(keys, now_ms, id, state)
  local job = keys.job_prefix .. id
  redis.call('ZREM', keys.due, id)
  redis.call('ZREM', keys.dead, id)
  redis.call('HSET', job, 'state', state, 'done_ms', outbox_ms(now_ms), 'lease_ms', 0)
  redis.call('PEXPIRE', job, OUTBOX_KEEP_MS)
  if state == 'dead' then
    redis.call('ZADD', keys.dead, outbox_ms(now_ms), id)
    redis.call('ZREMRANGEBYSCORE', keys.dead, '-inf', outbox_ms(now_ms - OUTBOX_KEEP_MS))
  end
end

-- (Re)opens a job: pending, due at `due_ms`, nobody's.
local function outbox_open(keys, id, due_ms)
  local job = keys.job_prefix .. id
  redis.call('ZREM', keys.dead, id)
  redis.call('HSET', job, 'state', 'pending', 'due_ms', outbox_ms(due_ms), 'lease_ms', 0)
  redis.call('HDEL', job, 'done_ms')
  redis.call('PERSIST', job)
  redis.call('ZADD', keys.due, outbox_ms(due_ms), id)
end

-- 'cancelled', 'leased' (a worker has it: it is not tried again after that), 'delivered' or 'absent'.
local function outbox_cancel(keys, now_ms, id)
  local f = outbox_read(keys, id, 'state', 'lease_ms')
  if not f[1] then return 'absent' end
  if f[1] == 'pending' and tonumber(f[2]) > now_ms then
    redis.call('HSET', keys.job_prefix .. id, 'withdrawn', '1')
    return 'leased'
  end
  if f[1] == 'pending' or f[1] == 'dead' then outbox_settle(keys, now_ms, id, 'cancelled') end
  return f[1] == 'delivered' and 'delivered' or 'cancelled'
end

-- The callback that this 'cancel' job takes back is known to be at the dialler by now, or never will be: run it.
local function outbox_hasten(keys, now_ms, id)
  local f = outbox_read(keys, id, 'state', 'lease_ms')
  if not f[1] or f[1] == 'cancelled' then return end
  if f[1] == 'pending' and tonumber(f[2]) > now_ms then
    -- It may have gone out before the callback did: its acknowledgement no longer counts, and it runs again.
    redis.call('HINCRBY', keys.job_prefix .. id, 'fence', 1)
  else
    outbox_open(keys, id, now_ms)
  end
end

local function callback_stands(keys, now_ms, id)
  local f = outbox_read(keys, id, 'kind', 'state', 'stands_until_ms', 'withdrawn')
  if f[1] ~= 'callback' or f[4] then return false end
  return f[2] == 'pending' or (f[2] == 'delivered' and tonumber(f[3] or 0) > now_ms)
end

-- Takes back one callback, at the dialler too if it may be there: 'none', 'cancelled' or 'cancel_sent'.
local function callback_drop(keys, now_ms, id, cancel_id, cancel_payload, cancel_deadline_ms)
  local f = outbox_read(keys, id, 'kind', 'state', 'attempts', 'lease_ms', 'cancel_id', 'behind')
  if f[1] ~= 'callback' or f[2] == 'cancelled' or f[5] then return 'none' end
  local was = outbox_cancel(keys, now_ms, id)
  if was == 'cancelled' and tonumber(f[3]) == 0 and not f[6] then return 'cancelled' end
  -- An attempt that we saw fail may still have been saved there.
  redis.call('HSET', keys.job_prefix .. id, 'withdrawn', '1', 'cancel_id', cancel_id)
  local due_ms = was == 'leased' and tonumber(f[4]) or now_ms
  outbox_enqueue(keys, now_ms, cancel_id, 'cancel', due_ms, cancel_deadline_ms, cancel_payload)
  return 'cancel_sent'
end

-- The callback that stands is promised again: for longer, and by what the person has told since.
local function callback_renew(keys, now_ms, id, deadline_ms, payload)
  local job = keys.job_prefix .. id
  local f = outbox_read(keys, id, 'state', 'lease_ms', 'deadline_ms', 'payload')
  redis.call('HSET', job, 'deadline_ms', outbox_ms(math.max(tonumber(f[3]), tonumber(deadline_ms))))
  local old, new = cjson.decode(f[4]), cjson.decode(payload)
  if new.zip == cjson.null or new.zip == old.zip then return end
  redis.call('HSET', job, 'payload', payload, 'renewed', '1')
  if f[1] == 'pending' and tonumber(f[2]) > now_ms then
    redis.call('HINCRBY', job, 'fence', 1)
  else
    outbox_open(keys, id, now_ms)
  end
end

-- The standing key names the job that was last promised or taken back for one person and plan.

-- One standing callback a person and plan: the id of the one that stands, else of the one enqueued now.
local function callback_stand(keys, now_ms, standing_key, id, due_ms, deadline_ms, payload, standing_ttl_ms)
  local last, behind = redis.call('GET', standing_key), false
  if last then
    if callback_stands(keys, now_ms, last) then
      callback_renew(keys, now_ms, last, deadline_ms, payload)
      return last
    end
    local f = outbox_read(keys, last, 'kind', 'lease_ms')
    -- A 'cancel' on its way would take back what is promised now: stop it, or go behind it.
    if f[1] == 'cancel' then
      behind = true
      if outbox_cancel(keys, now_ms, last) == 'leased' then due_ms = math.max(tonumber(due_ms), tonumber(f[2])) end
    end
  end
  if outbox_enqueue(keys, now_ms, id, 'callback', due_ms, deadline_ms, payload) == 1 then
    redis.call('SET', standing_key, id, 'PX', outbox_ms(standing_ttl_ms))
    -- What that 'cancel' was to take back may be at the dialler still: taking this one back must tell it.
    if behind then redis.call('HSET', keys.job_prefix .. id, 'behind', '1') end
  end
  return id
end

-- The person was bridged: takes back the standing callback. 'none', 'cancelled' or 'cancel_sent'.
local function callback_withdraw(keys, now_ms, standing_key, cancel_id, cancel_payload, cancel_deadline_ms)
  local id = redis.call('GET', standing_key)
  if not id then return 'none' end
  local did = callback_drop(keys, now_ms, id, cancel_id, cancel_payload, cancel_deadline_ms)
  if did == 'cancel_sent' then
    redis.call('SET', standing_key, cancel_id, 'KEEPTTL')
  elseif did == 'cancelled' then
    redis.call('DEL', standing_key)
  end
  return did
end
