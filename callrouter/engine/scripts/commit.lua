-- One transition of one call, whole or not at all: the event is marked, the call stored, and what must follow
-- (callback, its withdrawal, the ledger's record) is enqueued in the same durable step.
--
-- KEYS: 1 call  2 live  3 ledger stream  4 outbox due  5 outbox dead  6 outbox recent  7 standing callback
--       8 when the person was last connected  9 the call on which the person talks now
-- ARGV: 1 now (ms, 0: this server's)  2 expected version ('force': replay from the spool)  3 event id or ''
--       4 call document  5 ttl s  6 look-at ms (0: leaves the live index)  7 ledger record or ''  8 call sid
--       9 job key prefix  10 callback id or ''  11 callback deadline ms  12 callback payload
--       13 standing ttl ms  14 cancel id or ''  15 cancel payload  16 cancel deadline ms
--       17 what only some steps carry (JSON: charges, sale, index, booked, learned) or ''
-- Returns {'ok', version, callback id, sale id} | {'repeat'} | {'conflict', document, version} | {'closed'}
local call = KEYS[1]
local now = time_ms(ARGV[1])
if ARGV[3] ~= '' and redis.call('HEXISTS', call, 'e:' .. ARGV[3]) == 1 then return {'repeat'} end
local version = tonumber(redis.call('HGET', call, 'version') or 0)
-- A call closes once: there is never a second record, callback or withdrawal.
if redis.call('HEXISTS', call, 'closed') == 1 then return {'closed'} end
if ARGV[2] ~= 'force' and version ~= tonumber(ARGV[2]) then
  return {'conflict', redis.call('HGET', call, 'doc') or '', version}
end

local outbox = {due = KEYS[4], dead = KEYS[5], recent = KEYS[6], job_prefix = ARGV[9]}
local callback = ''
if ARGV[10] ~= '' then
  callback = callback_stand(outbox, now, KEYS[7], ARGV[10], now, ARGV[11], ARGV[12], ARGV[13])
end
if ARGV[14] ~= '' then
  callback_withdraw(outbox, now, KEYS[7], ARGV[14], ARGV[15], ARGV[16])
  -- Only a bridge that is over is a lasting fact: a buyer may hang up early on one that has just begun.
  if ARGV[7] ~= '' then
    redis.call('SET', KEYS[8], string.format('%.0f', now), 'PX', ARGV[13])
  else
    redis.call('SET', KEYS[9], ARGV[8], 'EX', ARGV[5])
  end
end
if ARGV[7] ~= '' and redis.call('GET', KEYS[9]) == ARGV[8] then redis.call('DEL', KEYS[9]) end

local extras = ARGV[17] ~= '' and cjson.decode(ARGV[17]) or {}
local sale = extras.sale and sale_stand(outbox, now, extras.sale, KEYS[8]) or ''
if extras.index then transfer_index(ARGV[8], extras.index) end
for _, charge in ipairs(extras.charges or {}) do guards_charge(now, charge) end
if extras.booked then books_count(extras.booked) end
if extras.learned then lessons_add(now, extras.learned) end

-- The ids of callback and sale are known only here: earlier ones may stand for this person already.
local function named(text)
  text = string.gsub(text, '@callback@', (string.gsub(callback, '%%', '%%%%')))
  return (string.gsub(text, '@sale@', (string.gsub(sale, '%%', '%%%%'))))
end

version = version + 1
redis.call('HSET', call, 'doc', named(ARGV[4]), 'version', version)
if ARGV[3] ~= '' then redis.call('HSET', call, 'e:' .. ARGV[3], '1') end
redis.call('EXPIRE', call, ARGV[5])
if tonumber(ARGV[6]) > 0 then
  redis.call('ZADD', KEYS[2], ARGV[6], ARGV[8])
else
  redis.call('ZREM', KEYS[2], ARGV[8])
end
if ARGV[7] ~= '' then
  redis.call('HSET', call, 'closed', '1')
  redis.call('XADD', KEYS[3], '*', 'sid', ARGV[8], 'record', named(ARGV[7]))
end
return {'ok', version, callback, sale}
