-- One step of a sale is over, and the next may begin. KEYS: due, dead, recent, ledger.
-- ARGV: time, job prefix, id, fence, progress, results, buyer whose post has no answer or '', ms until the next step,
--       error or '' (then the step counts as a success, and backing off begins anew)
-- 'retried', 'late', or how the sale ended instead: 'cancelled', 'dead', 'uncertain'.
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], ledger = KEYS[4], job_prefix = ARGV[2]}
local id = ARGV[3]
local job = keys.job_prefix .. id
local f = outbox_read(keys, id, 'state', 'fence', 'withdrawn', 'deadline_ms', 'outcome')
if f[2] ~= ARGV[4] then return 'late' end
if f[5] then return f[5] end -- sent again after a broken connection
if f[1] ~= 'pending' then return 'late' end
redis.call('HSET', job, 'progress', ARGV[5], 'results', ARGV[6], 'posting', ARGV[7], 'last_error', ARGV[9])
if ARGV[7] == '' then redis.call('HDEL', job, 'charges') end
if ARGV[9] == '' then redis.call('HSET', job, 'attempts', 0) end
if f[3] then return sale_end(keys, now, id, 'cancelled', 'cancelled by an operator') end
local due = now + tonumber(ARGV[8])
if due >= tonumber(f[4]) then return sale_end(keys, now, id, 'dead', 'past its deadline') end
outbox_open(keys, id, due)
return 'retried'
