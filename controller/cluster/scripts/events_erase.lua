-- ARGV: after which entry, at most how many are looked at, name of a field, then values. Deletes entries that have one of
-- them. Returns where to go on; false: that was all.
local wanted = {}
for i = 4, #ARGV do wanted[ARGV[i]] = true end
local found = redis.call('XRANGE', key('events'), '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
for _, each in ipairs(found) do
  for i = 1, #each[2], 2 do
    if each[2][i] == ARGV[3] and wanted[each[2][i + 1]] then redis.call('XDEL', key('events'), each[1]) end
  end
end
return #found > 0 and found[#found][1] or false
