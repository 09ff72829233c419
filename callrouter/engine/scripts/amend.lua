-- What was learned of a call after its end: the call is stored with it, and the ledger gets a further revision.
--
-- KEYS: 1 call  2 ledger stream
-- ARGV: 1 expected version  2 event id  3 call document  4 call sid  5 what changed (JSON)
-- Returns 'ok' | 'repeat' | 'conflict'
local call, event = KEYS[1], 'e:' .. ARGV[2]
if redis.call('HEXISTS', call, event) == 1 then return 'repeat' end
local version = tonumber(redis.call('HGET', call, 'version') or 0)
if version ~= tonumber(ARGV[1]) then return 'conflict' end
redis.call('HSET', call, 'doc', ARGV[3], 'version', version + 1, event, '1')
local revision = 1 + redis.call('HINCRBY', call, 'amended', 1)
redis.call('XADD', KEYS[2], '*', 'sid', ARGV[4], 'revision', revision, 'amendment', ARGV[5])
return 'ok'
