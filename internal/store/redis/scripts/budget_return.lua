-- Gives back unspent budget, or books what was spent beyond a lease (negative). KEYS budgets · ARGV field, relay, nano-USD,
-- held after it, logged, turn, time to live in ms. Returns what was taken back: nothing if the worker has taken the lease
-- back before, or the relay has said something newer meanwhile.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(n) return string.format('%.0f', n) end
local known = redis.call('HGET', KEYS[1], ARGV[1])
local member = ARGV[1] .. ':at:' .. ARGV[2]
local lease = redis.call('HGET', KEYS[1], member)
if not known or not lease or tonumber(ARGV[6]) <= tonumber(string.match(lease, ':(%d+)$')) then
  return '0'
end
local back = math.min(tonumber(ARGV[3]), tonumber(known))
redis.call('HINCRBY', KEYS[1], ARGV[1], text(-back))
redis.call('HSET', KEYS[1], member, ARGV[4] .. ':' .. text(now + tonumber(ARGV[7])) .. ':' .. ARGV[5] .. ':' .. ARGV[6])
return text(back)
