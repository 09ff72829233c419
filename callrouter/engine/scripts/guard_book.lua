-- The buyer of an admitted ask has named its price: reserve it, if the dollar caps have room for it.
-- ARGV: 1 time, 2 guard (JSON), 3 cents
-- Returns 'booked', or the cap that is full; then nothing is changed.
local now, guard, cents = time_ms(ARGV[1]), cjson.decode(ARGV[2]), tonumber(ARGV[3])
guards_sweep(now, guard.seat)
local full = guards_full(guard, cents)
if full then return full end
local seat, sid = guard.seat, guard.sid
local seated = redis.call('ZSCORE', seat.dialled, sid) or redis.call('ZSCORE', seat.talking, sid)
if not seated then guards_seat(now, seat, sid, 'asked', guard.keep_ms) end
guards_hold(guard, cents)
return 'booked'
