-- Takes money of a key's budget for a relay. KEYS budgets · ARGV field, limit, wanted, needed (all nano-USD)
-- Returns granted and used before it, as text; granted is -1 if nobody has said yet what the window has used.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known then
  return { '-1', '0' }
end
local used = tonumber(known)
local room = tonumber(ARGV[2]) - used
local take = math.min(tonumber(ARGV[3]), room)
if take < tonumber(ARGV[4]) or take <= 0 then
  take = 0
else
  redis.call('HINCRBY', KEYS[1], ARGV[1], string.format('%.0f', take))
end
return { string.format('%.0f', take), known }
