-- Keeps a buyer's result, and what it teaches; the first result wins, and only it is a lesson.
-- Where the call's end has told already how long the buyer kept silent, that was this ping's lesson.
-- KEYS: 1 replies  2 call  3 lessons  4 their count
-- ARGV: 1 time  2 field  3 result (JSON)  4 ttl s  5 lesson (JSON) or ''
-- Returns whether this was the first.
local new = redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
if new == 1 and ARGV[5] ~= '' and redis.call('HEXISTS', KEYS[2], 'cut:' .. ARGV[2]) == 0 then
  lessons_add(time_ms(ARGV[1]), {log = KEYS[3], count = KEYS[4], lessons = {ARGV[5]}})
end
return new
