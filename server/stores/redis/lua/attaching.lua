-- What the connections of a user hear of its group. Needs connections.lua and group.lua.

-- Have connections of a user hear of its group: those of this process by the answer, of others
-- by a message to their process. `asker` gets the group with the answer.
local function attach(user, group, connections, here, asker)
  for _, one in ipairs(connections) do
    local event
    if one.id == asker then
      event = packed_array({ pack(8), NIL, pack(user.written), pack(one.id), pack('random') })
    else
      event = packed_array({
        pack(9), NIL, pack(user.written), pack(one.id), pack('random'), pack_group(group),
      })
    end
    if one.node == here then
      told[#told + 1] = group.id
      told[#told + 1] = event
    else
      redis.call('PUBLISH', 'hw:node:' .. one.node,
        packed_array({ pack(group.id), pack(group.place), event }))
    end
  end
end
