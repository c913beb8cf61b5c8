-- Stores records that are newer than those known. Readers follow the log by publication number, which is given here, so
-- that a record which was published late is not overlooked.
-- KEYS records, versions, log, version, seq · ARGV generation if Redis is empty, then public id, version, record …
-- Returns the number of records stored.
if redis.call('HSETNX', KEYS[5], 'gen', ARGV[1]) == 1 then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
end
local stored = 0
local highest = tonumber(redis.call('GET', KEYS[4]) or '0')
for i = 2, #ARGV, 3 do
  local name, version = ARGV[i], tonumber(ARGV[i + 1])
  if version > tonumber(redis.call('HGET', KEYS[2], name) or '-1') then
    local seq = redis.call('HINCRBY', KEYS[5], 'seq', 1)
    redis.call('HSET', KEYS[1], name, ARGV[i + 2])
    redis.call('HSET', KEYS[2], name, ARGV[i + 1])
    redis.call('ZADD', KEYS[3], seq, name)
    stored = stored + 1
  end
  highest = math.max(highest, version)
end
redis.call('SET', KEYS[4], string.format('%.0f', highest))
return stored
