-- Prepended to every script. ARGV times are epoch milliseconds; 0 means this server's own clock.
local function time_ms(given)
  given = tonumber(given)
  if given > 0 then return given end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
