-- The buyer of an admitted ask has named its price: reserve it, if the dollar caps have room for it.
-- ARGV: 1 time, 2 guard (JSON), 3 cents
-- Returns 'booked', or the cap that is full, or 'released': the call ended while it was asked. Then nothing is changed.
local now, guard, cents = time_ms(ARGV[1]), cjson.decode(ARGV[2]), tonumber(ARGV[3])
guards_sweep(now, guard.seat)
-- Nobody would free what an ended call reserves. (A tag '0' takes up an offer that was booked before.)
if guard.tag ~= '0' and redis.call('HEXISTS', guard.seat.held, guard.sid) == 0 then return 'released' end
local full = guards_full(guard, cents)
if full then return full end
local seat, sid = guard.seat, guard.sid
local seated = redis.call('ZSCORE', seat.dialled, sid) or redis.call('ZSCORE', seat.talking, sid)
if not seated then guards_seat(now, seat, sid, 'asked', guard.keep_ms) end
guards_hold(guard, cents)
return 'booked'
