-- ARGV: owner, 1: only if its lease has expired. Returns 1: done, 0: it is alive.
local expires = redis.call('ZSCORE', key('lease'), ARGV[1])
if ARGV[2] == '1' and expires and tonumber(expires) > now_ms() then return 0 end
forget(ARGV[1])
return 1
