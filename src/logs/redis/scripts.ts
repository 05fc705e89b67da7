/**
 * All decisions in Redis: order, offsets, ends, producers and expiry, each in one atomic script.
 *
 * The keys of a stream share one hash tag, so that they are on one master: its hash; the Redis stream of its
 * generation, whose name is also the channel of its tail; and three keys of its producers. A script touches only the
 * keys it receives.
 *
 * | field of the hash | |
 * |---|---|
 * | `g`, `e`, `c`, `k` | generation; end offset; chunks; tag of the last batch |
 * | `s` | offset below which the engine never had any bytes (a stream that was restored from a mirror) |
 * | `r` | how the stream ended: the reason and, after a line feed, the status |
 * | `b`, `m`, `u` | time of creation, of modification and, with a time to live, of the last use |
 * | `R`, `t`, `x`, `f` | retention, time to live, expiry time, facts |
 * | `q` | the order of the last batch that had one, in hexadecimal |
 * | `o` | highest end offset of producers that were forgotten |
 * | `n:NODE` | the last batch of a node: number, time, results; and `|` with number and results of the batch before it, while that call may be repeated |
 * | `i`, `0` to `7` | for a small stream: the total length of its entries, and the entries in pieces |
 * | `h` | after a loss of bytes: the end offset up to which a mirror restores them; until when all appends wait; until when appends wait for that offset |
 * | `z` | the only field of a tombstone: generation, end offset, chunks, start offset, reason and status of the removed stream |
 *
 * An entry of the Redis stream has the id `END-0` and the fields `d` (bytes), `m` (tag, tag of the preceding batch,
 * chunks of the stream including this batch, lengths of the chunks) and, for batches of producers, `p`. Lengths are
 * `N`, or `N*TIMES` for consecutive equal ones.
 *
 * The entries of a small stream are stored in its hash, because an empty Redis stream already takes 270 bytes. They are
 * concatenated, each preceded by the lengths of `m`, `p` and `d`, and cut into pieces that fit into the compact
 * encoding of a hash (hash-max-listpack-value). Once they outgrow the hash, all of them move to the Redis stream.
 *
 * Short batches are published completely on the channel of the stream. For a long batch that channel gets only the
 * head; a second channel gets the tag and then the bytes. The node that sent the batch already has the bytes and need
 * not receive them. An append of a producer that is completed without further bytes is published too, because no batch
 * says that it is complete.
 *
 * Every reply is a list that begins with `OK` or a code, because the texts of error replies differ between versions.
 * The state of a stream is a single text, because each element of a reply costs more to parse than its bytes: words,
 * the last of which is the length of the facts, a line feed, the facts, and how the stream ended. Lua's numbers are
 * doubles, exact to 2^53 but printed with 14 digits; `num` prints all digits.
 */
import { createHash } from 'node:crypto';

/**
 * Milliseconds for which the tombstone of a removed stream is kept, so that disconnected nodes can tell removal from
 * loss.
 */
const TOMBSTONE_MS = 60 * 60 * 1000;

/** Milliseconds for which the bytes of a removed stream are kept for nodes that lag behind. */
const REMOVED_BYTES_MS = 5000;

/** Milliseconds after its expiry at which Redis itself deletes a stream, if no node has told its followers. */
const EXPIRED_GRACE_MS = 60 * 1000;

/** Milliseconds after which the last batch of a node is forgotten; a node never repeats a call for that long. */
const NODE_MS = 60 * 60 * 1000;

/**
 * Milliseconds for which appends wait once a node has noticed a loss of bytes. In this time every node restores what it
 * has. Otherwise the first append would take the place of bytes that another node has acknowledged.
 */
const LOSS_WAIT_MS = 1000;

/** The same values as in src/core/producers.ts. */
const BROKEN_OFF_MS = 10 * 60 * 1000;
const BROKEN_OFF_MAX = 1000;

/** Maximum bytes of a stream's entries, with their metadata, in its hash. */
const SMALL_BYTES = 512;

/** Bytes per piece: the default limit for values in the compact encoding of a hash. */
const PIECE_BYTES = 64;

/** Bytes of a batch from which its bytes are published separately. Longer than any tag. */
export const LONG_BYTES = 16 * 1024;

/** Suffix of the stream's channel name for the channel of long batches. */
export const LONG_CHANNEL = ':d';

/** The clock of Redis, used for all nodes because theirs differ. */
const CLOCK = `
local call = redis.call
local function num(n) return string.format('%.0f', n) end
local clock = call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
`;

