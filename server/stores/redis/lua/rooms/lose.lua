-- Note that a connection is gone from rooms; members have their grace.
--
-- ARGV: connection, node, now; the rooms that it may be in.

for number = 4, #ARGV do
  lose(ARGV[number], ARGV[1], ARGV[2], tonumber(ARGV[3]))
end
return redis.status_reply('OK')
