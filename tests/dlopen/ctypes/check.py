"""Esker from Python's ctypes: the steps of tests/dlopen/steps.txt.   python check.py LIBRARY DIRECTORY"""

import ctypes
import struct
import sys
from ctypes import POINTER, byref, c_char_p, c_int32, c_size_t, c_ubyte, c_uint32, c_void_p

OK, NOT_FOUND, INVALID_ARGUMENT, CLOSED, TOO_SMALL = 0, 1, 2, 5, 15
esker = ctypes.CDLL(sys.argv[1])
directory = sys.argv[2].encode()
path = directory + b"/db"


def declare(result, names, *arguments):
    for name in names.split():
        function = getattr(esker, "esker_" + name)
        function.restype, function.argtypes = result, arguments


P, PP, B, N, NP = c_void_p, POINTER(c_void_p), c_char_p, c_size_t, POINTER(c_size_t)
declare(B, "version")
declare(c_uint32, "version_number abi_version")
declare(B, "status_name", c_int32)
declare(c_int32, "error_code", P)
declare(B, "error_message error_file cf_name", P)
declare(
    None,
    "error_free value_free batch_free snapshot_free iter_free cf_free names_free options_free read_options_free",
    P,
)
declare(P, "options_new batch_new read_options_new")
declare(c_int32, "options_set", P, B, B, PP)
declare(c_int32, "open", B, P, PP, PP)
declare(c_int32, "close", P, PP)
declare(c_int32, "put", P, P, B, N, B, N, P, PP)
declare(c_int32, "get", P, P, B, N, P, PP, PP)
declare(c_int32, "delete", P, P, B, N, P, PP)
declare(P, "value_data", P, NP)
declare(c_int32, "batch_put", P, P, B, N, B, N, PP)
declare(c_int32, "batch_delete", P, P, B, N, PP)
declare(N, "batch_count names_count", P)
declare(c_int32, "write", P, P, P, PP)
declare(c_int32, "snapshot_new", P, PP, PP)
declare(c_int32, "read_options_set_snapshot", P, P)
declare(c_int32, "read_options_set_prefix", P, B, N)
declare(c_int32, "iter_new", P, P, P, PP, PP)
declare(c_int32, "iter_seek_to_first iter_next", P)
declare(c_ubyte, "iter_valid", P)
declare(P, "iter_key iter_value", P, NP)
declare(c_int32, "iter_status", P, PP)
declare(c_int32, "iter_next_many", P, B, N, N, NP, NP, PP)
declare(c_int32, "cf_create", P, B, P, PP, PP)
declare(c_int32, "cf_open", P, B, PP, PP)
declare(c_int32, "cf_list", P, PP, PP)
declare(B, "names_at", P, N)


def done(step):
    print(step, flush=True)


def must(status, error=None):
    assert status == OK, esker.esker_error_message(error) if error else esker.esker_status_name(status)


def new(function, *arguments):
    """Calls a function that makes something, and returns what it made."""
    made, error = P(), P()
    must(function(*arguments, byref(made), byref(error)), error)
    return made


def bytes_of(function, handle):
    """The bytes that a function lends, copied."""
    length = N()
    data = function(handle, byref(length))
    return ctypes.string_at(data, length.value)


def put(db, key, value, family=None):
    error = P()
    must(esker.esker_put(db, family, key, len(key), value, len(value), None, byref(error)), error)


def get(db, key, family=None, options=None):
    value, error = P(), P()
    status = esker.esker_get(db, family, key, len(key), options, byref(value), byref(error))
    if status == NOT_FOUND:
        assert not value and not error  # an absent key is no error
        return None
    must(status, error)
    found = bytes_of(esker.esker_value_data, value)
    esker.esker_value_free(value)
    return found


def version():
    assert esker.esker_abi_version() == 0
    major, minor, patch = map(int, esker.esker_version().split(b"."))
    assert esker.esker_version_number() == 1000000 * major + 1000 * minor + patch


