-- Replace the public key (and the name, if given) of a connection's own member.
--
-- ARGV: room id, connection, node, public key packed, its digest, its bytes; name ('' for none).
-- Answers the newest sequence number, and the members packed.

local room, here = acting(ARGV[1], ARGV[2], ARGV[3])
if not room then return here end
local person = person_of(room.id, here.user_id)
local change = {
  key = ARGV[4], key_digest = ARGV[5], key_bytes = tonumber(ARGV[6]), name = ARGV[7],
}
if not here.has_proved then
  if change.key_digest ~= person.key_digest then return refuse('NOT_PROVED') end
  return { room.seq, members_of(room.id) }
end
local added_bytes = change_bytes(person, change)
if not added_bytes then return { room.seq, members_of(room.id) } end
local refusal = lacking('bytes', added_bytes)
if refusal then return refusal end
change_person(room, person, change)
save_room(room, 'seq', 'people_bytes')
local members = members_of(room.id)
tell(room.id, members_changed(nil, members), noted_members())
return { room.seq, members }
