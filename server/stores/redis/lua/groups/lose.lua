-- Note that a connection is gone; with the last one its user leaves at that time.
--
-- ARGV: connection id; the time to leave.
-- Answers nothing.

lose(ARGV[1], tonumber(ARGV[2]))
return redis.status_reply('OK')
