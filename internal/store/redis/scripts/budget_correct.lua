-- Moves what a window has used by a difference, and removes leases that are over, if nothing that the difference was
-- computed from has become untrue. KEYS budgets · ARGV field, mark seen, new mark, difference in nano-USD, then member and
-- value seen of each lease to remove. Returns 1 if it was done.
-- What relays lease and return meanwhile moves the same number and is kept: that is why a difference is given, not a value.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 or (redis.call('HGET', KEYS[1], ARGV[1] .. ':mark') or '') ~= ARGV[2] then
  return 0
end
for i = 5, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then
    return 0
  end
end
for i = 5, #ARGV, 2 do
  redis.call('HDEL', KEYS[1], ARGV[i])
end
redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[4])
redis.call('HSET', KEYS[1], ARGV[1] .. ':mark', ARGV[3])
return 1
