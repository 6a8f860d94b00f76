-- Note that a connection is gone; with the last one its user leaves at that time.
--
-- ARGV: the process; connection id; the time to leave.
-- Answers nothing.

lose(ARGV[2], tonumber(ARGV[3]), ARGV[1])
return redis.status_reply('OK')
