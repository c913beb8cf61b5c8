-- Says what could still be sliced. KEYS escrow · ARGV epoch, available nano-USD, state
local current = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '-1')
if tonumber(ARGV[1]) < current then
  return 0
end
if current < 0 then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
end
redis.call('HSET', KEYS[1], 'avail', ARGV[2], 'state', ARGV[3])
redis.call('HDEL', KEYS[1], 'asked')
return 1
