"""Esker from Python without a package: the shared library by ctypes.   python3 hello.py DIRECTORY

For programs, `import esker` (examples/python) is faster and nicer; this is for where nothing can be installed.
"""

import sys
from ctypes import CDLL, POINTER, byref, c_char_p, c_int32, c_size_t, c_ubyte, c_void_p, string_at

esker = CDLL("libesker.so.0")
handle, size = POINTER(c_void_p), POINTER(c_size_t)  # where a result goes

# Say what each function takes: without this ctypes would pass pointers as 32-bit numbers.
for name, result, *arguments in [
    ("esker_open", c_int32, c_char_p, c_void_p, handle, handle),
    ("esker_close", c_int32, c_void_p, handle),
    ("esker_put", c_int32, c_void_p, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, handle),
    ("esker_get", c_int32, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p, handle, handle),
    ("esker_value_data", c_void_p, c_void_p, size),
    ("esker_value_free", None, c_void_p),
    ("esker_iter_new", c_int32, c_void_p, c_void_p, c_void_p, handle, handle),
    ("esker_iter_seek_to_first", c_int32, c_void_p),
    ("esker_iter_next", c_int32, c_void_p),
    ("esker_iter_valid", c_ubyte, c_void_p),
    ("esker_iter_key", c_void_p, c_void_p, size),
    ("esker_iter_value", c_void_p, c_void_p, size),
    ("esker_iter_status", c_int32, c_void_p, handle),
    ("esker_iter_free", None, c_void_p),
    ("esker_error_message", c_char_p, c_void_p),
    ("esker_error_free", None, c_void_p),
]:
    getattr(esker, name).restype, getattr(esker, name).argtypes = result, arguments

NOT_FOUND = 1


def must(status, error):
    """Turns a failure into an exception with Esker's own message."""
    if status != 0:
        message = esker.esker_error_message(error).decode()
        esker.esker_error_free(error)
        raise RuntimeError(message)


def lent(function, owner):
    """Copies bytes that are borrowed: they are gone with the next move, or the value's end."""
    length = c_size_t()
    return string_at(function(owner, byref(length)), length.value)


def get(db, key):
    value, error = c_void_p(), c_void_p()
    status = esker.esker_get(db, None, key, len(key), None, byref(value), byref(error))
    if status == NOT_FOUND:
        return None
    must(status, error)
    found = lent(esker.esker_value_data, value)
    esker.esker_value_free(value)
    return found


db, iterator, error = c_void_p(), c_void_p(), c_void_p()
must(esker.esker_open(sys.argv[1].encode(), None, byref(db), byref(error)), error)
for key, value in [(b"greeting", b"hello"), (b"user/1", b"Ada"), (b"user/2", b"Grace")]:
    must(esker.esker_put(db, None, key, len(key), value, len(value), None, byref(error)), error)
assert get(db, b"greeting") == b"hello" and get(db, b"nobody") is None

must(esker.esker_iter_new(db, None, None, byref(iterator), byref(error)), error)
esker.esker_iter_seek_to_first(iterator)
while esker.esker_iter_valid(iterator):
    print(lent(esker.esker_iter_key, iterator).decode(), "=", lent(esker.esker_iter_value, iterator).decode())
    esker.esker_iter_next(iterator)
must(esker.esker_iter_status(iterator, byref(error)), error)  # the loop also ends on an error
esker.esker_iter_free(iterator)
must(esker.esker_close(db, byref(error)), error)
