-- ARGV: owner, generation, id, how many slots, then scope and limit (-1: none) of each, then scope, limit and window (ms)
-- of each rate. Returns 0: taken, n: the n-th limit is reached, -1: another generation. All or nothing.
local owner, id, slots = ARGV[1], ARGV[3], tonumber(ARGV[4])
if redis.call('HGET', key('generation'), 'number') ~= ARGV[2] then return -1 end
local now, first_rate = now_ms(), 5 + 2 * slots

for i = 1, slots do
  local scope, most = key('slots', ARGV[3 + 2 * i]), tonumber(ARGV[4 + 2 * i])
  if most >= 0 and redis.call('HLEN', scope) >= most and redis.call('HEXISTS', scope, id) == 0 then return i end
end
for i = first_rate, #ARGV, 3 do
  local scope = key('rate', ARGV[i])
  redis.call('ZREMRANGEBYSCORE', scope, '-inf', now - tonumber(ARGV[i + 2]))
  if redis.call('ZCARD', scope) >= tonumber(ARGV[i + 1]) and not redis.call('ZSCORE', scope, id) then
    return slots + (i - first_rate) / 3 + 1
  end
end

local scopes = {}
for i = 1, slots do scopes[i] = ARGV[3 + 2 * i] end
put(owner, id, scopes)
for i = first_rate, #ARGV, 3 do count(ARGV[i], id, now, tonumber(ARGV[i + 2])) end
return 0