const PRELUDE = `${CLOCK}
local H
local names = {'g','e','c','k','r','s','b','m','u','R','t','x','f','o','h','q','z','i'}
local function look(key)
  H = {}
  local values = call('HMGET', key, unpack(names))
  for i, name in ipairs(names) do H[name] = values[i] or nil end
end
look(KEYS[1])
local function due()
  local at
  if H.x then at = tonumber(H.x) end
  if H.t then
    local idle = tonumber(H.u) + tonumber(H.t)
    if not at or idle < at then at = idle end
  end
  return at
end
local function isDue()
  local at = due()
  return at ~= nil and at <= now
end
local function expireAt()
  local at = due()
  if not at then return end
  for _, key in ipairs(KEYS) do call('PEXPIREAT', key, num(at + ${EXPIRED_GRACE_MS})) end
end
local function start()
  local from = tonumber(H.e) - tonumber(H.R)
  local floor = tonumber(H.s or '0')
  if from < floor then from = floor end
  return from
end
local function stateOf(words, facts, ending)
  return table.concat(words, ' ')..' '..num(#facts)..'\\n'..facts..ending
end
local function state()
  local words = {H.g, H.s or '0', H.e, H.c, H.b, H.m, H.R, H.t or '', H.x or '', H.u or H.m, H.k or '', num(now)}
  return stateOf(words, H.f, H.r or '')
end
`;

/**
 * Makes the script run although Redis has used up its memory. Redis refuses a command that may take memory only if it is
 * the first write of a script. This write takes none, and changes nothing.
 */
const EVEN_IF_FULL = `
call('HDEL', KEYS[1], '')
`;

/** Requires that the stream exists with the generation ARGV[1], and has not expired. */
const REQUIRE = `
if not H.g then return {'NOSTREAM', H.z or ''} end
if H.g ~= ARGV[1] then return {'RECREATED', H.g} end
if isDue() then return {'EXPIRED', H.g} end
`;

/** Holds back appends after a node with a higher end offset has revealed a loss of bytes. */
const HOLD = `
local function isHeld()
  if not H.h then return false end
  local target, always, to = string.match(H.h, '^(%d+) (%d+) (%d+)$')
  if now < tonumber(always) or (now < tonumber(to) and tonumber(H.e) < tonumber(target)) then return true end
  call('HDEL', KEYS[1], 'h')
  H.h = nil
  return false
end
local function holdFor(target)
  if isHeld() then return end
  local to = num(now + ${LOSS_WAIT_MS})
  call('HSET', KEYS[1], 'h', num(target)..' '..to..' '..to)
end
`;

/** Access to the entries. KEYS: hash, stream. */
const ENTRIES = `
local function pieces(from, to)
  local names = {}
  for i = from, to do names[#names + 1] = num(i) end
  return names
end
local function lastPiece(length) return math.floor((length - 1) / ${PIECE_BYTES}) end
local function eachSmall(tell)
  if not H.i then return end
  local all = table.concat(call('HMGET', KEYS[1], unpack(pieces(0, lastPiece(tonumber(H.i))))))
  local at, position = 1, tonumber(H.s or '0')
  while at <= #all do
    local meta, proof, bytes
    meta, proof, bytes, at = struct.unpack('>HHH', all, at)
    local first, second = at + meta, at + meta + proof
    position = position + bytes
    tell(position, string.sub(all, at, first - 1), string.sub(all, first, second - 1), string.sub(all, second, second + bytes - 1))
    at = second + bytes
  end
end
local function fieldsOf(meta, proof, bytes)
  if proof == '' then return {'d', bytes, 'm', meta} end
  return {'d', bytes, 'm', meta, 'p', proof}
end
local function makeLarge()
  if not H.i then return end
  eachSmall(function(position, meta, proof, bytes)
    call('XADD', KEYS[2], num(position)..'-0', unpack(fieldsOf(meta, proof, bytes)))
  end)
  call('HDEL', KEYS[1], 'i', unpack(pieces(0, lastPiece(tonumber(H.i)))))
  H.i = nil
end
local function addSmall(at, meta, proof, bytes)
  local from = H.s or '0'
  local length = tonumber(H.i or '0')
  local whole = length + 6 + #meta + #proof + #bytes
  if not (H.i or H.e == from) or whole > ${SMALL_BYTES} or at - tonumber(from) > tonumber(H.R) then return false end
  local entry = struct.pack('>HHH', #meta, #proof, #bytes)..meta..proof..bytes
  local piece = math.floor(length / ${PIECE_BYTES})
  if length % ${PIECE_BYTES} > 0 then entry = call('HGET', KEYS[1], num(piece))..entry end
  local fields = {'i', num(whole)}
  for i, name in ipairs(pieces(piece, lastPiece(whole))) do
    fields[#fields + 1] = name
    fields[#fields + 1] = string.sub(entry, (i - 1) * ${PIECE_BYTES} + 1, i * ${PIECE_BYTES})
  end
  call('HSET', KEYS[1], unpack(fields))
  H.i = num(whole)
  return true
end
`;

