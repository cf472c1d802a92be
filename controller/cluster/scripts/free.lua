-- ARGV: owner, 1: only if its lease has expired. Returns 1: done, 0: it is alive.
local expires = redis.call('ZSCORE', key('lease'), ARGV[1])
if ARGV[2] == '1' and expires and tonumber(expires) > now_ms() then return 0 end
if ARGV[2] ~= '1' then redis.call('HDEL', key('asserted'), ARGV[1]) end -- it leaves: nothing has to be searched for
forget(ARGV[1])
return 1
