-- Takes money of a key's budget for a relay, and keeps the relay's lease. KEYS budgets · ARGV field, relay, limit, wanted,
-- needed, held (all nano-USD), 1 if the relay counts on a lease, logged, turn, time to live in ms
-- Returns granted, used before it, and what became of the lease: 'kept', or 'unknown' if nobody has said yet what the window
-- has used, 'lost' if the worker has taken the lease back, 'late' if the relay has said something newer meanwhile.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(n) return string.format('%.0f', n) end
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known then
  return { '0', '0', 'unknown' }
end
local member = ARGV[1] .. ':at:' .. ARGV[2]
local lease = redis.call('HGET', KEYS[1], member)
if lease then
  if tonumber(ARGV[9]) <= tonumber(string.match(lease, ':(%d+)$')) then
    return { '0', known, 'late' }
  end
elseif ARGV[7] == '1' then
  return { '0', known, 'lost' }
end
local take = math.min(tonumber(ARGV[4]), tonumber(ARGV[3]) - tonumber(known))
if take < tonumber(ARGV[5]) or take <= 0 then
  take = 0
else
  redis.call('HINCRBY', KEYS[1], ARGV[1], text(take))
end
redis.call('HSET', KEYS[1], member, text(tonumber(ARGV[6]) + take) .. ':' .. text(now + tonumber(ARGV[10])) .. ':' .. ARGV[8] .. ':' .. ARGV[9])
return { text(take), known, 'kept' }
