/*
 * esker.h: Esker, an embedded, ordered key-value store on a log-structured merge-tree.
 *
 *     cc hello.c $(pkg-config --cflags --libs esker)
 *
@EXAMPLE@
 *
 * This header is the manual. docs/c-api.md has a tour with longer programs.
 *
 * Conventions. They hold for every function; its own comment says only what is more.
 *
 *  1. Names are esker_<type>_<verb>, the type is that of the first parameter; the database itself takes none:
 *     esker_open, esker_put. No other name is exported. Constants are ESKER_…. Nothing here needs a macro, an inline
 *     function, a struct by value or a callback: every runtime that can load a shared library can call all of it.
 *  2. Every struct is opaque. Options are set, read and listed by name, so a new option needs no new function.
 *  3. _open and _close where files are touched, _new and _free elsewhere. _close(NULL) and _free(NULL) do nothing.
 *     - esker_close() ends the database, not the memory behind the pointer: a second close, a use after close and a
 *       close while other threads are in calls are ESKER_CLOSED, never undefined. 4 KiB or less stay for the life of
 *       the process.
 *     - Every other handle has one owner and ends with its own _free, once, with no call in flight, as with free(). A
 *       use after that is undefined (a debug build of Esker detects it and aborts).
 *     - Iterators, snapshots, column families, transactions and values may outlive their database: their calls return
 *       ESKER_CLOSED, their _free works, and a value stays readable. They do not hold the directory: it can be opened
 *       again while they live.
 *  4. A function that could ever fail returns an esker_status, and has a last parameter `esker_error **error`, which
 *     may be NULL. It receives an object of the caller's own: status, message, file, offset. *error is NULL on entry,
 *     whatever was there. There is no last error of a thread. (Moves of iterators and typed setters have no error
 *     parameter: the cause of a move is esker_iter_status(); a setter fails only with ESKER_INVALID_ARGUMENT.)
 *  5. An absent key is ESKER_NOT_FOUND, without an error object. An empty value is found, and has length 0.
 *  6. Order of parameters: object, inputs, outputs, error. None is both input and output. On failure pointer outputs
 *     are NULL and lengths 0; one exception: ESKER_BUFFER_TOO_SMALL reports the length needed.
 *  7. Bytes in are a pointer and a length, NULL only with 0, and are borrowed for the call. Any bytes will do, NUL
 *     included. Bytes out are an esker_value, or go into the caller's memory. Nothing is ever handed out for free().
 *  8. What is borrowed from Esker says until when it is valid.
 *  9. A parameter `const T *` means that any number of threads may be in the function with that object at once, `T *`
 *     that only one may. Every function on an esker_db, esker_close() included, takes `const esker_db *`.
 * 10. Enumerations cross as int32_t, and an unknown number is ESKER_INVALID_ARGUMENT. Callbacks are optional: a
 *     function, `void *userdata`, and a function to end that with. They may run on any thread, many at once, and under
 *     internal locks: they must not block, and must not unwind. A call of Esker from within one is ESKER_BUSY, and a
 *     _free there is undefined; but for what the callback got for its own use.
 * 11. A bug of Esker that panics is caught: ESKER_PANIC. In a write or in background work it makes the database
 *     read-only. Memory running out aborts the process, which loses nothing that a kill would not; but memory for what
 *     the caller or a file asks for is tried first, and its lack is an error.
 * 12. After fork() the databases belong to the parent. In the child every call that touches one returns ESKER_FORKED;
 *     _free, _close, esker_value_data, esker_error_… and the version functions work, and touch no file, lock or
 *     thread.
 * 13. Every function's comment: summary; parameters, [own] for what the caller must free; each status it can return;
 *     threads; the version that brought it.
 * 14. dlclose() does not unload the library, which may have threads: databases, handles and function pointers go on as
 *     if it had not been called, and the next dlopen() finds the same library with everything that is open in it. So
 *     close databases first. The end of the process closes none; the next open then recovers as after a kill.
 */
#ifndef ESKER_H
#define ESKER_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header. It grows when what was there changes its meaning. */
#define ESKER_VERSION_MAJOR @MAJOR@
/** Grows when something is added, and before 1.0 also when something changes. */
#define ESKER_VERSION_MINOR @MINOR@
/** Grows when something is mended. */
#define ESKER_VERSION_PATCH @PATCH@
/** The three as one number that grows: 1000000 * major + 1000 * minor + patch. */
#define ESKER_VERSION_NUMBER @NUMBER@
/** The three as text. esker_version() is that of the library. */
#define ESKER_VERSION_STRING "@VERSION@"

#ifdef __cplusplus
extern "C" {
#endif