/** KEYS: hash, stream, producers' records, idle producers, producers with an incomplete append. */
const COMMIT = `${ENTRIES}
local function nodeOf(tag) return string.match(tag, '^(.*)%.(%d+)$') end
local function plainResult(at) return at..';'..at..' 0 -1 0' end
local function shorter(results)
  local at = string.match(results, '^(%d+);')
  if results == plainResult(at) then return at end
  return results
end
local function whole(results)
  if string.find(results, ';', 1, true) then return results end
  return plainResult(results)
end
local function lastOf(node)
  local last = call('HGET', KEYS[1], 'n:'..node)
  if not last then return nil end
  local number, results, older = string.match(last, '^(%d+) %d+ ([^|]*)|?(.*)$')
  return tonumber(number), results, older
end
local function remember(tag, results, older)
  local node, seq = nodeOf(tag)
  local isNew = call('HSET', KEYS[1], 'n:'..node, seq..' '..num(now)..' '..shorter(results)..older) == 1
  if not isNew then return end
  local all = call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'n:' then
      local at = tonumber(string.match(all[i + 1], '^%d+ (%d+)'))
      if at and now - at > ${NODE_MS} then call('HDEL', KEYS[1], all[i]) end
    end
  end
end
local function store(id, epoch, expected, applied, at)
  call('HSET', KEYS[3], id, num(epoch)..' '..num(expected)..' '..num(applied)..' '..num(at))
  local isBroken = applied > 0
  call('ZADD', KEYS[isBroken and 5 or 4], num(now), id)
  call('ZREM', KEYS[isBroken and 4 or 5], id)
end
local function countOf(list)
  local count, lengths = string.match(list, '^(%d+) (.*)$')
  return tonumber(count), lengths
end
local function commit(tag, bytes, lengths, count, records, results, older, place)
  local before = H.k or ''
  local at = num(tonumber(H.e) + #bytes)
  local chunks = num(tonumber(H.c) + count)
  local lowest = tonumber(at) - tonumber(H.R) + 1
  if lowest < 0 then lowest = 0 end
  local meta = tag..' '..before..' '..chunks..' '..lengths
  local proof = ''
  if place or #records > 0 or select(2, string.gsub(results, ';', '')) > 1 then
    proof = cjson.encode({r = records, a = results, q = place})
  end
  if not addSmall(tonumber(at), meta, proof, bytes) then
    makeLarge()
    call('XADD', KEYS[2], 'MINID', '~', num(lowest), at..'-0', unpack(fieldsOf(meta, proof, bytes)))
  end
  call('HSET', KEYS[1], 'e', at, 'c', chunks, 'k', tag, 'm', num(now))
  if place then call('HSET', KEYS[1], 'q', place) end
  remember(tag, results, older)
  for _, each in ipairs(records) do store(each[1], tonumber(each[2]), tonumber(each[3]), tonumber(each[4]), tonumber(each[5])) end
  if H.t then
    H.u = num(now)
    call('HSET', KEYS[1], 'u', H.u)
  end
  expireAt()
  if #bytes < ${LONG_BYTES} then
    call('SPUBLISH', KEYS[2], 'd '..at..' '..meta..' '..#proof..'\\n'..proof..bytes)
  else
    local channel = KEYS[2]..'${LONG_CHANNEL}'
    call('SPUBLISH', channel, tag)
    call('SPUBLISH', channel, bytes)
    call('SPUBLISH', KEYS[2], 'l '..at..' '..meta..' '..#proof..' '..num(#bytes)..'\\n'..proof)
  end
  return before, chunks
end
local function publishEnd(at, chunks, tag, ending)
  call('SPUBLISH', KEYS[2], 'x '..at..' '..chunks..' '..tag..'\\n'..ending)
end
`;

/** KEYS: hash. */
const STATE = `${PRELUDE}
if not H.g then return {'NOSTREAM', H.z or '', num(now)} end
if isDue() then return {'EXPIRED', H.g} end
return {'OK', state()}
`;

/**
 * The states of several streams, each empty if STATE would not reply `OK`. KEYS: the hashes. Called for every stream of
 * a listing, and therefore without the tables of the other scripts.
 */
