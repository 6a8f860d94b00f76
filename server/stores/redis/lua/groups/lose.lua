-- Note that a connection is gone; with the last one its user leaves at that time.
--
-- ARGV: the process; connection id; the time to leave.
-- Answers 0 if it goes on in another process, else 1.

lose(ARGV[2], tonumber(ARGV[3]), ARGV[1])
return owner_of(ARGV[2]) and 0 or 1
