-- Find a place for a user: where it is, unless it moves on, in the fullest group that may take
-- it, or in a new one.
--
-- ARGV: the process; user id; name; public key (packed; '' for the last one), its size, and its
-- mark; the connection that asks ('' for none); 1 for a move; of a new group id, name and
-- capacity; until when to connect; until when not to meet again; when to forget the user; the
-- time; 1 if there was no answer the last time, so that this one must tell all of it.
-- Answers 1 if the user is new there; the group (packed); its place; what was told.

local here, user_id, name, key, key_size_bytes, mark, asker, is_move = unpack(ARGV, 1, 8)
local new_id, new_name, new_capacity = unpack(ARGV, 9, 11)
local connect_by_ms, apart_until_ms = tonumber(ARGV[12]), tonumber(ARGV[13])
local forget_ms, now_ms, is_again = tonumber(ARGV[14]), tonumber(ARGV[15]), ARGV[16] == '1'

local function key_for(user)
  if key ~= '' then
    return {
      saved_ms = now_ms, key_size_bytes = tonumber(key_size_bytes), written = user_id, mark = mark,
      name = name, key = key,
    }
  end
  local saved = saved_key(user)
  if not saved then stop('key_missing') end
  saved.name = name
  return saved
end

local function check_growth(user, saved, member_growth_bytes)
  need_space(saved_bytes(saved) - (user.key_bytes or 0) + member_growth_bytes)
end

local function wait_to_connect(user)
  if user.connections == 0 then redis.call('ZADD', LOST, connect_by_ms, user.id) end
end

-- Join again where one is, perhaps with another key.
local function stay(user, group, saved)
  local member = find_member(group.id, user.id)
  local size_bytes = member_bytes(member, saved.key_size_bytes)
  local is_same = member.mark == saved.mark
  if not is_same then check_growth(user, saved, size_bytes - member.size_bytes) end
  wait_to_connect(user)
  if not is_same then
    save_key(user, saved)
    member.mark = saved.mark
    show(member, saved.key)
    change_key(group, member, size_bytes, asker)
  end
  if is_again then attach(user, group, connections_of(user), here, asker) end
  return { is_again and 1 or 0, pack_group(group), group.place, told }
end

local function come_in(user, group, member, key)
  add_member(group, member, key, asker)
  user.room = group.id
  touch(group, now_ms)
  wait_to_connect(user)
  attach(user, group, connections_of(user), here, asker)
  return { 1, pack_group(group), group.place, told }
end

local function find_or_make(user, own)
  local id = find_place(user, now_ms)
  if id then return find_group(id) end
  local is_ending = own and redis.call('HLEN', TAG .. 'm:' .. own.id) == 1
  if redis.call('ZCARD', GROUPS) - (is_ending and 1 or 0) >= MAX_GROUPS then stop('groups_full') end
  return make_group(new_id, new_name, new_capacity, now_ms)
end

return attempt(function()
  need_line(asker, here)
  return with_user(user_id, forget_ms, function(user)
    local saved = key_for(user)
    local own = user.room and find_group(user.room)
    if own and is_move ~= '1' then return stay(user, own, saved) end
    local member = {
      id = user.id, written = user.written, name = name, mark = saved.mark, joined_ms = now_ms,
    }
    member.size_bytes = member_bytes(member, saved.key_size_bytes)
    local known = own and find_member(own.id, user.id)
    check_growth(user, saved, member.size_bytes - (known and known.size_bytes or 0))
    local group = find_or_make(user, own)
    if own then leave_for_good(user, own, asker, now_ms, apart_until_ms) end
    save_key(user, saved)
    return come_in(user, group, member, saved.key)
  end)
end)