const STATES = `${CLOCK}
local found = {}
local rest = '  '..num(now)..' '
for i, key in ipairs(KEYS) do
  local v = call('HMGET', key, 'g', 's', 'e', 'c', 'b', 'm', 'R', 't', 'x', 'u', 'f', 'r')
  local ttl, expires, facts = v[8], v[9], v[11]
  if not v[1] or (expires and tonumber(expires) <= now) or (ttl and tonumber(v[10]) + tonumber(ttl) <= now) then
    found[i] = ''
  else
    v[2], v[8], v[9], v[10] = v[2] or '0', ttl or '', expires or '', v[10] or v[6]
    found[i] = table.concat(v, ' ', 1, 10)..rest..#facts..'\\n'..facts..(v[12] or '')
  end
end
return found
`;

/**
 * KEYS: all five. ARGV: generation, retention, time to live, expiry time, facts; tag of the first batch, its bytes, the
 * number of its chunks and their lengths, '1' to create the stream ended.
 */
const CREATE = `${PRELUDE}${COMMIT}
if H.g then
  if isDue() then return {'EXPIRED', H.g} end
  return {'OK', state(), '0'}
end
call('DEL', unpack(KEYS))
H = {g = ARGV[1], e = '0', c = '0', b = num(now), m = num(now), R = ARGV[2], f = ARGV[5]}
local fields = {'g', H.g, 'e', '0', 'c', '0', 'b', H.b, 'm', H.m, 'R', H.R, 'f', H.f}
if ARGV[3] ~= '' then
  H.t, H.u = ARGV[3], num(now)
  for _, each in ipairs({'t', H.t, 'u', H.u}) do fields[#fields + 1] = each end
end
if ARGV[4] ~= '' then H.x = ARGV[4] fields[#fields + 1] = 'x' fields[#fields + 1] = H.x end
call('HSET', KEYS[1], unpack(fields))
if #ARGV[7] > 0 then
  local count, lengths = countOf(ARGV[8])
  local at = num(#ARGV[7])
  commit(ARGV[6], ARGV[7], lengths, count, {}, plainResult(at), '')
  H.e, H.c, H.k = at, num(count), ARGV[6]
end
if ARGV[9] == '1' then
  H.r = 'ended'
  call('HSET', KEYS[1], 'r', H.r)
end
expireAt()
return {'OK', state(), '1'}
`;

/**
 * Restores a stream that the engine has lost. KEYS: all five. ARGV: generation, end offset, chunks, tag, creation time,
 * modification time, retention, time to live, expiry time, facts, end offset of the bytes that follow, milliseconds for
 * which other nodes wait.
 */
const RESTORE = `${PRELUDE}
if H.g then return {'EXISTS', H.g} end
if H.z then return {'NOSTREAM', H.z} end
if ARGV[9] ~= '' and tonumber(ARGV[9]) <= now then return {'EXPIRED'} end
call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
H = {g = ARGV[1], t = ARGV[8], x = ARGV[9], u = num(now)}
local fields = {'g', ARGV[1], 'e', ARGV[2], 'c', ARGV[3], 's', ARGV[2], 'o', ARGV[2], 'b', ARGV[5], 'm', ARGV[6], 'u', H.u,
  'R', ARGV[7], 'f', ARGV[10], 'h', ARGV[11]..' '..num(now + ${LOSS_WAIT_MS})..' '..num(now + tonumber(ARGV[12]))}
if ARGV[4] ~= '' then fields[#fields + 1] = 'k' fields[#fields + 1] = ARGV[4] end
if H.t ~= '' then fields[#fields + 1] = 't' fields[#fields + 1] = H.t else H.t = nil end
if H.x ~= '' then fields[#fields + 1] = 'x' fields[#fields + 1] = H.x else H.x = nil end
call('HSET', KEYS[1], unpack(fields))
expireAt()
return {'OK'}
`;

/**
 * KEYS: all five. ARGV: generation, tag of the batch, end offset of the node's mirror ('' without one), its tag there
 * ('' if unknown), number of idle producers to remember, milliseconds to remember them (0: for ever), '' or the number
 * of this node's batch that must precede this one. Then for each part: its bytes; the number of its chunks and their
 * lengths; '' or its producer: epoch, seq, bytes before the part, 1 for the last part, id; '' or 1 if the stream ends
 * with the part (else 0), its order in hexadecimal, and the expected end offset.
 *
 * A batch sent while another of the same node and stream has no reply yet names the number of that other batch. It is
 * refused as EARLY unless that batch has been appended, so that both stay in order when they are repeated.
 *
 * The reply begins with the end offset of the batch, or 0 if nothing was appended. For each part follows: end offset,
 * applied bytes of the append, last seq, 1 for a repetition; or `!` and a code. If this call appended the batch, two
 * more elements follow: the tag of the preceding batch, and the chunks of the stream including this batch.
 */
