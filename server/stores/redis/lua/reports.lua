-- What members said of others, for operators, until it is too old. Needs attempt.lua.
--
-- When there are too many, the oldest goes of the address that has most. There are, under <tag>:
--   R        reports in order of age; Rb, hash: of each its record
--   Ri       hash: of a group, a reporter and the one reported the report
--   Rm       marks (of addresses) by how many reports they have; Rq:<mark>, those, by age
--   Rc:<n>   marks with n reports, by the age of the oldest of these

local REPORTS, RECORDS, ABOUT, MARKS = TAG .. 'R', TAG .. 'Rb', TAG .. 'Ri', TAG .. 'Rm'

local function about_key(room_id, reporter, user_id)
  return struct.pack('>I2c0I2c0c0', #room_id, room_id, #reporter, reporter, user_id)
end

local function report_of(id)
  local packed = redis.call('HGET', RECORDS, id)
  local expires_ms, size_bytes, mark, about, rest = struct.unpack('>dI4I2c0I2c0', packed)
  return {
    id = id, expires_ms = expires_ms, size_bytes = size_bytes, mark = mark, about = about,
    packed = packed:sub(rest),
  }
end

-- Have a mark stand among those with as many reports as it has.
local function place_mark(mark, before)
  local key = TAG .. 'Rq:' .. mark
  local count, oldest = redis.call('ZCARD', key), redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  redis.call('ZREM', TAG .. 'Rc:' .. before, mark)
  if count == 0 then
    redis.call('ZREM', MARKS, mark)
  else
    redis.call('ZADD', MARKS, count, mark)
    redis.call('ZADD', TAG .. 'Rc:' .. count, oldest, mark)
  end
end

local function book_report(size_bytes)
  book('bytes', size_bytes)
  book('report_bytes', size_bytes)
end

local function forget_report(id)
  local report = report_of(id)
  local key = TAG .. 'Rq:' .. report.mark
  local before = redis.call('ZCARD', key)
  redis.call('ZREM', REPORTS, id)
  redis.call('HDEL', RECORDS, id)
  redis.call('HDEL', ABOUT, report.about)
  redis.call('ZREM', key, id)
  place_mark(report.mark, before)
  book_report(-report.size_bytes)
end

local function are_too_many()
  local held_bytes = tonumber(redis.call('HGET', BOOKS, 'report_bytes') or 0)
  if held_bytes > math.floor(TOTAL_BYTES / REPORTS_PART) then return true end
  return redis.call('ZCARD', REPORTS) > MAX_REPORTS
end

local function next_to_go()
  local most = redis.call('ZREVRANGE', MARKS, 0, 0, 'WITHSCORES')[2]
  local mark = redis.call('ZRANGE', TAG .. 'Rc:' .. most, 0, 0)[1]
  return redis.call('ZRANGE', TAG .. 'Rq:' .. mark, 0, 0)[1]
end

local function add_report(report)
  local former = redis.call('HGET', ABOUT, report.about)
  if former then forget_report(former) end
  local key, turn = TAG .. 'Rq:' .. report.mark, next_turn()
  local before = redis.call('ZCARD', key)
  redis.call('ZADD', REPORTS, turn, report.id)
  redis.call('HSET', ABOUT, report.about, report.id)
  redis.call('HSET', RECORDS, report.id, struct.pack('>dI4I2c0I2c0c0', report.expires_ms,
    report.size_bytes, #report.mark, report.mark, #report.about, report.about, report.packed))
  redis.call('ZADD', key, turn, report.id)
  place_mark(report.mark, before)
  book_report(report.size_bytes)
  while redis.call('ZCARD', REPORTS) > 1 and are_too_many() do
    forget_report(next_to_go())
  end
end

-- Forget those that are due, so many at most. Answers how many it were.
local function expire_reports(now_ms, limit)
  for count = 0, limit - 1 do
    local id = redis.call('ZRANGE', REPORTS, 0, 0)[1]
    if not id or report_of(id).expires_ms > now_ms then return count end
    forget_report(id)
  end
  return limit
end
