-- What a sold lead uses up of its buyer's caps, once however often it is told.
-- KEYS: 1 mark of the settled sale  ARGV: 1 time, 2 time to live of the mark (s), 3 charge (JSON)
local charge = cjson.decode(ARGV[3])
if next(charge.add) and not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[2]) then return 0 end
guards_charge(time_ms(ARGV[1]), charge)
return 1