const APPEND = `${PRELUDE}${REQUIRE}${HOLD}${COMMIT}
local node, seq = nodeOf(ARGV[2])
local number, lastResults, older = lastOf(node)
if number == tonumber(seq) then return {'OK', whole(lastResults)} end
if number and number > tonumber(seq) then
  local olderNumber, olderResults = string.match(older, '^(%d+) (.*)$')
  if tonumber(olderNumber) == tonumber(seq) then return {'OK', whole(olderResults)} end
  return {'STALE', num(number)}
end
if ARGV[7] ~= '' and number ~= tonumber(ARGV[7]) then return {'EARLY'} end
older = ARGV[7] ~= '' and '|'..num(number)..' '..lastResults or ''
local e = tonumber(H.e)
local seen = not H.r and tonumber(ARGV[3])
if seen and e < seen then
  holdFor(seen)
  return {'BEHIND', H.e, H.k or ''}
end
if isHeld() then return {'WAIT'} end
if seen and e == seen and ARGV[4] ~= '' and (H.k or '') ~= ARGV[4] then return {'FORK', H.k or ''} end

local max, ttl = tonumber(ARGV[5]), tonumber(ARGV[6])
local forgotten, forgottenBefore = tonumber(H.o or '0'), tonumber(H.o or '0')
local known = {}
local touched = {}
local order = {}
local completed = {}
local function forget(id, zset)
  local record = call('HGET', KEYS[3], id)
  call('HDEL', KEYS[3], id)
  call('ZREM', zset, id)
  if not record then return end
  local at = tonumber(string.match(record, ' (%d+)$'))
  if at > forgotten then forgotten = at end
end
local function load(id)
  if known[id] then return known[id] end
  local record = call('HGET', KEYS[3], id)
  if not record then return nil end
  local epoch, expected, applied, at = string.match(record, '^(%d+) (%d+) (%d+) (%d+)$')
  local zset, kept = KEYS[4], ttl
  if tonumber(applied) > 0 then
    zset = KEYS[5]
    if ttl > 0 and kept < ${BROKEN_OFF_MS} then kept = ${BROKEN_OFF_MS} end
  end
  local since = call('ZSCORE', zset, id)
  if ttl > 0 and since and now - tonumber(since) >= kept then
    forget(id, zset)
    return nil
  end
  known[id] = {tonumber(epoch), tonumber(expected), tonumber(applied), tonumber(at)}
  return known[id]
end

local pieces = {}
local lengths = {}
local count = 0
local results = {}
local at = e
local function takeLengths(number, length)
  if number == 0 then return end
  lengths[#lengths + 1] = number == 1 and num(length) or num(length)..'*'..num(number)
  count = count + number
end
local function take(bytes, list, skip)
  if skip > 0 then bytes = string.sub(bytes, skip + 1) end
  if #bytes == 0 then return end
  if at + #bytes > 9007199254740991 then return 'FULL' end
  pieces[#pieces + 1] = bytes
  at = at + #bytes
  local number, each = countOf(list)
  if skip == 0 then
    lengths[#lengths + 1] = each
    count = count + number
    return
  end
  for length, times in string.gmatch(each, '(%d+)%*?(%d*)') do
    local n, left = tonumber(length), tonumber(times) or 1
    local whole = math.min(left, math.floor(skip / n))
    skip = skip - whole * n
    left = left - whole
    if left > 0 and skip > 0 then
      takeLengths(1, n - skip)
      skip = 0
      left = left - 1
    end
    takeLengths(left, n)
  end
end
local place
local isEnding = false
local isUsed = false
local function isOutOfOrder(wanted)
  return wanted ~= '' and H.q and wanted <= H.q
end
local function isMoved(expected)
  return expected ~= '' and tonumber(expected) ~= at
end
local function done(ends, wanted)
  isUsed = true
  if wanted ~= '' then
    H.q = wanted
    place = wanted
  end
  if ends then
    H.r = 'ended'
    isEnding = true
  end
end
local function part(bytes, list, producer, more)
  local flag, wanted, expected = string.match(more, '^(%d) (%x*) (.*)$')
  local ends = flag == '1'
  wanted, expected = wanted or '', expected or ''
  if producer == '' then
    if H.r then
      if not ends or #bytes > 0 or string.sub(H.r, 1, 5) ~= 'ended' then return '!CLOSED' end
      isUsed = true
      return num(at)..' 0 -1 0'
    end
    if isOutOfOrder(wanted) then return '!ORDER '..H.q end
    if isMoved(expected) then return '!EXPECTED '..num(at) end
    local refused = take(bytes, list, 0)
    if refused then return '!'..refused end
    done(ends, wanted)
    return num(at)..' 0 -1 0'
  end
  local epoch, number, from, isLast, id = string.match(producer, '^(%d+) (%d+) (%d+) (%d) (.*)$')
  epoch, number, from = tonumber(epoch), tonumber(number), tonumber(from)
  local record = load(id)
  if not record then
    if number ~= 0 then return '!GAP 0 '..num(number)..' '..num(forgotten) end
    record = {epoch, 0, 0, 0}
  elseif epoch < record[1] then return '!FENCED '..num(epoch)..' '..num(record[1])
  elseif epoch > record[1] then
    if number ~= 0 then return '!START '..num(epoch)..' '..num(number) end
    record = {epoch, 0, 0, record[4]}
  elseif number > record[2] then return '!GAP '..num(record[2])..' '..num(number)
  elseif number < record[2] then
    isUsed = true
    return num(record[4])..' 0 '..num(record[2] - 1)..' 1'
  end
  if H.r then return '!CLOSED' end
  if isOutOfOrder(wanted) then return '!ORDER '..H.q end
  if isMoved(expected) then return '!EXPECTED '..num(at) end
  local applied = record[3]
  if from > applied then return '!GAP 0 '..num(number)..' '..num(forgotten) end
  local to = from + #bytes
  if isLast == '1' and to < applied then return '!MISMATCH '..num(to)..' '..num(applied) end
  local skip = applied - from
  if skip > #bytes then skip = #bytes end
  local refused = take(bytes, list, skip)
  if refused then return '!'..refused end
  done(ends, wanted)
  local changed = {record[1], record[2], applied, record[4]}
  if to > applied then
    changed[3] = to
    changed[4] = at
  end
  if isLast == '1' then
    changed[2] = changed[2] + 1
    changed[3] = 0
    completed[#completed + 1] = num(epoch)..' '..num(number)..' '..num(to)..'\\n'..id
    if changed[4] == 0 then changed[4] = at end
  end
  if to > applied or isLast == '1' then
    known[id] = changed
    if not touched[id] then
      touched[id] = true
      order[#order + 1] = id
    end
  end
  return num(to > applied and at or changed[4])..' '..num(changed[3])..' '..num(changed[2] - 1)..' 0'
end
for i = 8, #ARGV, 4 do results[#results + 1] = part(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end
local text = num(#pieces > 0 and at or 0)..';'..table.concat(results, ';')
local records = {}
for i, id in ipairs(order) do
  local r = known[id]
  records[i] = {id, num(r[1]), num(r[2]), num(r[3]), num(r[4])}
end
local before, chunks = '', ''
if #pieces > 0 then
  local bytes = #pieces == 1 and pieces[1] or table.concat(pieces)
  before, chunks = commit(ARGV[2], bytes, table.concat(lengths, ','), count, records, text, older, place)
elseif #order > 0 then
  remember(ARGV[2], text, older)
  for _, id in ipairs(order) do
    local r = known[id]
    store(id, r[1], r[2], r[3], r[4])
  end
  expireAt()
  for _, each in ipairs(completed) do call('SPUBLISH', KEYS[2], 'p '..each) end
end
if #order > 0 then
  for z, most in pairs({[4] = max, [5] = math.max(max, ${BROKEN_OFF_MAX})}) do
    for _ = 1, call('ZCARD', KEYS[z]) - most do
      local oldest = call('ZRANGE', KEYS[z], 0, 0)[1]
      if oldest then forget(oldest, KEYS[z]) end
    end
  end
end
if forgotten > forgottenBefore then call('HSET', KEYS[1], 'o', num(forgotten)) end
if place and #pieces == 0 then call('HSET', KEYS[1], 'q', place) end
if isUsed and #pieces == 0 and H.t then
  H.u = num(now)
  call('HSET', KEYS[1], 'u', H.u)
  expireAt()
end
if isEnding then
  call('HSET', KEYS[1], 'r', H.r)
  publishEnd(num(at), #pieces > 0 and chunks or H.c, #pieces > 0 and ARGV[2] or H.k or '', H.r)
end
return {'OK', text, before, chunks}
`;

