-- The sale of an unsold call's lead.
local function sale_stand(keys, now_ms, wanted) return wanted.id end
