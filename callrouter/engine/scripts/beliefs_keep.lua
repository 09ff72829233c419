-- Keeps what is believed, unless a later version is kept already, and drops lessons that nobody needs any more.
-- Lessons are counted on from after that version, and on a new engine from the time: no number is given twice.
-- KEYS: 1 beliefs  2 lessons  3 their count
-- ARGV: 1 time  2 version  3 document  4 the first lesson that stays
-- Returns whether it was kept.
local before = redis.call('HGET', KEYS[1], 'version')
if before and tonumber(ARGV[2]) <= tonumber(before) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'document', ARGV[3])
redis.call('SET', KEYS[3], string.format('%.0f', time_ms(ARGV[1])), 'NX')
if tonumber(redis.call('GET', KEYS[3])) < tonumber(ARGV[2]) then redis.call('SET', KEYS[3], ARGV[2]) end
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[4] .. '-0')
return 1
