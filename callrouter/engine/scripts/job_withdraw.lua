-- Takes back what stands outside a call's transition. KEYS: due, dead, recent, ledger, standing. ARGV: time, job prefix,
-- cancel id, cancel payload, ms from now to the cancel's deadline. 'none', 'cancelled' or 'cancel_sent'.
local now = time_ms(ARGV[1])
local keys = {due = KEYS[1], dead = KEYS[2], recent = KEYS[3], job_prefix = ARGV[2]}
return callback_withdraw(keys, now, KEYS[5], ARGV[3], ARGV[4], now + tonumber(ARGV[5]))
