-- Esker from LuaJIT's ffi: the steps of tests/dlopen/steps.txt.   luajit check.lua LIBRARY DIRECTORY ESKER.CDEF
local ffi = require("ffi")
ffi.cdef(assert(io.open(arg[3])):read("*a"))
local esker, directory = ffi.load(arg[1]), arg[2]
local path = directory .. "/db"
local NULL = nil

local function must(status, failure)
  if status == ffi.C.ESKER_OK then return end
  error(failure ~= nil and ffi.string(esker.esker_error_message(failure)) or ffi.string(esker.esker_status_name(status)), 2)
end

-- Calls a function that makes something of this type, as in new("esker_iter", esker.esker_iter_new, db, nil, nil).
local function new(type, call, ...)
  local made, failure = ffi.new(type .. " *[1]"), ffi.new("esker_error *[1]")
  local arguments, n = { ... }, select("#", ...)
  arguments[n + 1], arguments[n + 2] = made, failure
  must(call(unpack(arguments, 1, n + 2)), failure[0])
  return made[0]
end

local function bytes_of(call, handle)
  local length = ffi.new("size_t[1]")
  local data = call(handle, length)
  return ffi.string(data, length[0])
end

local function put(db, key, value, family)
  must(esker.esker_put(db, family, key, #key, value, #value, NULL, NULL))
end

local function get(db, key, family, options)
  local value, failure = ffi.new("esker_value *[1]"), ffi.new("esker_error *[1]")
  local status = esker.esker_get(db, family, key, #key, options, value, failure)
  if status == ffi.C.ESKER_NOT_FOUND then
    assert(value[0] == NULL and failure[0] == NULL) -- an absent key is no error
    return nil
  end
  must(status, failure[0])
  local found = bytes_of(esker.esker_value_data, value[0])
  esker.esker_value_free(value[0])
  return found
end

local db, children
local steps = {}

steps[#steps + 1] = { "version", function()
  assert(esker.esker_abi_version() == ffi.C.ESKER_ABI_VERSION)
  local major, minor, patch = ffi.string(esker.esker_version()):match("^(%d+)%.(%d+)%.(%d+)$")
  assert(esker.esker_version_number() == 1000000 * major + 1000 * minor + patch)
  assert(esker.esker_version_number() == ffi.C.ESKER_VERSION_NUMBER)
end }

steps[#steps + 1] = { "options", function()
  local options, failure = esker.esker_options_new(), ffi.new("esker_error *[1]")
  assert(esker.esker_options_set(options, "memory_budjet", "16MiB", failure) == ffi.C.ESKER_INVALID_ARGUMENT)
  assert(ffi.string(esker.esker_error_message(failure[0])):find("memory_budget", 1, true))
  esker.esker_error_free(failure[0])
  must(esker.esker_options_set(options, "memory_budget", "16MiB", NULL))
  db = new("esker_db", esker.esker_open, path, options)
  esker.esker_options_free(options)
end }

steps[#steps + 1] = { "bytes", function()
  put(db, "a\0b", "\0x\0\255")
  put(db, "empty", "")
  assert(get(db, "a\0b") == "\0x\0\255")
  assert(get(db, "a") == nil)
  assert(get(db, "empty") == "")
  must(esker.esker_delete(db, NULL, "empty", 5, NULL, NULL))
  assert(get(db, "empty") == nil)
end }

steps[#steps + 1] = { "error", function()
  local file = directory .. "/a file"
  assert(io.open(file, "w")):close()
  local none, failure = ffi.new("esker_db *[1]"), ffi.new("esker_error *[1]")
  local status = esker.esker_open(file, NULL, none, failure)
  assert(status == ffi.C.ESKER_INVALID_ARGUMENT and none[0] == NULL)
  assert(esker.esker_error_code(failure[0]) == status)
  assert(ffi.string(esker.esker_status_name(status)) == "INVALID_ARGUMENT")
  assert(ffi.string(esker.esker_error_message(failure[0])):find("a file", 1, true))
  assert(ffi.string(esker.esker_error_file(failure[0])):find("a file", 1, true))
  esker.esker_error_free(failure[0])
end }

steps[#steps + 1] = { "batch", function()
  put(db, "batch/old", "1")
  local batch = esker.esker_batch_new()
  must(esker.esker_batch_put(batch, NULL, "batch/a", 7, "A\0", 2, NULL))
  must(esker.esker_batch_put(batch, NULL, "batch/b", 7, "B", 1, NULL))
  must(esker.esker_batch_delete(batch, NULL, "batch/old", 9, NULL))
  assert(esker.esker_batch_count(batch) == 3)
  for _ = 1, 2 do must(esker.esker_write(db, batch, NULL, NULL)) end -- a batch can be written again
  esker.esker_batch_free(batch)
  assert(get(db, "batch/a") == "A\0" and get(db, "batch/b") == "B" and get(db, "batch/old") == nil)
end }

-- Every character from U+0020 to U+07FF: the key is its code point, the value its UTF-8 and its number.
local TABLE = {}
for c = 0x20, 0x7FF do
  local utf8 = c < 0x80 and string.char(c) or string.char(0xC0 + math.floor(c / 64), 0x80 + c % 64)
  TABLE[#TABLE + 1] = { ("U+%04X"):format(c), utf8 .. "\t" .. c }
end

steps[#steps + 1] = { "unicode", function()
  local batch = esker.esker_batch_new()
  for _, entry in ipairs(TABLE) do
    must(esker.esker_batch_put(batch, NULL, entry[1], #entry[1], entry[2], #entry[2], NULL))
  end
  must(esker.esker_write(db, batch, NULL, NULL))
  esker.esker_batch_free(batch)
  for _, entry in ipairs(TABLE) do assert(get(db, entry[1]) == entry[2]) end
end }

local function u32(p) return p[0] + p[1] * 256 + p[2] * 65536 + p[3] * 16777216 end

steps[#steps + 1] = { "chunks", function()
  local options = esker.esker_read_options_new()
  must(esker.esker_read_options_set_prefix(options, "U+", 2))
  local iter = new("esker_iter", esker.esker_iter_new, db, NULL, options)
  esker.esker_read_options_free(options)
  must(esker.esker_iter_seek_to_first(iter))
  local buf, bytes, entries = ffi.new("uint8_t[1000]"), ffi.new("size_t[1]"), ffi.new("size_t[1]")
  assert(esker.esker_iter_next_many(iter, buf, 4, 100, bytes, entries, NULL) == ffi.C.ESKER_BUFFER_TOO_SMALL)
  assert(bytes[0] == 8 + 6 + 4 and entries[0] == 0)
  local found, calls = 0, 0
  while true do
    must(esker.esker_iter_next_many(iter, buf, 1000, 100, bytes, entries, NULL))
    if entries[0] == 0 then break end
    calls = calls + 1
    local at = buf + 0
    for _ = 1, tonumber(entries[0]) do
      local key_len, value_len = u32(at), u32(at + 4)
      found = found + 1
      assert(ffi.string(at + 8, key_len) == TABLE[found][1])
      assert(ffi.string(at + 8 + key_len, value_len) == TABLE[found][2])
      at = at + 8 + key_len + value_len
    end
    assert(at == buf + bytes[0])
  end
  assert(found == #TABLE and calls > 20)
  esker.esker_iter_free(iter)
end }

steps[#steps + 1] = { "snapshot", function()
  put(db, "snap/1", "before")
  local snapshot = new("esker_snapshot", esker.esker_snapshot_new, db)
  put(db, "snap/1", "after")
  put(db, "snap/2", "after")
  local options = esker.esker_read_options_new()
  must(esker.esker_read_options_set_snapshot(options, snapshot))
  must(esker.esker_read_options_set_prefix(options, "snap/", 5))
  assert(get(db, "snap/1", NULL, options) == "before" and get(db, "snap/1") == "after")
  local iter = new("esker_iter", esker.esker_iter_new, db, NULL, options)
  must(esker.esker_iter_seek_to_first(iter))
  assert(bytes_of(esker.esker_iter_key, iter) == "snap/1" and bytes_of(esker.esker_iter_value, iter) == "before")
  must(esker.esker_iter_next(iter))
  assert(esker.esker_iter_valid(iter) == 0)
  esker.esker_iter_free(iter)
  esker.esker_read_options_free(options)
  esker.esker_snapshot_free(snapshot)
end }

steps[#steps + 1] = { "family", function()
  local notes = new("esker_cf", esker.esker_cf_create, db, "notes", NULL)
  put(db, "note", "in notes", notes)
  assert(get(db, "note", notes) == "in notes" and get(db, "note") == nil and get(db, "a\0b", notes) == nil)
  local names = new("esker_names", esker.esker_cf_list, db)
  assert(esker.esker_names_count(names) == 2)
  assert(ffi.string(esker.esker_names_at(names, 0)) == "default" and ffi.string(esker.esker_names_at(names, 1)) == "notes")
  esker.esker_names_free(names)
  local again = new("esker_cf", esker.esker_cf_open, db, "notes")
  assert(ffi.string(esker.esker_cf_name(again)) == "notes" and get(db, "note", again) == "in notes")
  esker.esker_cf_free(again)
  esker.esker_cf_free(notes)
end }

steps[#steps + 1] = { "closing", function()
  local snapshot = new("esker_snapshot", esker.esker_snapshot_new, db)
  local iter = new("esker_iter", esker.esker_iter_new, db, NULL, NULL)
  must(esker.esker_iter_seek_to_first(iter))
  local value = new("esker_value", esker.esker_get, db, NULL, "a\0b", 3, NULL)
  local notes = new("esker_cf", esker.esker_cf_open, db, "notes")
  must(esker.esker_close(db, NULL))
  local CLOSED = ffi.C.ESKER_CLOSED
  local failure, none, nothing = ffi.new("esker_error *[1]"), ffi.new("esker_value *[1]"), ffi.new("esker_snapshot *[1]")
  assert(esker.esker_put(db, notes, "k", 1, "v", 1, NULL, failure) == CLOSED)
  assert(esker.esker_error_code(failure[0]) == CLOSED and #ffi.string(esker.esker_error_message(failure[0])) > 0)
  esker.esker_error_free(failure[0])
  assert(esker.esker_get(db, NULL, "k", 1, NULL, none, NULL) == CLOSED and none[0] == NULL)
  assert(esker.esker_iter_next(iter) == CLOSED and esker.esker_iter_status(iter, NULL) == CLOSED)
  assert(esker.esker_snapshot_new(db, nothing, NULL) == CLOSED)
  assert(esker.esker_close(db, NULL) == CLOSED)
  assert(bytes_of(esker.esker_value_data, value) == "\0x\0\255")
  children = { snapshot = snapshot, iter = iter, value = value, notes = notes }
end }

steps[#steps + 1] = { "reopen", function()
  local again = new("esker_db", esker.esker_open, path, NULL)
  local last = TABLE[#TABLE]
  assert(get(again, "a\0b") == "\0x\0\255" and get(again, last[1]) == last[2])
  local notes = new("esker_cf", esker.esker_cf_open, again, "notes")
  assert(get(again, "note", notes) == "in notes")
  esker.esker_cf_free(notes)
  esker.esker_value_free(children.value)
  esker.esker_cf_free(children.notes)
  esker.esker_iter_free(children.iter)
  esker.esker_snapshot_free(children.snapshot)
  must(esker.esker_close(again, NULL))
end }

for _, step in ipairs(steps) do
  step[2]()
  print(step[1])
end