def options():
    made, error = esker.esker_options_new(), P()
    assert esker.esker_options_set(made, b"memory_budjet", b"16MiB", byref(error)) == INVALID_ARGUMENT
    assert b"memory_budget" in esker.esker_error_message(error)
    esker.esker_error_free(error)
    must(esker.esker_options_set(made, b"memory_budget", b"16MiB", None))
    db = new(esker.esker_open, path, made)
    esker.esker_options_free(made)
    return db


def bytes_(db):
    put(db, b"a\0b", b"\0x\0\xff")
    put(db, b"empty", b"")
    assert get(db, b"a\0b") == b"\0x\0\xff"
    assert get(db, b"a") is None
    assert get(db, b"empty") == b""
    must(esker.esker_delete(db, None, b"empty", 5, None, None))
    assert get(db, b"empty") is None


def error():
    file = directory + b"/a file"
    with open(file, "w") as out:
        out.write("not a directory")
    db, failure = P(1), P(1)
    status = esker.esker_open(file, None, byref(db), byref(failure))
    assert status == INVALID_ARGUMENT and not db
    assert esker.esker_error_code(failure) == status and esker.esker_status_name(status) == b"INVALID_ARGUMENT"
    assert b"a file" in esker.esker_error_message(failure) and b"a file" in esker.esker_error_file(failure)
    esker.esker_error_free(failure)


def batch(db):
    put(db, b"batch/old", b"1")
    made = esker.esker_batch_new()
    must(esker.esker_batch_put(made, None, b"batch/a", 7, b"A\0", 2, None))
    must(esker.esker_batch_put(made, None, b"batch/b", 7, b"B", 1, None))
    must(esker.esker_batch_delete(made, None, b"batch/old", 9, None))
    assert esker.esker_batch_count(made) == 3
    for _ in range(2):  # a batch can be written again
        must(esker.esker_write(db, made, None, None))
    esker.esker_batch_free(made)
    assert get(db, b"batch/a") == b"A\0" and get(db, b"batch/b") == b"B" and get(db, b"batch/old") is None


# Every character from U+0020 to U+07FF: the key is its code point, the value its UTF-8 and its number.
TABLE = [(b"U+%04X" % c, chr(c).encode() + b"\t%d" % c) for c in range(0x20, 0x800)]


def unicode(db):
    made = esker.esker_batch_new()
    for key, value in TABLE:
        must(esker.esker_batch_put(made, None, key, len(key), value, len(value), None))
    must(esker.esker_write(db, made, None, None))
    esker.esker_batch_free(made)
    for key, value in TABLE:
        assert get(db, key) == value


def table_options():
    made = esker.esker_read_options_new()
    must(esker.esker_read_options_set_prefix(made, b"U+", 2))
    return made


def chunks(db):
    choice = table_options()
    iterator = new(esker.esker_iter_new, db, None, choice)
    esker.esker_read_options_free(choice)
    must(esker.esker_iter_seek_to_first(iterator))
    size, count = N(), N()
    buffer = ctypes.create_string_buffer(1000)
    status = esker.esker_iter_next_many(iterator, buffer, 4, 100, byref(size), byref(count), None)
    assert status == TOO_SMALL and size.value == 8 + 6 + 4 and count.value == 0
    found, calls = [], 0
    while True:
        must(esker.esker_iter_next_many(iterator, buffer, 1000, 100, byref(size), byref(count), None))
        if count.value == 0:
            break
        packed, at, calls = buffer.raw[: size.value], 0, calls + 1
        for _ in range(count.value):
            key, value = struct.unpack_from("<II", packed, at)
            found.append((packed[at + 8 : at + 8 + key], packed[at + 8 + key : at + 8 + key + value]))
            at += 8 + key + value
        assert at == size.value
    assert found == TABLE and calls > 20
    esker.esker_iter_free(iterator)


