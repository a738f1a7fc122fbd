-- Esker from LuaJIT: the shared library by ffi, the declarations from esker.cdef.   luajit hello.lua DIRECTORY [ESKER.CDEF]
local ffi = require("ffi")
ffi.cdef(assert(io.open(arg[2] or "/usr/local/include/esker.cdef")):read("*a"))
local esker = ffi.load("libesker.so.0")
local C = ffi.C -- the constants

-- Where an error goes; turns a failure into a Lua error with Esker's own message.
local failure = ffi.new("esker_error *[1]")
local function must(status)
  if status == C.ESKER_OK then return end
  local message = ffi.string(esker.esker_error_message(failure[0]))
  esker.esker_error_free(failure[0])
  error(message)
end

-- Copies bytes that are borrowed: they are gone with the next move, or the value's end.
local length = ffi.new("size_t[1]")
local function lent(data) return ffi.string(data, length[0]) end

local out = ffi.new("esker_db *[1]")
must(esker.esker_open(arg[1], nil, out, failure))
local db = out[0]

for key, value in pairs({ greeting = "hello", ["user/1"] = "Ada", ["user/2"] = "Grace" }) do
  must(esker.esker_put(db, nil, key, #key, value, #value, nil, failure))
end

local value = ffi.new("esker_value *[1]")
local status = esker.esker_get(db, nil, "greeting", 8, nil, value, failure)
if status ~= C.ESKER_NOT_FOUND then -- which is no error
  must(status)
  assert(lent(esker.esker_value_data(value[0], length)) == "hello")
  esker.esker_value_free(value[0])
end

local iter = ffi.new("esker_iter *[1]")
must(esker.esker_iter_new(db, nil, nil, iter, failure))
iter = ffi.gc(iter[0], esker.esker_iter_free) -- the collector may free it after the database is closed: that is fine
esker.esker_iter_seek_to_first(iter)
while esker.esker_iter_valid(iter) ~= 0 do
  print(lent(esker.esker_iter_key(iter, length)) .. " = " .. lent(esker.esker_iter_value(iter, length)))
  esker.esker_iter_next(iter)
end
must(esker.esker_iter_status(iter, failure)) -- the loop also ends on an error
must(esker.esker_close(db, failure))
