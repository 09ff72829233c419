-- What calls teach, in one order for everybody: a stream whose entries are numbered without a gap.
-- `learned` is {log=, count=, lessons=[JSON text, …]}, and with the end of a call
-- {replies=, call=, unheard=[{field=, lesson=}, …]}: what its pings teach whose answers have not been kept by now.
-- The call is marked with each of those: an answer that is kept later teaches nothing more (reply_keep.lua).

-- More than the keeper of beliefs ever leaves: a guard for the engine's memory while nobody keeps them.
local LESSONS_MOST = 500000

local function lessons_add(now_ms, learned)
  for _, cut in ipairs(learned.unheard or {}) do
    if redis.call('HEXISTS', learned.replies, cut.field) == 0 then
      redis.call('HSET', learned.call, 'cut:' .. cut.field, '1')
      table.insert(learned.lessons, cut.lesson)
    end
  end
  if #learned.lessons == 0 then return end
  local at = string.format('%.0f', now_ms)
  redis.call('SET', learned.count, at, 'NX')
  for _, lesson in ipairs(learned.lessons) do
    local number = string.format('%.0f', redis.call('INCR', learned.count))
    redis.call('XADD', learned.log, 'MAXLEN', '~', LESSONS_MOST, number .. '-0', 'at', at, 'lesson', lesson)
  end
end
