-- Lets a hold that is there be granted from for longer. KEYS escrow, leases, expiry · ARGV epoch, hold, expiry in ms
-- Returns 1 if it was there.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'h:' .. ARGV[2]) == 0 then
  return 0
end
if tonumber(ARGV[3]) > tonumber(redis.call('HGET', KEYS[1], 'x:' .. ARGV[2]) or '0') then
  redis.call('HSET', KEYS[1], 'x:' .. ARGV[2], ARGV[3])
end
return 1
