-- Moves free money of live holds to a relay, oldest hold first, and renews what the relay has.
-- KEYS escrow, leases, expiry · ARGV relay, wanted nano-USD, needed nano-USD, time to live in ms, hold to renew …
-- Returns free left, avail or '', state, 1 if the worker should bring more, 1 if it has answered the last call for more, then
-- hold, granted, milliseconds left for each lease.
local function text(n) return string.format('%.0f', n) end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local relay, want, need, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

-- A lease that ran out returns nothing: its relay may still be serving from it. The release of the hold brings it back.
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[3], member)
  redis.call('HDEL', KEYS[2], member)
end

local holds, low = {}, 0
local all = redis.call('HGETALL', KEYS[1])
local fields = {}
for i = 1, #all, 2 do
  fields[all[i]] = all[i + 1]
end
for name, value in pairs(fields) do
  local hold = string.match(name, '^h:(.+)$')
  if hold then
    local expires = tonumber(fields['x:' .. hold] or '0')
    if expires > now then
      holds[#holds + 1] = { id = hold, free = tonumber(value), expires = expires }
    end
  end
end
table.sort(holds, function(a, b)
  if a.expires ~= b.expires then return a.expires < b.expires end
  return a.id < b.id
end)

local renew = {}
for i = 5, #ARGV do
  renew[ARGV[i]] = true
end
local left, granted, leases = want, 0, {}
local free = 0
for _, hold in ipairs(holds) do
  local member = relay .. '|' .. hold.id
  local take = math.min(left, hold.free)
  if take < 0 then take = 0 end
  local held = renew[hold.id] and redis.call('HEXISTS', KEYS[2], member) == 1
  if take > 0 or held then
    local expires = math.min(now + ttl, hold.expires)
    if take > 0 then
      redis.call('HINCRBY', KEYS[1], 'h:' .. hold.id, text(-take))
      redis.call('HINCRBY', KEYS[2], member, text(take))
    end
    redis.call('ZADD', KEYS[3], expires, member)
    leases[#leases + 1] = hold.id
    leases[#leases + 1] = text(take)
    leases[#leases + 1] = text(expires - now)
  end
  left = left - take
  granted = granted + take
  free = free + hold.free - take
end

local more = 0
if granted < need then
  for name, value in pairs({ need = need, want = math.max(want, need) }) do
    if value > tonumber(fields[name] or '0') then
      redis.call('HSET', KEYS[1], name, text(value))
    end
  end
  redis.call('HSET', KEYS[1], 'asked', '1')
  more = 1
elseif free < tonumber(fields['low'] or '0') then
  more = 1
end
local reply = { text(free), fields['avail'] or '', fields['state'] or '', more, fields['asked'] and 0 or 1 }
for _, v in ipairs(leases) do
  reply[#reply + 1] = v
end
return reply
