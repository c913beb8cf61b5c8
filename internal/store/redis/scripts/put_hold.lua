-- Puts a slice at the relays' disposal. Idempotent for a hold.
-- KEYS escrow, leases, expiry · ARGV epoch, hold, amount, expiry in ms
-- Returns 1 if the hold is there afterwards, 0 if the epoch is older than the one in force.
local current = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '-1')
local epoch = tonumber(ARGV[1])
if epoch < current then
  return 0
end
if epoch > current then
  -- Slices of an earlier epoch may have been granted twice, for example by a replica that lagged: they are not used.
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
end
if redis.call('HSETNX', KEYS[1], 'h:' .. ARGV[2], ARGV[3]) == 1 then
  redis.call('HSET', KEYS[1], 'x:' .. ARGV[2], ARGV[4], 'low', string.format('%.0f', math.floor(tonumber(ARGV[3]) / 2)))
end
redis.call('HDEL', KEYS[1], 'want', 'need')
return 1