/**
 * Restores a lost batch unchanged. KEYS: all five. ARGV: generation, its tag, the end offset and the tag of its
 * predecessor, its bytes, the number of its chunks and their lengths, its producer state.
 */
const HEAL = `${PRELUDE}${REQUIRE}${COMMIT}
if H.r then return {'CLOSED', H.e, H.k or ''} end
if H.e ~= ARGV[3] then return {'MOVED', H.e, H.k or ''} end
if (H.k or '') ~= ARGV[4] then return {'FORK', H.k or ''} end
local count, lengths = countOf(ARGV[6])
local at = num(tonumber(H.e) + #ARGV[5])
local records, results, place = {}, plainResult(at), nil
if ARGV[7] ~= '' then
  local proof = cjson.decode(ARGV[7])
  records, results, place = proof.r, proof.a, proof.q
end
local number, lastResults = lastOf((nodeOf(ARGV[2])))
-- Its node may have two calls to repeat.
local older = number and '|'..num(number)..' '..lastResults or ''
commit(ARGV[2], ARGV[5], lengths, count, records, results, older, place)
return {'OK', H.e}
`;

/**
 * KEYS: all five. ARGV: generation, reason, '1' with a status or '0' without, status, end offset of the node's mirror
 * ('' without one), its tag there. `expired` is refused before the expiry time.
 */
