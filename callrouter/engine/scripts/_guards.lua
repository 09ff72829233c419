-- Buyers' caps: what is reserved, and what is used up.
local function guards_charge(now_ms, charge) end
