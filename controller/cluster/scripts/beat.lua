-- ARGV: owner, lease (ms), facts, day, how long amounts are kept (ms), how many amounts, how many slots, then book and
-- amount of each, scope and id of each slot, scope and id for each rate: samples of what the owner holds.
-- Returns {generation, asserted, replaced, ids held, leases {owner, ms left, facts, asserted}, amounts {book, {node, amount}},
-- 1: all samples are there}.
local owner, day = ARGV[1], ARGV[4]
local name = parts(owner)
local now = now_ms()

-- Another process than the one that made the generation: what was written last may be lost, or everything.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local generation = redis.call('HGET', key('generation'), 'number')
if not generation or redis.call('HGET', key('generation'), 'run') ~= run then
  generation = table.concat(redis.call('TIME'), '.') .. '.' .. run
  redis.call('HSET', key('generation'), 'number', generation, 'run', run)
end

local late, longest = replaced(owner), now + tonumber(ARGV[2])
if not late then
  redis.call('ZADD', key('lease'), longest, owner)
  redis.call('HSET', key('node'), owner, ARGV[3])
end

local amounts = {}
local first_slot = 8 + 2 * tonumber(ARGV[6])
for i = 8, first_slot - 1, 2 do
  local book = key('spend', ARGV[i], day)
  redis.call('HSET', book, name, ARGV[i + 1])
  redis.call('PEXPIRE', book, ARGV[5])
  amounts[#amounts + 1] = {ARGV[i], redis.call('HGETALL', book)}
end

-- All at once: a call for each node would be most of what a beat costs.
local all_facts, generations = hash('node'), hash('asserted')
local leases, known = {}, redis.call('ZRANGE', key('lease'), 0, -1, 'WITHSCORES')
local has_lease = {}
for i = 1, #known, 2 do has_lease[known[i]] = true end
for node in pairs(all_facts) do
  if not has_lease[node] then -- the key was lost: whoever is dead has to be found dead all the same
    redis.call('ZADD', key('lease'), longest, node)
    known[#known + 1], known[#known + 2] = node, longest
  end
end
for i = 1, #known, 2 do
  local node, expires = known[i], tonumber(known[i + 1])
  if expires > longest then  -- by the clock of another server, or before ours was set back
    expires = longest
    redis.call('ZADD', key('lease'), expires, node)
  end
  leases[#leases + 1] = {node, expires - now, all_facts[node] or '', generations[node] == generation and 1 or 0}
end
local asserted = not late and generations[owner] == generation
local held = redis.call('HLEN', key('held', owner))

local complete, first_rate = 1, first_slot + 2 * tonumber(ARGV[7])
for i = first_slot, first_rate - 1, 2 do
  if redis.call('HEXISTS', key('slots', ARGV[i]), ARGV[i + 1]) == 0 then complete = 0 end
end
for i = first_rate, #ARGV, 2 do
  if not redis.call('ZSCORE', key('rate', ARGV[i]), ARGV[i + 1]) then complete = 0 end
end
return {generation, asserted and 1 or 0, late and 1 or 0, held, leases, amounts, complete}
