-- What is attached by a process, some at a time.
--
-- ARGV: node, where to go on (0 at first), about how many.
-- Answers where to go on (0: that was all), then for each <connection>NUL<room id>.

local found = redis.call('SSCAN', TAG .. 'n:' .. ARGV[1], ARGV[2], 'COUNT', ARGV[3])
return { tonumber(found[1]), unpack(found[2]) }
