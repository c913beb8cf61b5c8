-- Stores an encrypted response. Where the tenant's responses come to more than it may have, those that expire first go.
-- KEYS entry, expiries, sizes · ARGV name, sealed, ms to live, most bytes of the tenant, what entries' keys begin with, ms to
-- keep the books. An entry's key carries the tenant's hash tag, so those that are made here lie where the others do.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function drop(name)
  redis.call('UNLINK', ARGV[5] .. name)
  redis.call('ZREM', KEYS[2], name)
  redis.call('HINCRBY', KEYS[3], 'total', 0 - tonumber(redis.call('HGET', KEYS[3], name) or '0'))
  redis.call('HDEL', KEYS[3], name)
end
drop(ARGV[1])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)) do
  drop(name)
end
local size = #ARGV[2]
local total = redis.call('HINCRBY', KEYS[3], 'total', size)
redis.call('HSET', KEYS[3], ARGV[1], size)
while total > tonumber(ARGV[4]) do
  local first = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  if not first then break end
  drop(first)
  total = tonumber(redis.call('HGET', KEYS[3], 'total'))
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return total
