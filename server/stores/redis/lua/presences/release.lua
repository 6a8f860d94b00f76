-- A process has a user no longer. ARGV: its id, the user, now. Answers 1 if now none has.
local was_on = let_go(ARGV[1], ARGV[2])
return was_on and not is_on(ARGV[2], tonumber(ARGV[3])) and 1 or 0
