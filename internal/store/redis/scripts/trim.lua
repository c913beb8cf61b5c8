-- Removes entries that every group has read and acknowledged and that are older than a bound.
-- KEYS stream · ARGV newest entry time in ms that may go. Returns the number removed.
-- MAXLEN is never used: it would drop what nobody has billed yet.
local function older(a, b)
  local am, as = string.match(a, '^(%d+)-(%d+)$')
  local bm, bs = string.match(b, '^(%d+)-(%d+)$')
  if am ~= bm then return tonumber(am) < tonumber(bm) end
  return tonumber(as) < tonumber(bs)
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local low = ARGV[1] .. '-0'
local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
if #groups == 0 then
  return 0
end
for _, info in ipairs(groups) do
  local g = {}
  for i = 1, #info, 2 do
    g[info[i]] = info[i + 1]
  end
  local bound = g['last-delivered-id']
  local pending = redis.call('XPENDING', KEYS[1], g['name'])
  if pending[1] > 0 and older(pending[2], bound) then
    bound = pending[2]
  end
  if older(bound, low) then
    low = bound
  end
end
return redis.call('XTRIM', KEYS[1], 'MINID', low)
