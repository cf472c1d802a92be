-- ARGV: whose events, entries that are kept, how long (ms), 1: events before these were dropped, how many fields, their
-- names, then of each event its order and its fields. An order that was appended before is not appended again.
local from, most, kept, dropped, fields = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local name, order = event_stream(), key('events', 'order', from)
local last = tonumber(redis.call('GET', order) or '0')
if dropped == '1' then redis.call('XADD', key('events'), '*', 'stream', name) end
for i = 6 + fields, #ARGV, fields + 1 do
  if tonumber(ARGV[i]) > last then
    last = tonumber(ARGV[i])
    local entry = {'stream', name, 'from', from, 'order', ARGV[i]}
    for j = 1, fields do
      entry[#entry + 1] = ARGV[5 + j]
      entry[#entry + 1] = ARGV[i + j]
    end
    redis.call('XADD', key('events'), 'MAXLEN', '~', most, '*', unpack(entry))
  end
end
redis.call('XTRIM', key('events'), 'MINID', math.max(now_ms() - kept, 0))
redis.call('PEXPIRE', key('events'), kept)
redis.call('SET', order, string.format('%.0f', last), 'PX', kept)
return 0
