-- Tell all processes what concerns users of this tag; nothing is kept.
--
-- ARGV: for each of them, its id, and the event as it is to be published.

for i = 1, #ARGV, 2 do
  redis.call(PUBLISH, TAG .. 'u:' .. ARGV[i], ARGV[i + 1])
end
return 0