const FINISH = `${PRELUDE}${HOLD}${ENTRIES}${EVEN_IF_FULL}if not H.g then return {'NOSTREAM', H.z or ''} end
if H.g ~= ARGV[1] then return {'RECREATED', H.g} end
if ARGV[2] == 'expired' and not isDue() then return {'NOTDUE', state()} end
local ending = ARGV[2]
if ARGV[3] == '1' then ending = ending..'\\n'..ARGV[4] end
if ARGV[2] == 'ended' then
  if isDue() then return {'EXPIRED', H.g} end
  if H.r then return {'OK', state()} end
  if ARGV[5] ~= '' then
    local e, seen = tonumber(H.e), tonumber(ARGV[5])
    if e < seen then
      holdFor(seen)
      return {'BEHIND', H.e, H.k or ''}
    end
    if isHeld() then return {'WAIT'} end
    if e == seen and ARGV[6] ~= '' and (H.k or '') ~= ARGV[6] then return {'FORK', H.k or ''} end
  end
  call('HSET', KEYS[1], 'r', ending)
  H.r = ending
  call('SPUBLISH', KEYS[2], 'x '..H.e..' '..H.c..' '..(H.k or '')..'\\n'..ending)
  return {'OK', state()}
end
H.r = ending
local reply = state()
makeLarge()
call('PEXPIRE', KEYS[2], ${REMOVED_BYTES_MS})
call('DEL', KEYS[1], KEYS[3], KEYS[4], KEYS[5])
call('HSET', KEYS[1], 'z', H.g..' '..H.e..' '..H.c..' '..num(start())..' '..ending)
call('PEXPIRE', KEYS[1], ${TOMBSTONE_MS})
call('SPUBLISH', KEYS[2], 'x '..H.e..' '..H.c..' '..(H.k or '')..'\\n'..ending)
return {'OK', reply}
`;

/**
 * KEYS: all five. ARGV: generation, '1' to set the modification time, '1' for a claim: the facts that it replaces,
 * retention, time to live, expiry time, facts. Of several claims the first counts.
 */
const UPDATE = `${PRELUDE}${REQUIRE}${EVEN_IF_FULL}local fields = {}
local function set(name, value)
  H[name] = value
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
if ARGV[2] == '1' then set('m', num(now)) end
if ARGV[3] == '1' and H.f == ARGV[4] then
  H.t, H.x = nil, nil
  call('HDEL', KEYS[1], 't', 'x')
  for i, name in ipairs({'R', 't', 'x', 'f'}) do
    local value = ARGV[4 + i]
    if value ~= '' or name == 'f' then set(name, value) end
  end
  for _, key in ipairs(KEYS) do call('PERSIST', key) end
end
local isChanged = #fields > 0
if H.t then set('u', num(now)) end
if #fields > 0 then call('HSET', KEYS[1], unpack(fields)) end
expireAt()
local changed = state()
if isChanged then call('SPUBLISH', KEYS[2], 's\\n'..changed) end
return {'OK', changed}
`;

/** Reads from an offset. KEYS: hash, stream. ARGV: generation, offset, page size in bytes. */
const READ = `${PRELUDE}${ENTRIES}
local from, gone
if H.g == ARGV[1] then
  if isDue() then return {'EXPIRED', H.g} end
  from = start()
else
  if H.g then return {'RECREATED', H.g} end
  if not H.z then return {'NOSTREAM', ''} end
  local g, e, c, s, ending = string.match(H.z, '^(%S+) (%d+) (%d+) (%d+) (.*)$')
  if g ~= ARGV[1] then return {'RECREATED', g} end
  gone = stateOf({g, s, e, c, '0', '0', e, '', '', '0', '', num(now)}, '', ending)
  from = tonumber(s)
end
local position = tonumber(ARGV[2])
if position < from then position = from end
local last, size, limit = num(position)..'-0', 0, tonumber(ARGV[3])
local entries = {}
eachSmall(function(at, meta, proof, bytes)
  if at > position then entries[#entries + 1] = {num(at)..'-0', fieldsOf(meta, proof, bytes)} end
end)
while not H.i and size < limit do
  local page = call('XRANGE', KEYS[2], '('..last, '+', 'COUNT', 16)
  for _, entry in ipairs(page) do
    entries[#entries + 1] = entry
    size = size + #entry[2][2] + 64
    last = entry[1]
  end
  if #page < 16 then break end
end
return {'OK', gone or state(), entries}
`;

