-- A lesson that no call teaches: operations forgive a buyer.
-- KEYS: 1 lessons  2 their count.  ARGV: 1 time, then lessons (JSON)
local lessons = {}
for i = 2, #ARGV do lessons[i - 1] = ARGV[i] end
lessons_add(time_ms(ARGV[1]), {log = KEYS[1], count = KEYS[2], lessons = lessons})
return tonumber(redis.call('GET', KEYS[2]) or '0')