def snapshot(db):
    put(db, b"snap/1", b"before")
    taken = new(esker.esker_snapshot_new, db)
    put(db, b"snap/1", b"after")
    put(db, b"snap/2", b"after")
    view = esker.esker_read_options_new()
    must(esker.esker_read_options_set_snapshot(view, taken))
    must(esker.esker_read_options_set_prefix(view, b"snap/", 5))
    assert get(db, b"snap/1", options=view) == b"before" and get(db, b"snap/1") == b"after"
    iterator = new(esker.esker_iter_new, db, None, view)
    must(esker.esker_iter_seek_to_first(iterator))
    assert bytes_of(esker.esker_iter_key, iterator) == b"snap/1"
    assert bytes_of(esker.esker_iter_value, iterator) == b"before"
    must(esker.esker_iter_next(iterator))
    assert not esker.esker_iter_valid(iterator)
    esker.esker_iter_free(iterator)
    esker.esker_read_options_free(view)
    esker.esker_snapshot_free(taken)


def family(db):
    notes = new(esker.esker_cf_create, db, b"notes", None)
    put(db, b"note", b"in notes", notes)
    assert get(db, b"note", notes) == b"in notes" and get(db, b"note") is None and get(db, b"a\0b", notes) is None
    names = new(esker.esker_cf_list, db)
    assert [esker.esker_names_at(names, at) for at in range(esker.esker_names_count(names))] == [b"default", b"notes"]
    esker.esker_names_free(names)
    again = new(esker.esker_cf_open, db, b"notes")
    assert esker.esker_cf_name(again) == b"notes" and get(db, b"note", again) == b"in notes"
    esker.esker_cf_free(again)
    esker.esker_cf_free(notes)


def closing(db):
    """Closes the database before its children; they are returned, to be freed at the end."""
    taken = new(esker.esker_snapshot_new, db)
    iterator = new(esker.esker_iter_new, db, None, None)
    must(esker.esker_iter_seek_to_first(iterator))
    value = new(esker.esker_get, db, None, b"a\0b", 3, None)
    notes = new(esker.esker_cf_open, db, b"notes")
    must(esker.esker_close(db, None))
    failure, nothing = P(), P()
    assert esker.esker_put(db, notes, b"k", 1, b"v", 1, None, byref(failure)) == CLOSED
    assert esker.esker_error_code(failure) == CLOSED and esker.esker_error_message(failure)
    esker.esker_error_free(failure)
    assert esker.esker_get(db, None, b"k", 1, None, byref(nothing), None) == CLOSED and not nothing
    assert esker.esker_iter_next(iterator) == CLOSED and esker.esker_iter_status(iterator, None) == CLOSED
    assert esker.esker_snapshot_new(db, byref(nothing), None) == CLOSED
    assert esker.esker_close(db, None) == CLOSED
    assert bytes_of(esker.esker_value_data, value) == b"\0x\0\xff"
    return taken, iterator, value, notes


def reopen(children):
    db = new(esker.esker_open, path, None)
    assert get(db, b"a\0b") == b"\0x\0\xff" and get(db, TABLE[-1][0]) == TABLE[-1][1]
    notes = new(esker.esker_cf_open, db, b"notes")
    assert get(db, b"note", notes) == b"in notes"
    esker.esker_cf_free(notes)
    taken, iterator, value, old_notes = children
    esker.esker_value_free(value)
    esker.esker_cf_free(old_notes)
    esker.esker_iter_free(iterator)
    esker.esker_snapshot_free(taken)
    must(esker.esker_close(db, None))


version(), done("version")
db = options()
done("options")
bytes_(db), done("bytes")
error(), done("error")
batch(db), done("batch")
unicode(db), done("unicode")
chunks(db), done("chunks")
snapshot(db), done("snapshot")
family(db), done("family")
children = closing(db)
done("closing")
reopen(children), done("reopen")