/**
 * Replaces a generation of which nodes have other bytes than the engine. KEYS: hash, stream, stream of the new
 * generation. ARGV: generation, new generation.
 */
const REPLACE = `${PRELUDE}
if not H.g then return {'NOSTREAM', H.z or ''} end
if H.g ~= ARGV[1] then return {'RECREATED', H.g} end
call('HSET', KEYS[1], 'g', ARGV[2])
call('HDEL', KEYS[1], 'h')
if call('EXISTS', KEYS[2]) == 1 then call('RENAME', KEYS[2], KEYS[3]) end
call('SPUBLISH', KEYS[2], 'r '..ARGV[2]..'\\n')
return {'OK'}
`;

/**
 * Adds a stream to the index. Members are ordered bytewise: `\0a\0b\0\0GENERATION` for a stream at /a/b. So a directory
 * comes before its content, and that before all else. A conflicting member is returned with the time. KEYS: index.
 * ARGV: place, generation, maximum number of streams, places of the directories above.
 */
const INDEX_ADD = `${CLOCK}
local place, own = ARGV[1], ARGV[1]..'\\0\\0'..ARGV[2]
for i = 4, #ARGV do
  local file = redis.call('ZRANGEBYLEX', KEYS[1], '['..ARGV[i]..'\\0\\0', '('..ARGV[i]..'\\0\\1', 'LIMIT', 0, 1)[1]
  if file then return {'FILE', file, num(now)} end
end
local below = redis.call('ZRANGEBYLEX', KEYS[1], '['..place..'\\0\\1', '('..place..'\\1', 'LIMIT', 0, 1)[1]
if below then return {'DIRECTORY', below, num(now)} end
if ARGV[3] ~= '' and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  local same = redis.call('ZRANGEBYLEX', KEYS[1], '['..place..'\\0\\0', '('..place..'\\0\\1', 'LIMIT', 0, 1)[1]
  if not same then return {'LIMIT'} end
end
redis.call('ZADD', KEYS[1], 0, own)
return {'OK'}
`;

/** Checks whether a write and a publication would be accepted. KEYS: index. */
const PROBE = `
redis.call('ZREM', KEYS[1], '')
redis.call('SPUBLISH', KEYS[1], '')
return 'OK'
`;

/** Members of the index fetched at a time. */
const INDEX_BLOCK = 64;

/**
 * A page of a directory, and the time. KEYS: index. ARGV: place of the directory followed by a zero byte; '' or the
 * name after which the page begins; limit.
 */
const INDEX_LIST = `${CLOCK}
local place, limit = ARGV[1], tonumber(ARGV[3])
local from = '['..place
if ARGV[2] ~= '' then from = from..ARGV[2]..'\\1' end
local to = '('..string.sub(place, 1, -2)..'\\1'
local children = {}
local count, name = 0, nil
local block, at = {}, 1
while true do
  if at > #block then
    block = redis.call('ZRANGEBYLEX', KEYS[1], from, to, 'LIMIT', 0, math.min(${INDEX_BLOCK}, limit - count + 1))
    at = 1
  end
  local member = block[at]
  if not member then break end
  at = at + 1
  local rest = string.sub(member, #place + 1)
  local zero = string.find(rest, '\\0', 1, true)
  if zero == 1 then from = '('..member
  else
    local next = string.sub(rest, 1, zero - 1)
    if next ~= name then
      if count == limit then return {children, '1', num(now)} end
      count = count + 1
      name = next
    end
    children[#children + 1] = member
    if string.sub(rest, zero + 1, zero + 1) == '\\0' then from = '('..member
    else
      from = '['..place..name..'\\1'
      local inside = place..name..'\\0'
      while block[at] and string.sub(block[at], 1, #inside) == inside do at = at + 1 end
    end
  end
end
return {children, '0', num(now)}
`;

export interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

export const SCRIPTS = {
  state: script(STATE),
  states: script(STATES),
  create: script(CREATE),
  restore: script(RESTORE),
  append: script(APPEND),
  heal: script(HEAL),
  finish: script(FINISH),
  update: script(UPDATE),
  read: script(READ),
  replace: script(REPLACE),
  probe: script(PROBE),
  indexAdd: script(INDEX_ADD),
  indexList: script(INDEX_LIST),
} as const;
