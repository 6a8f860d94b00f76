-- What scripts of random groups begin with: refusals from within, and ids. Needs books.lua.

-- Do it, and answer with the refusal if one ends it.
local function attempt(operation)
  local done, answer = pcall(operation)
  if done then return answer end
  if type(answer) == 'table' and answer.refusal then return answer.refusal end
  error(answer, 0)
end

-- End what is attempted with a refusal. It is wrapped: Redis 7 makes text of a bare one.
local function stop_with(refusal)
  error({ refusal = refusal })
end

local function stop(word)
  stop_with(refuse(word))
end

local function need_space(added_bytes)
  local refusal = lacking('bytes', added_bytes)
  if refusal then stop_with(refusal) end
end

-- A number of its own for the next in any row.
local function next_turn()
  return redis.call('HINCRBY', BOOKS, 'turn', 1)
end

-- A user id without the mark of numeric ones.
local function bare(id)
  if id:byte(1) == 1 then return id:sub(2) end
  return id
end
