-- Gives back unspent budget, or books what was spent beyond a lease (negative). KEYS budgets · ARGV field, nano-USD
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known then
  return '0'
end
local back = math.min(tonumber(ARGV[2]), tonumber(known))
redis.call('HINCRBY', KEYS[1], ARGV[1], string.format('%.0f', -back))
return string.format('%.0f', back)
