-- Keep what a member says of another, block that one, and remove it if enough have reported it.
--
-- ARGV: group; reporter; whom it is about; report id; the report's fields up to `created_ms`
-- (packed, without a head); their size; the mark of the address; the time; when to forget it.
-- Answers 1 if the member was removed, and what was told.

local group_id, reporter, about = ARGV[1], bare(ARGV[2]), bare(ARGV[3])
local now_ms = tonumber(ARGV[8])

-- A member, or one that has left lately, with the key that it had.
local function last_seen()
  local gone = redis.call('HGET', TAG .. 'g:' .. group_id, about)
  return find_member(group_id, about) or (gone and unpack_member(gone))
end

local function make_report()
  local seen_as = last_seen()
  local name = seen_as and pack(seen_as.name) or NIL
  local known_bytes = seen_as and (seen_as.size_bytes - MEMBER_BYTES - #about) or 0
  return {
    id = ARGV[4], mark = ARGV[7], about = about_key(group_id, reporter, about),
    packed = head(9) .. ARGV[5] .. name .. (seen_as and key_of_member(seen_as) or NIL),
    size_bytes = tonumber(ARGV[6]) + known_bytes, expires_ms = tonumber(ARGV[9]),
  }
end

-- Whoever has no more room on its list may report all the same.
local function block_reported()
  local user = find_user(reporter)
  if can_block(user) then
    block(user, about)
    settle(user)
  end
end

-- How many members, each from another place and present for long enough, have reported it.
local function count_reporters()
  local marks, count = {}, 0
  local reported = redis.call('HGETALL', TAG .. 'q:' .. group_id)
  for number = 1, #reported, 2 do
    local one, from = split_mark_name(reported[number])
    local mark = reported[number + 1]
    if one == about and not marks[mark] then
      local is_present = find_member(group_id, from).joined_ms <= now_ms - PRESENT_MS
      if is_present then marks[mark], count = true, count + 1 end
    end
  end
  return count
end

local function remove(group)
  local user = find_user(about)
  redis.call('SADD', TAG .. 'x:' .. group_id, about)
  hold(group, away_bytes(about))
  go(user, group, 'removed', now_ms, nil)
  settle(user)
end

return attempt(function()
  local group = group_of(group_id, reporter)
  if about == reporter then stop('reporting_oneself') end
  local is_member = redis.call('HEXISTS', TAG .. 'm:' .. group_id, about) == 1
  if not is_member and not has_word_of(group, about, reporter) then stop('nobody_to_report') end
  local report = make_report()
  need_space(report.size_bytes + shunned_bytes(about))
  block_reported()
  add_report(report)
  if not is_member then return { 0, told } end
  redis.call('HSET', TAG .. 'q:' .. group_id, mark_name(about, reporter), report.mark)
  local others = redis.call('HLEN', TAG .. 'm:' .. group_id) - 1
  if count_reporters() < math.min(ENOUGH_REPORTS, others) then return { 0, told } end
  remove(group)
  return { 1, told }
end)
