# Esker from Ruby's Fiddle: the steps of tests/dlopen/steps.txt.   ruby check.rb LIBRARY DIRECTORY
require "fiddle/import"

LIBRARY, DIRECTORY = ARGV
PATH = "#{DIRECTORY}/db"
OK, NOT_FOUND, INVALID_ARGUMENT, CLOSED, TOO_SMALL = 0, 1, 2, 5, 15

# Handles are void * here; strings go as they are, NUL included, beside their length in bytes.
module Esker
  extend Fiddle::Importer
  dlload LIBRARY
  [
    "const char *esker_version()",
    "unsigned int esker_version_number()",
    "unsigned int esker_abi_version()",
    "const char *esker_status_name(int)",
    "int esker_error_code(void *)",
    "const char *esker_error_message(void *)",
    "const char *esker_error_file(void *)",
    "void esker_error_free(void *)",
    "void *esker_options_new()",
    "int esker_options_set(void *, const char *, const char *, void *)",
    "void esker_options_free(void *)",
    "int esker_open(const char *, void *, void *, void *)",
    "int esker_close(void *, void *)",
    "int esker_put(void *, void *, void *, size_t, void *, size_t, void *, void *)",
    "int esker_get(void *, void *, void *, size_t, void *, void *, void *)",
    "int esker_delete(void *, void *, void *, size_t, void *, void *)",
    "void *esker_value_data(void *, void *)",
    "void esker_value_free(void *)",
    "void *esker_batch_new()",
    "int esker_batch_put(void *, void *, void *, size_t, void *, size_t, void *)",
    "int esker_batch_delete(void *, void *, void *, size_t, void *)",
    "size_t esker_batch_count(void *)",
    "void esker_batch_free(void *)",
    "int esker_write(void *, void *, void *, void *)",
    "int esker_snapshot_new(void *, void *, void *)",
    "void esker_snapshot_free(void *)",
    "void *esker_read_options_new()",
    "int esker_read_options_set_snapshot(void *, void *)",
    "int esker_read_options_set_prefix(void *, void *, size_t)",
    "void esker_read_options_free(void *)",
    "int esker_iter_new(void *, void *, void *, void *, void *)",
    "int esker_iter_seek_to_first(void *)",
    "int esker_iter_next(void *)",
    "unsigned char esker_iter_valid(void *)",
    "void *esker_iter_key(void *, void *)",
    "void *esker_iter_value(void *, void *)",
    "int esker_iter_status(void *, void *)",
    "int esker_iter_next_many(void *, void *, size_t, size_t, void *, void *, void *)",
    "void esker_iter_free(void *)",
    "int esker_cf_create(void *, const char *, void *, void *, void *)",
    "int esker_cf_open(void *, const char *, void *, void *)",
    "const char *esker_cf_name(void *)",
    "void esker_cf_free(void *)",
    "int esker_cf_list(void *, void *, void *)",
    "size_t esker_names_count(void *)",
    "const char *esker_names_at(void *, size_t)",
    "void esker_names_free(void *)",
  ].each { |prototype| extern prototype }
end

def check(holds)
  raise "does not hold" unless holds
end

# Memory for one pointer or one size_t, NULL or 0 at first.
def cell
  Fiddle::Pointer.malloc(Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE).tap { |cell| cell[0, Fiddle::SIZEOF_VOIDP] = [0].pack("J") }
end

def number(cell)
  cell[0, Fiddle::SIZEOF_SIZE_T].unpack1("J")
end

def must(status, failure = nil)
  return if status == OK
  raise failure && !failure.null? ? Esker.esker_error_message(failure).to_s : Esker.esker_status_name(status).to_s
end

# Calls a function that makes something, and returns what it made.
def made(name, *inputs)
  out, failure = cell, cell
  must(Esker.public_send(name, *inputs, out, failure), failure.ptr)
  out.ptr
end

# The bytes that a function lends, copied.
def lent(name, handle)
  length = cell
  data = Esker.public_send(name, handle, length)
  data[0, number(length)].b
