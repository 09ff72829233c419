-- A sale is over. KEYS: due, dead, recent, ledger.
-- ARGV: time, job prefix, id, fence, progress, results, outcome, note, what was sold (JSON) or '',
--       what it does to its buyers' caps and seats (JSON list)
-- The outcome, or 'late' (another claim has had it since). That a lead is sold is a fact, which counts however late it
-- is told, as long as the sale goes on; the claim that has the job by then is told that it is late.
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], ledger = KEYS[4], job_prefix = ARGV[2]}
local id = ARGV[3]
local job = keys.job_prefix .. id
local sold = ARGV[9] ~= '' and cjson.decode(ARGV[9]) or nil
local f = outbox_read(keys, id, 'state', 'fence', 'outcome', 'posting')
if f[2] ~= ARGV[4] then
  if not sold or f[1] ~= 'pending' or (f[4] ~= '' and f[4] ~= sold.buyer) then return 'late' end
  redis.call('HINCRBY', job, 'fence', 1)
end
if f[3] then return f[3] end -- sent again after a broken connection
if f[1] ~= 'pending' then return 'late' end
redis.call('HSET', job, 'progress', ARGV[5], 'results', ARGV[6])
if ARGV[7] ~= 'uncertain' then redis.call('HSET', job, 'posting', '') end
for _, charge in ipairs(cjson.decode(ARGV[10])) do guards_charge(now, charge) end
return sale_end(keys, now, id, ARGV[7], ARGV[8], sold)
