-- A token bucket, as core/rates.py has it: a hash of how many parts of tokens it misses to be
-- full, and when that was.
--
-- ARGV: its name, tokens a minute, tokens at most, how many are taken, now.

-- Parts of a token, of which a bucket gains as many each millisecond as tokens a minute.
local TOKEN = 60000

-- For so long a full bucket stays: the clocks of processes differ.
local SPARE_MS = 60000

local bucket, now_ms = TAG .. 'b:' .. ARGV[1], tonumber(ARGV[5])
local per_minute, burst, cost = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local function missing_parts()
  local missing, seen_ms = unpack(redis.call('HMGET', bucket, 'missing', 'seen_ms'))
  if not missing then return 0 end
  local gained = (now_ms - tonumber(seen_ms)) * per_minute
  if gained <= 0 then return tonumber(missing) end -- times of several processes may step back
  return math.max(0, tonumber(missing) - gained)
end

local function save(missing)
  redis.call('HSET', bucket, 'missing', string.format('%.0f', missing), 'seen_ms', ARGV[5])
  local full_in_ms = math.ceil(missing / per_minute)
  redis.call('PEXPIRE', bucket, string.format('%.0f', full_in_ms + SPARE_MS))
end
