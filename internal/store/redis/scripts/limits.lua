-- Lends shares of a virtual key's limits to a relay: two token buckets (requests and tokens a minute) and slots of
-- concurrency. KEYS limits · ARGV relay, time to live of slots in ms, slots limit, slots wanted, then for each bucket
-- limit a minute, wanted, needed, and what was used without asking (negative: given back). A limit of 0 means none.
-- Returns slots held, then for each bucket granted, milliseconds until `needed` will be there, and what is left.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(n) return string.format('%.0f', n) end

local slots = 0
local limit = tonumber(ARGV[3])
if limit > 0 then
  local others = 0
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local owner = string.match(all[i], '^c:(.+)$')
    if owner then
      local n, expires = string.match(all[i + 1], '^(%d+):(%d+)$')
      if tonumber(expires) <= now then
        redis.call('HDEL', KEYS[1], all[i])
      elseif owner ~= ARGV[1] then
        others = others + tonumber(n)
      end
    end
  end
  slots = math.max(0, math.min(tonumber(ARGV[4]), limit - others))
  redis.call('HSET', KEYS[1], 'c:' .. ARGV[1], text(slots) .. ':' .. text(now + tonumber(ARGV[2])))
end
local reply = { text(slots) }

for i, name in ipairs({ 'r', 't' }) do
  local at_arg = 1 + 4 * i
  local per, want = tonumber(ARGV[at_arg]), tonumber(ARGV[at_arg + 1])
  local need, used = tonumber(ARGV[at_arg + 2]), tonumber(ARGV[at_arg + 3])
  local take, wait, left = want, 0, 0
  if per > 0 then
    -- Milli-units, so that slow refills are not lost by rounding. A bucket holds one minute.
    local level = tonumber(redis.call('HGET', KEYS[1], name) or text(per * 1000))
    local at = tonumber(redis.call('HGET', KEYS[1], name .. 'at') or text(now))
    local gained = math.floor(math.max(0, now - at) * per / 60)
    level = math.min(per * 1000, level + gained - used * 1000)
    take = math.max(0, math.min(want, math.floor(level / 1000)))
    if take < need then
      take = 0
      wait = math.max(1, math.ceil((need * 1000 - level) * 60 / per))
    end
    level = level - take * 1000
    left = math.floor(level / 1000)
    if gained > 0 or take > 0 or used ~= 0 then
      redis.call('HSET', KEYS[1], name, text(level), name .. 'at', text(gained > 0 and now or at))
    end
  end
  reply[#reply + 1] = text(take)
  reply[#reply + 1] = text(wait)
  reply[#reply + 1] = text(left)
end
redis.call('PEXPIRE', KEYS[1], 300000)
return reply
