-- What stands in a room's log after a place.
--
-- ARGV: room id, place.
-- Answers an array: the newest place, then for each event in order its place and the event
-- (packed). After the newest place comes `unknown` if what came after that place is no longer
-- known: it is older than the log, newer than the newest, of an earlier room, or one of its
-- messages has left the history. Or -1 if there is no such room.

local room_id, place = ARGV[1], tonumber(ARGV[2])
local newest = tonumber(redis.call('HGET', TAG .. 'r:' .. room_id, 'place') or nil)
if not newest then return -1 end

local log = TAG .. 'l:' .. room_id
local count = newest - place
if count < 0 or count > redis.call('LLEN', log) then return { newest, 'unknown' } end
if count == 0 then return { newest } end

local entries = redis.call('LRANGE', log, -count, -1)

-- Of several lists of members only the last counts, and that is told to everybody: whom it
-- would skip may have missed one before.
local lists, last_list = 0, nil
for number, entry in ipairs(entries) do
  if entry:sub(1, 1) == 'c' then
    lists, last_list = lists + 1, number
  end
end

local answer = { newest }
for number, entry in ipairs(entries) do
  local form, rest, event = entry:sub(1, 1), entry:sub(2), nil
  if form == 'e' then
    event = rest
  elseif form == 'm' then
    event = redis.call('HGET', TAG .. 'h:' .. room_id, 'm:' .. rest)
    if not event then return { newest, 'unknown' } end
  elseif number == last_list then
    event = members_changed(lists == 1 and rest or nil, members_of(room_id))
  end
  if event then
    answer[#answer + 1] = place + number
    answer[#answer + 1] = event
  end
end
return answer
