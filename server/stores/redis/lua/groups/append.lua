-- Put a message into a group, at most once an id.
--
-- ARGV: group; message id; sender; recipient ('' for all); ciphertext and content type (packed);
-- size in the books; the time; the process, and the connection that asks ('' for none).
-- Answers 1 for a repeat, and the event (packed).

local group_id, message_id, sender, recipient, ciphertext, content_type = unpack(ARGV, 1, 6)
local size_bytes, now_ms = tonumber(ARGV[7]), tonumber(ARGV[8])

-- What is the same whoever it is for, and who it is for as it was written on joining.
local function note_of(group, member, to)
  local identities = NIL
  local packed_to = to and pack(to.written) or NIL
  if to then
    identities = packed_array({ pack(bare(sender)), pack(to.id) })
  end
  return {
    id = message_id, number = group.said + 1, seq = group.seq + 1, size_bytes = size_bytes,
    sender = bare(sender), recipient = to and to.id or '',
    first = head(12) .. pack(0) .. NIL .. pack(group.seq + 1) .. pack(message_id) .. pack(sender)
      .. packed_to .. packed_to,
    last = content_type .. pack(now_ms) .. identities .. pack(member.name),
  }
end

local function find_recipient()
  if recipient == '' then return nil end
  local to = find_member(group_id, bare(recipient))
  local is_blocked = redis.call('SISMEMBER', TAG .. 'b:' .. bare(recipient), bare(sender)) == 1
  if not to or is_blocked then stop('recipient_not_found') end
  return to
end

return attempt(function()
  need_line(ARGV[10], ARGV[9])
  local member = find_member(group_id, bare(sender))
  if not member then stop('not_in_group') end
  local group = find_group(group_id)
  local known = find_note(group, message_id)
  if known then
    if known.sender ~= member.id then stop('id_conflict') end
    touch_log(group_id)
    return { 1, event_of(group, known, ciphertext) }
  end
  keep(group, note_of(group, member, find_recipient()), ciphertext, now_ms)
  return { 0, told[2] }
end)
