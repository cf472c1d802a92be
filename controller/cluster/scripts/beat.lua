-- ARGV: owner, lease (ms), facts, day, how long amounts are kept (ms), then book and amount of each.
-- Returns {generation, asserted, replaced, ids held, leases {owner, ms left, facts, asserted}, amounts {book, {node, amount}}}.
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

local late = replaced(owner)
if not late then
  redis.call('ZADD', key('lease'), now + tonumber(ARGV[2]), owner)
  redis.call('HSET', key('node'), owner, ARGV[3])
end

local amounts = {}
for i = 6, #ARGV, 2 do
  local book = key('spend', ARGV[i], day)
  redis.call('HSET', book, name, ARGV[i + 1])
  redis.call('PEXPIRE', book, ARGV[5])
  amounts[#amounts + 1] = {ARGV[i], redis.call('HGETALL', book)}
end

-- All at once: a call for each node would be most of what a beat costs.
local all_facts, generations = hash('node'), hash('asserted')
local leases, known = {}, redis.call('ZRANGE', key('lease'), 0, -1, 'WITHSCORES')
for i = 1, #known, 2 do
  local node = known[i]
  leases[#leases + 1] = {node, known[i + 1] - now, all_facts[node] or '', generations[node] == generation and 1 or 0}
end
local asserted = not late and generations[owner] == generation
local held = redis.call('HLEN', key('held', owner))
return {generation, asserted and 1 or 0, late and 1 or 0, held, leases, amounts}
