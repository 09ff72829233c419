-- What calls teach, in one order for everybody: a stream whose entries are numbered without a gap.
-- `learned` is {log=, count=, lessons=[JSON text, …]}.

-- More than the keeper of beliefs ever leaves: a guard for the engine's memory while nobody keeps them.
local LESSONS_MOST = 500000

local function lessons_add(now_ms, learned)
  if #learned.lessons == 0 then return end
  local at = string.format('%.0f', now_ms)
  redis.call('SET', learned.count, at, 'NX')
  for _, lesson in ipairs(learned.lessons) do
    local number = string.format('%.0f', redis.call('INCR', learned.count))
    redis.call('XADD', learned.log, 'MAXLEN', '~', LESSONS_MOST, number .. '-0', 'at', at, 'lesson', lesson)
  end
end
