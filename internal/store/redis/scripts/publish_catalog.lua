-- KEYS snapshot, version · ARGV version, data. Returns 1 if it was newer.
if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[2]) or '-1') then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
return 1
