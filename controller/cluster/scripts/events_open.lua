-- Returns {name of the stream, where it began, its first entry, its last one}.
local name = event_stream()
local first = redis.call('XRANGE', key('events'), '-', '+', 'COUNT', 1)[1]
local known = redis.call('XINFO', 'STREAM', key('events'))
local last = '0-0'
for i = 1, #known, 2 do if known[i] == 'last-generated-id' then last = known[i + 1] end end
return {name, redis.call('HGET', key('event_stream'), 'began'), first and first[1] or last, last}
