-- Before each script. KEYS[1]: the prefix of all keys, with a hash tag, so that they are in one slot of a cluster.
-- ARGV[1]: the installation that asks; '': not said. It is taken off, so that each script sees its own arguments only.
local prefix = KEYS[1]
local installation = table.remove(ARGV, 1)

local function key(...)
  return prefix .. ':' .. table.concat({...}, ':')
end

-- The keys are of the installation that came first, until the server is emptied.
if installation ~= '' then
  local whose = redis.call('GET', key('installation'))
  if not whose then
    redis.call('SET', key('installation'), installation)
  elseif whose ~= installation then
    return redis.error_reply('ANOTHERS these keys are of another installation')
  end
end

local function now_ms()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end

local function words(text)
  local found = {}
  for word in string.gmatch(text, '[^\n]+') do found[#found + 1] = word end
  return found
end

-- owner "name:epoch" -> name, epoch
local function parts(owner)
  local name, epoch = string.match(owner, '^(.*):(%d+)$')
  return name, tonumber(epoch)
end

local function hash(name)
  local found, flat = {}, redis.call('HGETALL', key(name))
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local function put(owner, id, scopes)
  local held, all = redis.call('HGET', key('held', owner), id), {}
  if held then for _, scope in ipairs(words(held)) do all[scope] = true end end
  for _, scope in ipairs(scopes) do
    redis.call('HSET', key('slots', scope), id, owner)
    if not all[scope] then held = held and (held .. '\n' .. scope) or scope end
    all[scope] = true
  end
  if held then redis.call('HSET', key('held', owner), id, held) end
end

-- A scope in which another node holds the id by now is left alone. `known`: its scopes, as the owner knows them.
local function drop(owner, id, known)
  local held = words(redis.call('HGET', key('held', owner), id) or '')
  for _, scopes in ipairs({held, known or {}}) do
    for _, scope in ipairs(scopes) do
      if redis.call('HGET', key('slots', scope), id) == owner then redis.call('HDEL', key('slots', scope), id) end
    end
  end
  if #held > 0 then redis.call('HDEL', key('held', owner), id) end
end

-- Reads all slots: if the key is lost that says which ones are the owner's.
local function sweep(owner)
  local at = '0'
  repeat
    local found = redis.call('SCAN', at, 'MATCH', key('slots', '*'), 'COUNT', 1000)
    at = found[1]
    for _, scope in ipairs(found[2]) do
      local flat = redis.call('HGETALL', scope)
      for i = 1, #flat, 2 do
        if flat[i + 1] == owner then redis.call('HDEL', scope, flat[i]) end
      end
    end
  until at == '0'
end

local function drop_all(owner)
  local ids = redis.call('HKEYS', key('held', owner))
  for _, id in ipairs(ids) do drop(owner, id) end
  if #ids == 0 and redis.call('HEXISTS', key('asserted'), owner) == 1 then sweep(owner) end
end

local function forget(owner)
  drop_all(owner)
  redis.call('ZREM', key('lease'), owner)
  redis.call('HDEL', key('node'), owner)
  redis.call('HDEL', key('asserted'), owner)
end

local function count(scope, id, at, window)
  redis.call('ZADD', key('rate', scope), 'NX', at, id)
  if redis.call('PTTL', key('rate', scope)) < window then redis.call('PEXPIRE', key('rate', scope), window) end
end

-- Whether a later start of the same node has a lease that has not expired. One that has may be of before a restored store,
-- which counts the starts from less again.
local function replaced(owner)
  local name, epoch = parts(owner)
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', key('lease'), '(' .. string.format('%d', now_ms()), '+inf')) do
    local other_name, other_epoch = parts(other)
    if other_name == name and other_epoch > epoch then return true end
  end
  return false
end

-- ARGV from `from` on: how many ids; of each its id and its scopes, one a line; then of each rate scope, id, age, window.
local function add(owner, from)
  local ids, now = tonumber(ARGV[from]), now_ms()
  for i = 1, ids do put(owner, ARGV[from + 2 * i - 1], words(ARGV[from + 2 * i])) end
  for i = from + 2 * ids + 1, #ARGV, 4 do
    count(ARGV[i], ARGV[i + 1], now - tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]))
  end
end

-- The name of the event stream as it is now. It gets another name, and an entry that says so and nothing else, when what
-- was in it may be lost: there is no such key, or another process has it than before.
local function event_stream()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local known = redis.call('HMGET', key('event_stream'), 'run', 'name')
  if known[1] == run and redis.call('EXISTS', key('events')) == 1 then return known[2] end
  local now = redis.call('TIME')
  local name = string.format('%x', now[1] * 1000000 + now[2]) .. string.sub(run, 1, 6)
  local began = redis.call('XADD', key('events'), '*', 'stream', name)
  redis.call('HSET', key('event_stream'), 'run', run, 'name', name, 'began', began)
  return name
end
