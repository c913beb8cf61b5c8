-- Deletes responses of a tenant: that of a name, or the next thousand. Returns how many were there.
-- KEYS expiries, sizes · ARGV what entries' keys begin with, name (empty: the next)
local names = {ARGV[2]}
if ARGV[2] == '' then
  names = redis.call('ZRANGE', KEYS[1], 0, 999)
end
local dropped = 0
for _, name in ipairs(names) do
  redis.call('UNLINK', ARGV[1] .. name)
  dropped = dropped + redis.call('ZREM', KEYS[1], name)
  redis.call('HINCRBY', KEYS[2], 'total', 0 - tonumber(redis.call('HGET', KEYS[2], name) or '0'))
  redis.call('HDEL', KEYS[2], name)
end
return dropped
