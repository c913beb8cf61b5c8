-- Ends granting from a hold. KEYS escrow, leases, expiry · ARGV hold
-- Returns the nano-USD that were free, as text; leases on the hold run out by themselves.
local free = redis.call('HGET', KEYS[1], 'h:' .. ARGV[1]) or '0'
redis.call('HDEL', KEYS[1], 'h:' .. ARGV[1], 'x:' .. ARGV[1])
return free
