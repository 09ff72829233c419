-- An ask came to nothing: its seat is free again, unless the call has been asked for anew or dialled since.
-- ARGV: 1 guard (JSON); its tag '0' is any admission's
local guard = cjson.decode(ARGV[1])
local seat, sid = guard.seat, guard.sid
if redis.call('ZSCORE', seat.dialled, sid) or redis.call('ZSCORE', seat.talking, sid) then return 0 end
local held = redis.call('HGET', seat.held, sid)
if held and guard.tag ~= '0' and string.match(held, '^%S+') ~= guard.tag then return 0 end
guards_release(seat, sid)
return 1