end

def put(db, key, value, family = nil)
  must(Esker.esker_put(db, family, key, key.bytesize, value, value.bytesize, nil, nil))
end

def get(db, key, family = nil, options = nil)
  value, failure = cell, cell
  status = Esker.esker_get(db, family, key, key.bytesize, options, value, failure)
  if status == NOT_FOUND
    check(value.ptr.null? && failure.ptr.null?) # an absent key is no error
    return nil
  end
  must(status, failure.ptr)
  found = lent(:esker_value_data, value.ptr)
  Esker.esker_value_free(value.ptr)
  found
end

def add(batch, key, value)
  must(Esker.esker_batch_put(batch, nil, key, key.bytesize, value, value.bytesize, nil))
end

check(Esker.esker_abi_version == 0)
major, minor, patch = Esker.esker_version.to_s.split(".").map(&:to_i)
check(Esker.esker_version_number == 1_000_000 * major + 1000 * minor + patch)
puts "version"

options, failure = Esker.esker_options_new, cell
check(Esker.esker_options_set(options, "memory_budjet", "16MiB", failure) == INVALID_ARGUMENT)
check(Esker.esker_error_message(failure.ptr).to_s.include?("memory_budget"))
Esker.esker_error_free(failure.ptr)
must(Esker.esker_options_set(options, "memory_budget", "16MiB", nil))
db = made(:esker_open, PATH, options)
Esker.esker_options_free(options)
puts "options"

put(db, "a\0b", "\0x\0\xff".b)
put(db, "empty", "")
check(get(db, "a\0b") == "\0x\0\xff".b)
check(get(db, "a").nil?)
check(get(db, "empty") == "")
must(Esker.esker_delete(db, nil, "empty", 5, nil, nil))
check(get(db, "empty").nil?)
puts "bytes"

file = "#{DIRECTORY}/a file"
File.write(file, "not a directory")
none, failure = cell, cell
status = Esker.esker_open(file, nil, none, failure)
check(status == INVALID_ARGUMENT && none.ptr.null?)
check(Esker.esker_error_code(failure.ptr) == status && Esker.esker_status_name(status).to_s == "INVALID_ARGUMENT")
check(Esker.esker_error_message(failure.ptr).to_s.include?("a file"))
check(Esker.esker_error_file(failure.ptr).to_s.include?("a file"))
Esker.esker_error_free(failure.ptr)
puts "error"

put(db, "batch/old", "1")
batch = Esker.esker_batch_new
add(batch, "batch/a", "A\0")
add(batch, "batch/b", "B")
must(Esker.esker_batch_delete(batch, nil, "batch/old", 9, nil))
check(Esker.esker_batch_count(batch) == 3)
2.times { must(Esker.esker_write(db, batch, nil, nil)) } # a batch can be written again
Esker.esker_batch_free(batch)
check(get(db, "batch/a") == "A\0" && get(db, "batch/b") == "B" && get(db, "batch/old").nil?)
puts "batch"

# Every character from U+0020 to U+07FF: the key is its code point, the value its UTF-8 and its number.
TABLE = (0x20..0x7FF).map { |c| [format("U+%04X", c).b, "#{[c].pack("U")}\t#{c}".b] }
batch = Esker.esker_batch_new
TABLE.each { |key, value| add(batch, key, value) }
must(Esker.esker_write(db, batch, nil, nil))
Esker.esker_batch_free(batch)
TABLE.each { |key, value| check(get(db, key) == value) }
puts "unicode"

