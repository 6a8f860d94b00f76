-- Tell all processes what concerns some addresses of this tag; nothing is kept.
--
-- ARGV: for each of them, its channel without the tag, and the event as it is to be published.

for i = 1, #ARGV, 2 do
  redis.call(PUBLISH, TAG .. ARGV[i], ARGV[i + 1])
end
return 0
