-- Says what a window has used, if nobody has. KEYS budgets · ARGV field, nano-USD, mark. Returns 1 if it was not known.
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1] .. ':mark', ARGV[3])
return 1