options = Esker.esker_read_options_new
must(Esker.esker_read_options_set_prefix(options, "U+", 2))
iter = made(:esker_iter_new, db, nil, options)
Esker.esker_read_options_free(options)
must(Esker.esker_iter_seek_to_first(iter))
buffer, size, count = Fiddle::Pointer.malloc(1000, Fiddle::RUBY_FREE), cell, cell
check(Esker.esker_iter_next_many(iter, buffer, 4, 100, size, count, nil) == TOO_SMALL)
check(number(size) == 8 + 6 + 4 && number(count) == 0)
found, calls = [], 0
loop do
  must(Esker.esker_iter_next_many(iter, buffer, 1000, 100, size, count, nil))
  break if number(count) == 0
  calls += 1
  packed, at = buffer[0, number(size)], 0
  number(count).times do
    key, value = packed.unpack("L<L<", offset: at)
    found << [packed.byteslice(at + 8, key), packed.byteslice(at + 8 + key, value)]
    at += 8 + key + value
  end
  check(at == packed.bytesize)
end
check(found == TABLE && calls > 20)
Esker.esker_iter_free(iter)
puts "chunks"

put(db, "snap/1", "before")
snapshot = made(:esker_snapshot_new, db)
put(db, "snap/1", "after")
put(db, "snap/2", "after")
options = Esker.esker_read_options_new
must(Esker.esker_read_options_set_snapshot(options, snapshot))
must(Esker.esker_read_options_set_prefix(options, "snap/", 5))
check(get(db, "snap/1", nil, options) == "before" && get(db, "snap/1") == "after")
iter = made(:esker_iter_new, db, nil, options)
must(Esker.esker_iter_seek_to_first(iter))
check(lent(:esker_iter_key, iter) == "snap/1" && lent(:esker_iter_value, iter) == "before")
must(Esker.esker_iter_next(iter))
check(Esker.esker_iter_valid(iter) == 0)
Esker.esker_iter_free(iter)
Esker.esker_read_options_free(options)
Esker.esker_snapshot_free(snapshot)
puts "snapshot"

notes = made(:esker_cf_create, db, "notes", nil)
put(db, "note", "in notes", notes)
check(get(db, "note", notes) == "in notes" && get(db, "note").nil? && get(db, "a\0b", notes).nil?)
names = made(:esker_cf_list, db)
check((0...Esker.esker_names_count(names)).map { |at| Esker.esker_names_at(names, at).to_s } == %w[default notes])
Esker.esker_names_free(names)
again = made(:esker_cf_open, db, "notes")
check(Esker.esker_cf_name(again).to_s == "notes" && get(db, "note", again) == "in notes")
Esker.esker_cf_free(again)
Esker.esker_cf_free(notes)
puts "family"

snapshot = made(:esker_snapshot_new, db)
iter = made(:esker_iter_new, db, nil, nil)
must(Esker.esker_iter_seek_to_first(iter))
value = made(:esker_get, db, nil, "a\0b", 3, nil)
notes = made(:esker_cf_open, db, "notes")
must(Esker.esker_close(db, nil))
failure, nothing = cell, cell
check(Esker.esker_put(db, notes, "k", 1, "v", 1, nil, failure) == CLOSED)
check(Esker.esker_error_code(failure.ptr) == CLOSED && !Esker.esker_error_message(failure.ptr).to_s.empty?)
Esker.esker_error_free(failure.ptr)
check(Esker.esker_get(db, nil, "k", 1, nil, nothing, nil) == CLOSED && nothing.ptr.null?)
check(Esker.esker_iter_next(iter) == CLOSED && Esker.esker_iter_status(iter, nil) == CLOSED)
check(Esker.esker_snapshot_new(db, nothing, nil) == CLOSED)
check(Esker.esker_close(db, nil) == CLOSED)
check(lent(:esker_value_data, value) == "\0x\0\xff".b)
puts "closing"

again = made(:esker_open, PATH, nil)
check(get(again, "a\0b") == "\0x\0\xff".b && get(again, TABLE.last[0]) == TABLE.last[1])
family = made(:esker_cf_open, again, "notes")
check(get(again, "note", family) == "in notes")
Esker.esker_cf_free(family)
Esker.esker_value_free(value)
Esker.esker_cf_free(notes)
Esker.esker_iter_free(iter)
Esker.esker_snapshot_free(snapshot)
must(Esker.esker_close(again, nil))
puts "reopen"
