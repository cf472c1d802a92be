-- ARGV: owner, generation, then as `add` reads it. Returns 0, -1: another generation, -2: a later start is there.
local owner, generation = ARGV[1], ARGV[2]
if redis.call('HGET', key('generation'), 'number') ~= generation then return -1 end
if replaced(owner) then return -2 end
local name = parts(owner)
for _, other in ipairs(redis.call('ZRANGE', key('lease'), 0, -1)) do
  if other ~= owner and parts(other) == name then forget(other) end
end
drop_all(owner)
add(owner, 3)
redis.call('HSET', key('asserted'), owner, generation)
return 0
