-- Gives back what a relay did not spend. KEYS escrow, leases, expiry · ARGV relay, hold, nano-USD, 1 to end the lease
-- Returns the nano-USD taken back, as text: none if the lease or the hold has run out.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local member = ARGV[1] .. '|' .. ARGV[2]
local leased = tonumber(redis.call('HGET', KEYS[2], member) or '0')
local expires = tonumber(redis.call('ZSCORE', KEYS[3], member) or '0')
local back = math.min(tonumber(ARGV[3]), leased)
if expires <= now or back < 0 or redis.call('HEXISTS', KEYS[1], 'h:' .. ARGV[2]) == 0 then
  back = 0
end
if back > 0 then
  redis.call('HINCRBY', KEYS[1], 'h:' .. ARGV[2], string.format('%.0f', back))
  redis.call('HINCRBY', KEYS[2], member, string.format('%.0f', -back))
end
if ARGV[4] == '1' or expires <= now then
  redis.call('HDEL', KEYS[2], member)
  redis.call('ZREM', KEYS[3], member)
end
return string.format('%.0f', back)
