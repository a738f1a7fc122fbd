/*
 * esker.h: Esker, an embedded, ordered key-value store on a log-structured merge-tree.
 *
 *     cc hello.c $(pkg-config --cflags --libs esker)
 *
 *     #include <esker.h>
 *     #include <stdio.h>
 *
 *     int main(int argc, char **argv) {
 *         esker_db *db = NULL;
 *         esker_value *value = NULL;
 *         esker_error *error = NULL;
 *         const uint8_t *key = (const uint8_t *)"greeting";
 *         size_t len = 0;
 *
 *         if (esker_open(argc > 1 ? argv[1] : "data", NULL, &db, &error) != ESKER_OK) goto out;
 *         if (esker_put(db, NULL, key, 8, (const uint8_t *)"hello", 5, NULL, &error) != ESKER_OK) goto out;
 *         if (esker_get(db, NULL, key, 8, NULL, &value, &error) != ESKER_OK) goto out;
 *         const char *text = (const char *)esker_value_data(value, &len);
 *         printf("greeting = %.*s\n", (int)len, text);
 *         esker_close(db, &error); // everything is on the medium, or there is an error
 *     out:
 *         if (error != NULL) fprintf(stderr, "%s\n", esker_error_message(error));
 *         int failed = error != NULL;
 *         esker_value_free(value);
 *         esker_close(db, NULL); // after a goto; a second close is harmless
 *         esker_error_free(error);
 *         return failed;
 *     }
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
#define ESKER_VERSION_MAJOR 0
/** Grows when something is added, and before 1.0 also when something changes. */
#define ESKER_VERSION_MINOR 1
/** Grows when something is mended. */
#define ESKER_VERSION_PATCH 0
/** The three as one number that grows: 1000000 * major + 1000 * minor + patch. */
#define ESKER_VERSION_NUMBER 1000
/** The three as text. esker_version() is that of the library. */
#define ESKER_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif
/* ---- Handles -------------------------------------------------------------------------------------------------------
 *
 * Every struct is opaque: programs hold pointers.
 */

/**
 * An open database. Ends with esker_close(); the few bytes behind the pointer stay, so that a use after that is
 * ESKER_CLOSED and nothing worse.
 */
typedef struct esker_db esker_db;

/** A handle on a column family: a named tree of keys within a database. Any number of threads may use it at once. */
typedef struct esker_cf esker_cf;

/** What went wrong: a status, a sentence, and the file and offset it is about. Freed with esker_error_free(). */
typedef struct esker_error esker_error;

/** Bytes that belong to the caller until esker_value_free(). */
typedef struct esker_value esker_value;

/** Operations to be applied together by esker_write(). */
typedef struct esker_batch esker_batch;

/** A moment of a database. Costs disk space while it lives: what it sees is not compacted away. */
typedef struct esker_snapshot esker_snapshot;

/**
 * A cursor. Sees its moment for as long as it lives, whatever is written meanwhile; free it soon, for it keeps
 * files on disk.
 */
typedef struct esker_iter esker_iter;

/** Choices for reads. Any number of reads and iterators may use the same at once. */
typedef struct esker_read_options esker_read_options;

/** Choices for writes. Any number of writes may use the same at once. */
typedef struct esker_write_options esker_write_options;

/** How a database is opened. Copied by esker_open(), so it may be changed and freed at any time after. */
typedef struct esker_options esker_options;

/** How a column family is made. Copied by esker_cf_create(), so it may be changed and freed at any time after. */
typedef struct esker_cf_options esker_cf_options;

/** Names that a call listed. */
typedef struct esker_names esker_names;

/** Reads and writes that take effect together. For one thread at a time; may move between threads. */
typedef struct esker_txn esker_txn;

/** Choices for transactions. Copied by esker_txn_begin(), so they may be changed and freed at any time after. */
typedef struct esker_txn_options esker_txn_options;

/** What a merge callback has to say. Lives for that call only. */
typedef struct esker_merge_result esker_merge_result;

/* ---- Statuses ------------------------------------------------------------------------------------------------------
 *
 * Every call that could ever fail returns one of these. The numbers never change and are never used again; a later
 * version may add some, so treat a number you do not know as a failure.
 */

/** Done. */
#define ESKER_OK 0
/** What was asked for does not exist. Not a failure of the call: there is no error object. */
#define ESKER_NOT_FOUND 1
/** An argument or option is not acceptable; nothing was changed. */
#define ESKER_INVALID_ARGUMENT 2
/** The operating system failed an operation on a file. */
#define ESKER_IO 3
/** Bytes on disk are not what was written there. */
#define ESKER_CORRUPTION 4
/** The database was closed. */
#define ESKER_CLOSED 5
/** Another handle or process holds the database directory. */
#define ESKER_LOCKED 6
/** A transaction read something that has changed since. */
#define ESKER_CONFLICT 7
/** The database was opened read-only. */
#define ESKER_READ_ONLY 8
/** The disk or the quota is full; the call can be repeated when there is room. */
#define ESKER_NO_SPACE 9
/** An earlier failure made this handle read-only until the database is opened again; esker_poisoned() says why. */
#define ESKER_POISONED 10
/** The handle belongs to the parent of this forked process. */
#define ESKER_FORKED 11
/** Not available in this version or for this object. */
#define ESKER_UNSUPPORTED 12
/** The files were written by a newer version, in a format this one does not know. */
#define ESKER_FORMAT 13
/** The call would have waited longer than it may. */
#define ESKER_BUSY 14
/** The caller's buffer is too small; the length needed was reported. */
#define ESKER_BUFFER_TOO_SMALL 15
/** The call was cancelled, by esker_close() or by its caller. */
#define ESKER_CANCELLED 16
/** A bug of Esker was caught before it could do harm; please report it. */
#define ESKER_PANIC 17

/** How a call ended: ESKER_OK or one of the other ESKER_… numbers above. */
typedef int32_t esker_status;

/**
 * Names a status: "OK", "NOT_FOUND", … ; "UNKNOWN" for a number this version does not use.
 *
 * @param[in] status  any number
 * @return the name, a constant; never NULL
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_status_name(esker_status status);

/* ---- Errors --------------------------------------------------------------------------------------------------------
 *
 * The optional last parameter of most functions receives one of these on failure. It belongs to the caller, on its
 * own: no thread, database or later call changes it. The getters accept NULL and then tell of no error.
 */

/** What esker_error_offset() returns when there is none. */
#define ESKER_NO_OFFSET 18446744073709551615ull

/**
 * The status that came with this error.
 *
 * @param[in] error  NULL: no error
 * @return the status; ESKER_OK for NULL
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_error_code(const esker_error *error);

/**
 * What went wrong, as a sentence in UTF-8 that names the file and offset too, where there are some.
 *
 * @param[in] error  NULL: no error
 * @return a C string, valid until the error is freed; never NULL, "" for NULL
 *
 * Threads: any number at once. Since: 0.1.
 */
const char *esker_error_message(const esker_error *error);

/**
 * The file the error is about.
 *
 * @param[in] error  NULL: no error
 * @return a path, valid until the error is freed; NULL if the error is about no file
 *
 * Threads: any number at once. Since: 0.1.
 */
const char *esker_error_file(const esker_error *error);

/**
 * The offset in that file.
 *
 * @param[in] error  NULL: no error
 * @return the offset in bytes; ESKER_NO_OFFSET if there is none
 *
 * Threads: any number at once. Since: 0.1.
 */
uint64_t esker_error_offset(const esker_error *error);

/**
 * Frees an error.
 *
 * @param[in] error  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same error. Since: 0.1.
 */
void esker_error_free(esker_error *error);

/* ---- Databases -----------------------------------------------------------------------------------------------------
 *
 * A database is a directory of files. One process opens it at a time, once; any number of threads share the handle.
 */

/**
 * Opens the database in the directory `path`, and creates it if there is none (unless "create_if_missing" is
 * "false").
 *
 * Recovers what a crash left. No process may have the database open, this one included.
 *
 * @param[in]  path     a C string, in the encoding of the file system
 * @param[in]  options  NULL: the defaults
 * @param[out] db       the database, to end with esker_close(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND (with an error: no database there, and it must not be created),
 *         ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_LOCKED (the error says by whom),
 *         ESKER_NO_SPACE, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_FORMAT, ESKER_PANIC
 *
 * Threads: any. Since: 0.1.
 */
esker_status esker_open(const char *path, const esker_options *options, esker_db **db, esker_error **error);

/**
 * Closes a database: everything written is on the medium when it returns ESKER_OK.
 *
 * Calls that wait or run long in other threads return ESKER_CLOSED or ESKER_CANCELLED; running reads finish. The
 * directory can be opened again at once, even while iterators, snapshots and values live. Whatever this returns,
 * the database is closed; after a failure the next esker_open() recovers as after a crash. In a forked child it
 * touches no file.
 *
 * @param[in]  db     NULL: nothing happens. The pointer stays good: every later call with it is ESKER_CLOSED
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_IO, ESKER_CLOSED (it was closed before), ESKER_NO_SPACE, ESKER_POISONED, ESKER_BUSY,
 *         ESKER_PANIC
 *
 * Threads: any number at once, also while others are in calls. Since: 0.1.
 */
esker_status esker_close(const esker_db *db, esker_error **error);

/**
 * Tells whether a database was closed.
 *
 * @param[in] db  the database
 * @return 1 if it is closed, or NULL; 0 if it is open
 *
 * Threads: any number at once. Since: 0.1.
 */
uint8_t esker_is_closed(const esker_db *db);

/**
 * Tells whether an earlier failure made a database read-only, and which.
 *
 * @param[in]  db     the database
 * @param[out] error  [own] NULL, or where to put the failure: the first one, with its own message, file and offset
 * @return ESKER_OK (it is healthy), ESKER_POISONED, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_poisoned(const esker_db *db, esker_error **error);

/**
 * The directory of a database, as it was passed to esker_open().
 *
 * @param[in]  db     the database
 * @param[out] path   [own] the path, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_path(const esker_db *db, esker_value **path, esker_error **error);

/**
 * Reads an option that a database was opened with, as text.
 *
 * @param[in]  db     the database
 * @param[in]  name   a C string; esker_options_name() lists them
 * @param[out] value  [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_get_option(const esker_db *db, const char *name, esker_value **value, esker_error **error);

/* ---- Writing -------------------------------------------------------------------------------------------------------
 *
 * A write is atomic, and visible to every later read when the call returns. The empty key and the empty value are
 * legal.
 */

/**
 * Sets `key` to `value`.
 *
 * @param[in]  db                the database
 * @param[in]  cf                NULL: the default column family
 * @param[in]  key, key_len      at most 8 MiB
 * @param[in]  value, value_len  at most 1 GiB
 * @param[in]  options           NULL: the database's durability
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
 *         ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_put(const esker_db *db,
                       const esker_cf *cf,
                       const uint8_t *key,
                       size_t key_len,
                       const uint8_t *value,
                       size_t value_len,
                       const esker_write_options *options,
                       esker_error **error);

/**
 * Removes `key`, if it is there.
 *
 * @param[in]  db            the database
 * @param[in]  cf            NULL: the default column family
 * @param[in]  key, key_len  at most 8 MiB
 * @param[in]  options       NULL: the database's durability
 * @param[out] error         [own] NULL, or where to put the error
 * @return ESKER_OK (also if it was not there), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY,
 *         ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_delete(const esker_db *db,
                          const esker_cf *cf,
                          const uint8_t *key,
                          size_t key_len,
                          const esker_write_options *options,
                          esker_error **error);

/**
 * Removes every key from `start` on and before `end`. One write, whatever their number.
 *
 * @param[in]  db                the database
 * @param[in]  cf                NULL: the default column family
 * @param[in]  start, start_len  the first key to remove
 * @param[in]  end, end_len      the first key to keep; equal to start: nothing happens; before start: refused
 * @param[in]  options           NULL: the database's durability
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
 *         ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_delete_range(const esker_db *db,
                                const esker_cf *cf,
                                const uint8_t *start,
                                size_t start_len,
                                const uint8_t *end,
                                size_t end_len,
                                const esker_write_options *options,
                                esker_error **error);

/**
 * Merges `operand` into what `key` has, by the merge operator of the family; see "merge_operator" among its
 * options.
 *
 * @param[in]  db                    the database
 * @param[in]  cf                    NULL: the default column family
 * @param[in]  key, key_len          at most 8 MiB
 * @param[in]  operand, operand_len  at most 1 GiB
 * @param[in]  options               NULL: the database's durability
 * @param[out] error                 [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if there is no operator, or it refuses this), ESKER_IO,
 *         ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED,
 *         ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_merge(const esker_db *db,
                         const esker_cf *cf,
                         const uint8_t *key,
                         size_t key_len,
                         const uint8_t *operand,
                         size_t operand_len,
                         const esker_write_options *options,
                         esker_error **error);

/**
 * Applies every operation of a batch, or none of them: also after a crash.
 *
 * @param[in]  db       the database
 * @param[in]  batch    is not changed, and may be written again
 * @param[in]  options  NULL: the database's durability
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
 *         ESKER_POISONED, ESKER_FORKED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_write(const esker_db *db,
                         const esker_batch *batch,
                         const esker_write_options *options,
                         esker_error **error);

/* ---- Reading -------------------------------------------------------------------------------------------------------
 *
 * An absent key is ESKER_NOT_FOUND, without an error; an empty value is found and has length 0.
 */

/**
 * Reads the value of `key`, without a copy where it can.
 *
 * @param[in]  db            the database
 * @param[in]  cf            NULL: the default column family
 * @param[in]  key, key_len  the key
 * @param[in]  options       NULL: as of now
 * @param[out] value         [own] the value, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error         [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED,
 *         ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_get(const esker_db *db,
                       const esker_cf *cf,
                       const uint8_t *key,
                       size_t key_len,
                       const esker_read_options *options,
                       esker_value **value,
                       esker_error **error);

/**
 * Reads the value of `key` into the caller's memory.
 *
 * @param[in]  db            the database
 * @param[in]  cf            NULL: the default column family
 * @param[in]  key, key_len  the key
 * @param[in]  options       NULL: as of now
 * @param[out] buf, cap      where the value goes; NULL, 0 to learn its length
 * @param[out] value_len     its length; with ESKER_BUFFER_TOO_SMALL the length needed, and nothing is written to
 *                           buf
 * @param[out] error         [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND, ESKER_BUFFER_TOO_SMALL, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION,
 *         ESKER_CLOSED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_get_into(const esker_db *db,
                            const esker_cf *cf,
                            const uint8_t *key,
                            size_t key_len,
                            const esker_read_options *options,
                            uint8_t *buf,
                            size_t cap,
                            size_t *value_len,
                            esker_error **error);

/* ---- Values --------------------------------------------------------------------------------------------------------
 *
 * Bytes that a call found or made. A value may keep a cached block in memory instead of being a copy of it, so free
 * it when you have read it. It stays readable after the database is closed.
 */

/**
 * The bytes of a value.
 *
 * @param[in]  value  NULL: no bytes
 * @param[out] len    how many; NULL if you know. After a text (a statistic, an option, a report) comes a NUL that
 *                    is not counted, so it can be printed as a C string
 * @return the first byte, valid until the value is freed; not NULL for an empty value; NULL for NULL
 *
 * Threads: any number at once. Since: 0.1.
 */
const uint8_t *esker_value_data(const esker_value *value, size_t *len);

/**
 * Frees a value.
 *
 * @param[in] value  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same value. Since: 0.1.
 */
void esker_value_free(esker_value *value);

/* ---- Batches -------------------------------------------------------------------------------------------------------
 *
 * Collects operations for esker_write(). Later operations win over earlier ones on the same key. Belongs to no
 * database: of a column family it keeps the number, so write it to the database that the family is of.
 */

/**
 * Makes an empty batch.
 *
 * @return [own] a batch to free with esker_batch_free(); NULL only after a panic
 *
 * Threads: any. Since: 0.1.
 */
esker_batch *esker_batch_new(void);

/**
 * Adds: set `key` to `value`. On failure nothing is added.
 *
 * @param[in]  batch             the batch
 * @param[in]  cf                NULL: the default column family
 * @param[in]  key, key_len      at most 8 MiB; copied
 * @param[in]  value, value_len  at most 1 GiB; copied
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
esker_status esker_batch_put(esker_batch *batch,
                             const esker_cf *cf,
                             const uint8_t *key,
                             size_t key_len,
                             const uint8_t *value,
                             size_t value_len,
                             esker_error **error);

/**
 * Adds: set `key` to `value` until a time, from which on it reads as deleted. On failure nothing is added.
 *
 * @param[in]  batch             the batch
 * @param[in]  cf                NULL: the default column family
 * @param[in]  key, key_len      at most 8 MiB; copied
 * @param[in]  value, value_len  at most 1 GiB; copied
 * @param[in]  expires_at_ms     milliseconds since 1970
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
esker_status esker_batch_put_expiring(esker_batch *batch,
                                      const esker_cf *cf,
                                      const uint8_t *key,
                                      size_t key_len,
                                      const uint8_t *value,
                                      size_t value_len,
                                      uint64_t expires_at_ms,
                                      esker_error **error);

/**
 * Adds: merge `operand` into what `key` has, by the merge operator of the family. On failure nothing is added.
 *
 * @param[in]  batch                 the batch
 * @param[in]  cf                    NULL: the default column family
 * @param[in]  key, key_len          at most 8 MiB; copied
 * @param[in]  operand, operand_len  at most 1 GiB; copied
 * @param[out] error                 [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
esker_status esker_batch_merge(esker_batch *batch,
                               const esker_cf *cf,
                               const uint8_t *key,
                               size_t key_len,
                               const uint8_t *operand,
                               size_t operand_len,
                               esker_error **error);

/**
 * Adds: remove `key`. On failure nothing is added.
 *
 * @param[in]  batch         the batch
 * @param[in]  cf            NULL: the default column family
 * @param[in]  key, key_len  at most 8 MiB; copied
 * @param[out] error         [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
esker_status esker_batch_delete(esker_batch *batch,
                                const esker_cf *cf,
                                const uint8_t *key,
                                size_t key_len,
                                esker_error **error);

/**
 * Adds: remove every key from `start` on and before `end`. On failure nothing is added.
 *
 * @param[in]  batch             the batch
 * @param[in]  cf                NULL: the default column family
 * @param[in]  start, start_len  the first key to remove; copied
 * @param[in]  end, end_len      the first key to keep; copied; equal to start: adds nothing; before start: refused
 *                               by esker_write()
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
esker_status esker_batch_delete_range(esker_batch *batch,
                                      const esker_cf *cf,
                                      const uint8_t *start,
                                      size_t start_len,
                                      const uint8_t *end,
                                      size_t end_len,
                                      esker_error **error);

/**
 * Adds everything that is in another batch, in its order. On failure nothing is added.
 *
 * @param[in]  batch  the batch
 * @param[in]  other  is not changed; must not be the same batch
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_IO (no memory),
 *         ESKER_PANIC
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
esker_status esker_batch_append(esker_batch *batch, const esker_batch *other, esker_error **error);

/**
 * Empties a batch; it keeps its memory for the next operations.
 *
 * @param[in] batch  NULL: nothing happens
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
void esker_batch_clear(esker_batch *batch);

/**
 * How many operations are in a batch.
 *
 * @param[in] batch  NULL: none
 * @return their number
 *
 * Threads: any number at once while nobody adds. Since: 0.1.
 */
size_t esker_batch_count(const esker_batch *batch);

/**
 * How many bytes a batch takes in the log.
 *
 * @param[in] batch  NULL: none
 * @return their number; at most 2 GiB
 *
 * Threads: any number at once while nobody adds. Since: 0.1.
 */
size_t esker_batch_size_bytes(const esker_batch *batch);

/**
 * Remembers what is in a batch now, for esker_batch_rollback_to_savepoint(). Savepoints nest.
 *
 * @param[in]  batch  the batch
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
esker_status esker_batch_set_savepoint(esker_batch *batch, esker_error **error);

/**
 * Takes out what was added after the latest savepoint, and forgets that savepoint.
 *
 * @param[in]  batch  the batch
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND (with an error: there is no savepoint), ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
esker_status esker_batch_rollback_to_savepoint(esker_batch *batch, esker_error **error);

/**
 * Forgets the latest savepoint, and keeps what was added after it.
 *
 * @param[in]  batch  the batch
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND (with an error: there is no savepoint), ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same batch. Since: 0.1.
 */
esker_status esker_batch_pop_savepoint(esker_batch *batch, esker_error **error);

/**
 * The batch as bytes, to keep or to send; docs/format/batch.md describes them.
 *
 * @param[in]  batch  NULL: no bytes
 * @param[out] len    how many
 * @return the first byte, valid until the next call on this batch with a pointer that is not const, its free
 *         included; not NULL for an empty batch; NULL for NULL
 *
 * Threads: any number at once while nobody adds. Since: 0.1.
 */
const uint8_t *esker_batch_data(const esker_batch *batch, size_t *len);

/**
 * Makes a batch of the bytes that esker_batch_data() gave. Any other bytes are refused.
 *
 * @param[in]  data, data_len  the bytes; copied
 * @param[out] batch           [own] the batch, to free with esker_batch_free(); NULL unless ESKER_OK
 * @param[out] error           [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CORRUPTION, ESKER_PANIC
 *
 * Threads: any. Since: 0.1.
 */
esker_status esker_batch_from_data(const uint8_t *data, size_t data_len, esker_batch **batch, esker_error **error);

/**
 * Frees a batch.
 *
 * @param[in] batch  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same batch. Since: 0.1.
 */
void esker_batch_free(esker_batch *batch);

/* ---- Snapshots -----------------------------------------------------------------------------------------------------
 *
 * A snapshot sees exactly the writes that returned before it was made, for as long as it lives. Use it through
 * esker_read_options_set_snapshot().
 */

/**
 * Makes a snapshot of this moment.
 *
 * @param[in]  db        the database
 * @param[out] snapshot  [own] the snapshot, to free with esker_snapshot_free(); NULL unless ESKER_OK
 * @param[out] error     [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_snapshot_new(const esker_db *db, esker_snapshot **snapshot, esker_error **error);

/**
 * The sequence number of the latest write that a new read sees. Every operation has one of its own, and they only
 * grow.
 *
 * @param[in]  db     the database
 * @param[out] seqno  the number; 0 if nothing was ever written
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_latest_seqno(const esker_db *db, uint64_t *seqno, esker_error **error);

/**
 * The place of a snapshot in the order of writes: it sees the writes up to this sequence number.
 *
 * @param[in] snapshot  NULL: 0
 * @return the sequence number
 *
 * Threads: any number at once. Since: 0.1.
 */
uint64_t esker_snapshot_seqno(const esker_snapshot *snapshot);

/**
 * Frees a snapshot. Read options and iterators that use it keep it alive for themselves.
 *
 * @param[in] snapshot  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same snapshot. Since: 0.1.
 */
void esker_snapshot_free(esker_snapshot *snapshot);

/* ---- Iterators -----------------------------------------------------------------------------------------------------
 *
 * A cursor over the keys of one moment, in order. A new one stands nowhere: seek first. It may turn round at any
 * step. Running off an end is ESKER_OK with the iterator not valid; from there only a seek leads back. After an
 * error it is not valid, and esker_iter_status() says why until the next seek. After its database was closed every
 * move is ESKER_CLOSED; the entry it stands on can be read until then.
 */

/**
 * Makes an iterator over the keys that `options` let through, as of this moment or of the options' snapshot.
 *
 * @param[in]  db       the database
 * @param[in]  cf       NULL: the default column family
 * @param[in]  options  NULL: all keys, as of now. Copied
 * @param[out] iter     [own] the iterator, to free with esker_iter_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED,
 *         ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_iter_new(const esker_db *db,
                            const esker_cf *cf,
                            const esker_read_options *options,
                            esker_iter **iter,
                            esker_error **error);

/**
 * Moves to the first key.
 *
 * @param[in] iter  the iterator
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same iterator. Since: 0.1.
 */
esker_status esker_iter_seek_to_first(esker_iter *iter);

/**
 * Moves to the last key.
 *
 * @param[in] iter  the iterator
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same iterator. Since: 0.1.
 */
esker_status esker_iter_seek_to_last(esker_iter *iter);

/**
 * Moves to the first key that is `key` or after it.
 *
 * @param[in] iter          the iterator
 * @param[in] key, key_len  any key; it need not be there
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same iterator. Since: 0.1.
 */
esker_status esker_iter_seek(esker_iter *iter, const uint8_t *key, size_t key_len);

/**
 * Moves to the last key that is `key` or before it.
 *
 * @param[in] iter          the iterator
 * @param[in] key, key_len  any key; it need not be there
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same iterator. Since: 0.1.
 */
esker_status esker_iter_seek_for_prev(esker_iter *iter, const uint8_t *key, size_t key_len);

/**
 * Moves to the next key. When not valid: stays so.
 *
 * @param[in] iter  the iterator
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same iterator. Since: 0.1.
 */
esker_status esker_iter_next(esker_iter *iter);

/**
 * Moves to the key before. When not valid: stays so.
 *
 * @param[in] iter  the iterator
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same iterator. Since: 0.1.
 */
esker_status esker_iter_prev(esker_iter *iter);

/**
 * Takes in what was written since: from now on the iterator sees this moment, as a new one with its options would,
 * but with its snapshot forgotten. It stands nowhere then: seek.
 *
 * @param[in]  iter   the iterator
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also for the iterator of a transaction), ESKER_IO, ESKER_CORRUPTION,
 *         ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same iterator. Since: 0.1.
 */
esker_status esker_iter_refresh(esker_iter *iter, esker_error **error);

/**
 * Tells whether the iterator stands on an entry.
 *
 * @param[in] iter  NULL: no
 * @return 1 if it does; 0 before the first seek, beyond an end and after an error
 *
 * Threads: any number at once while nobody moves it. Since: 0.1.
 */
uint8_t esker_iter_valid(const esker_iter *iter);

/**
 * The key the iterator stands on.
 *
 * @param[in]  iter  the iterator
 * @param[out] len   its length; 0 when not valid
 * @return its first byte, valid until the next call on this iterator with a pointer that is not const, its free
 *         included; not NULL for the empty key; NULL when not valid
 *
 * Threads: any number at once while nobody moves it. Since: 0.1.
 */
const uint8_t *esker_iter_key(const esker_iter *iter, size_t *len);

/**
 * The value the iterator stands on.
 *
 * @param[in]  iter  the iterator
 * @param[out] len   its length; 0 when not valid
 * @return its first byte, valid until the next call on this iterator with a pointer that is not const, its free
 *         included; not NULL for the empty value; NULL when not valid
 *
 * Threads: any number at once while nobody moves it. Since: 0.1.
 */
const uint8_t *esker_iter_value(const esker_iter *iter, size_t *len);

/**
 * When the entry the iterator stands on expires.
 *
 * @param[in] iter  NULL: as one that is not valid
 * @return milliseconds since 1970; 0 if it never does, or when not valid
 *
 * Threads: any number at once while nobody moves it. Since: 0.1.
 */
uint64_t esker_iter_expires_at_ms(const esker_iter *iter);

/**
 * The value the iterator stands on, to keep: it stays when the iterator moves on. Without a copy where it can.
 *
 * @param[in]  iter   the iterator
 * @param[out] value  [own] the value, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND (not valid), ESKER_INVALID_ARGUMENT, ESKER_PANIC, and the error of an iterator
 *         that has one: ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED
 *
 * Threads: any number at once while nobody moves it. Since: 0.1.
 */
esker_status esker_iter_pinned_value(const esker_iter *iter, esker_value **value, esker_error **error);

/**
 * The error of an iterator, if it has one: why it is not valid.
 *
 * @param[in]  iter   the iterator
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK (none), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED,
 *         ESKER_PANIC
 *
 * Threads: any number at once while nobody moves it. Since: 0.1.
 */
esker_status esker_iter_status(const esker_iter *iter, esker_error **error);

/**
 * Frees an iterator.
 *
 * @param[in] iter  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same iterator. Since: 0.1.
 */
void esker_iter_free(esker_iter *iter);

/* ---- Read options --------------------------------------------------------------------------------------------------
 *
 * Choices for reads and iterators. In their place NULL means: as of now, all keys, cached. The setters copy what
 * they get.
 */

/**
 * Makes read options with the defaults.
 *
 * @return [own] options to free with esker_read_options_free(); NULL only after a panic
 *
 * Threads: any. Since: 0.1.
 */
esker_read_options *esker_read_options_new(void);

/**
 * Sets an option by name, as in ("fill_cache", "false"). On failure nothing is changed.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string; esker_read_options_name() lists them
 * @param[in]  value    a C string
 * @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_read_options_set(esker_read_options *options,
                                    const char *name,
                                    const char *value,
                                    esker_error **error);

/**
 * Reads an option as text.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string
 * @param[out] value    [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: any number at once while nobody sets. Since: 0.1.
 */
esker_status esker_read_options_get(const esker_read_options *options,
                                    const char *name,
                                    esker_value **value,
                                    esker_error **error);

/**
 * The name of the option at `index`: 0, 1, … until NULL.
 *
 * @param[in] index  from 0
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_read_options_name(size_t index);

/**
 * What the option at `index` does and which values it takes.
 *
 * @param[in] index  as for esker_read_options_name()
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_read_options_doc(size_t index);

/**
 * Reads as of a snapshot. The options keep their own reference: the snapshot may be freed before them.
 *
 * @param[in] options   the options
 * @param[in] snapshot  NULL: as of now
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_read_options_set_snapshot(esker_read_options *options, const esker_snapshot *snapshot);

/**
 * Sees exactly the keys that begin with `prefix`; together with bounds, those that fulfil both.
 *
 * @param[in] options             the options
 * @param[in] prefix, prefix_len  NULL, 0: all keys
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_read_options_set_prefix(esker_read_options *options, const uint8_t *prefix, size_t prefix_len);

/**
 * Sees no key before `key`.
 *
 * @param[in] options       the options
 * @param[in] key, key_len  NULL, 0: from the first key on
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_read_options_set_lower_bound(esker_read_options *options, const uint8_t *key, size_t key_len);

/**
 * Sees no key from `key` on.
 *
 * @param[in] options       the options
 * @param[in] key, key_len  NULL, 0: up to the last key. Not NULL, 0: the empty key, before which there is none
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_read_options_set_upper_bound(esker_read_options *options, const uint8_t *key, size_t key_len);

/**
 * Frees read options. Iterators made with them go on.
 *
 * @param[in] options  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same options. Since: 0.1.
 */
void esker_read_options_free(esker_read_options *options);

/* ---- Write options -------------------------------------------------------------------------------------------------
 *
 * Choices for single writes. In their place NULL means the database's own durability.
 */

/** What the database was opened with; "buffered" unless that was changed. */
#define ESKER_DURABILITY_DEFAULT 0
/** On the medium before the call returns: survives a power cut. */
#define ESKER_DURABILITY_SYNC 1

/**
 * Survives the death of the process, also by kill -9; a power cut keeps everything up to some moment at or after
 * the last sync.
 */
#define ESKER_DURABILITY_BUFFERED 2
/** Not logged: kept from the next flush on. Until then a crash may lose it and keep later writes that were logged. */
#define ESKER_DURABILITY_NONE 3

/**
 * Makes write options with the defaults.
 *
 * @return [own] options to free with esker_write_options_free(); NULL only after a panic
 *
 * Threads: any. Since: 0.1.
 */
esker_write_options *esker_write_options_new(void);

/**
 * Sets an option by name, as in ("durability", "sync"). On failure nothing is changed.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string; esker_write_options_name() lists them
 * @param[in]  value    a C string
 * @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_write_options_set(esker_write_options *options,
                                     const char *name,
                                     const char *value,
                                     esker_error **error);

/**
 * Reads an option as text.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string
 * @param[out] value    [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: any number at once while nobody sets. Since: 0.1.
 */
esker_status esker_write_options_get(const esker_write_options *options,
                                     const char *name,
                                     esker_value **value,
                                     esker_error **error);

/**
 * The name of the option at `index`: 0, 1, … until NULL.
 *
 * @param[in] index  from 0
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_write_options_name(size_t index);

/**
 * What the option at `index` does and which values it takes.
 *
 * @param[in] index  as for esker_write_options_name()
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_write_options_doc(size_t index);

/**
 * Sets the durability without text, for callers in a hurry.
 *
 * @param[in] options     the options
 * @param[in] durability  one of ESKER_DURABILITY_…
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (nothing is changed), ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_write_options_set_durability(esker_write_options *options, int32_t durability);

/**
 * Sets the time to live without text: what is put expires so long after its commit, unless it has an expiry of its
 * own.
 *
 * @param[in] options  the options
 * @param[in] ttl_ms   milliseconds; 0: never, whatever the family says
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_write_options_set_ttl_ms(esker_write_options *options, uint64_t ttl_ms);

/**
 * Frees write options.
 *
 * @param[in] options  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same options. Since: 0.1.
 */
void esker_write_options_free(esker_write_options *options);

/* ---- Options -------------------------------------------------------------------------------------------------------
 *
 * How a database is opened. Set by name, so that a new option needs no new function; the names, values and defaults
 * are those of every other language. In place of options NULL means the defaults.
 */

/**
 * Makes options with the defaults.
 *
 * @return [own] options to free with esker_options_free(); NULL only after a panic
 *
 * Threads: any. Since: 0.1.
 */
esker_options *esker_options_new(void);

/**
 * Sets an option, as in ("memory_budget", "64MiB") or ("read_only", "true"). On failure nothing is changed.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string; esker_options_name() lists them
 * @param[in]  value    a C string
 * @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_options_set(esker_options *options, const char *name, const char *value, esker_error **error);

/**
 * Reads an option as text; esker_options_set() takes that text.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string
 * @param[out] value    [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: any number at once while nobody sets. Since: 0.1.
 */
esker_status esker_options_get(const esker_options *options,
                               const char *name,
                               esker_value **value,
                               esker_error **error);

/**
 * The name of the option at `index`: 0, 1, … until NULL.
 *
 * @param[in] index  from 0
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_options_name(size_t index);

/**
 * What the option at `index` does and which values it takes, in a sentence or two.
 *
 * @param[in] index  as for esker_options_name()
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_options_doc(size_t index);

/**
 * Frees options.
 *
 * @param[in] options  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same options. Since: 0.1.
 */
void esker_options_free(esker_options *options);

/* ---- Column families -----------------------------------------------------------------------------------------------
 *
 * A database has one or many, each with keys and options of its own; batches, snapshots and transactions span
 * them. The one that is always there is called "default", and NULL means it. A handle names a family for the calls
 * on the database it came from; with any other it is ESKER_INVALID_ARGUMENT, and so it is once the family was
 * dropped. It may be freed at any time: that changes nothing in the database.
 */

/**
 * Creates a column family. Its options are recorded: it is opened as it is.
 *
 * @param[in]  db       the database
 * @param[in]  name     a C string in UTF-8 of 1 to 255 bytes, which no other family has
 * @param[in]  options  NULL: the defaults
 * @param[out] cf       [own] the family, to free with esker_cf_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if there is one of that name), ESKER_IO, ESKER_CLOSED,
 *         ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_cf_create(const esker_db *db,
                             const char *name,
                             const esker_cf_options *options,
                             esker_cf **cf,
                             esker_error **error);

/**
 * Opens a column family that is there.
 *
 * @param[in]  db     the database
 * @param[in]  name   a C string
 * @param[out] cf     [own] the family, to free with esker_cf_free(); NULL unless ESKER_OK
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND (with an error: no family of that name), ESKER_INVALID_ARGUMENT, ESKER_CLOSED,
 *         ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_cf_open(const esker_db *db, const char *name, esker_cf **cf, esker_error **error);

/**
 * The column family that NULL means, as a handle.
 *
 * @param[in]  db     the database
 * @param[out] cf     [own] the family, to free with esker_cf_free(); NULL unless ESKER_OK
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_cf_default(const esker_db *db, esker_cf **cf, esker_error **error);

/**
 * Drops a column family: its keys are gone for every new read, and its files as soon as no snapshot and no iterator
 * needs them. Every handle on it is still to be freed.
 *
 * @param[in]  db     the database
 * @param[in]  cf     the family; not the default one
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if it was dropped before), ESKER_IO, ESKER_CLOSED,
 *         ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_cf_drop(const esker_db *db, const esker_cf *cf, esker_error **error);

/**
 * The names of all column families, the oldest first: "default" leads.
 *
 * @param[in]  db     the database
 * @param[out] names  [own] the names, to free with esker_names_free(); NULL unless ESKER_OK
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_cf_list(const esker_db *db, esker_names **names, esker_error **error);

/**
 * The name of a column family. Works also after a close or a drop.
 *
 * @param[in] cf  NULL: no family
 * @return a C string, valid until the handle is freed; NULL for NULL
 *
 * Threads: any number at once. Since: 0.1.
 */
const char *esker_cf_name(const esker_cf *cf);

/**
 * The number of a column family, which no other of its database ever has: what esker_batch_entry() tells of an
 * entry.
 *
 * @param[in] cf  NULL: the default column family
 * @return the number; 0 for the default family
 *
 * Threads: any number at once. Since: 0.1.
 */
uint32_t esker_cf_id(const esker_cf *cf);

/**
 * Tells whether a column family was dropped.
 *
 * @param[in] cf  NULL: the default column family
 * @return 1 if it was, 0 if not
 *
 * Threads: any number at once. Since: 0.1.
 */
uint8_t esker_cf_is_dropped(const esker_cf *cf);

/**
 * Reads an option of a column family, as text. Works also after a close or a drop.
 *
 * @param[in]  cf     the family
 * @param[in]  name   a C string; esker_cf_options_name() lists them
 * @param[out] value  [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_cf_get_option(const esker_cf *cf, const char *name, esker_value **value, esker_error **error);

/**
 * Frees a handle on a column family. The family stays as it is.
 *
 * @param[in] cf  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same handle. Since: 0.1.
 */
void esker_cf_free(esker_cf *cf);

/* ---- Column family options -----------------------------------------------------------------------------------------
 *
 * How a column family is made. "default" stands for the database's own choice. In place of options NULL means the
 * defaults.
 */

/**
 * Makes options of a column family with the defaults.
 *
 * @return [own] options to free with esker_cf_options_free(); NULL only after a panic
 *
 * Threads: any. Since: 0.1.
 */
esker_cf_options *esker_cf_options_new(void);

/**
 * Sets an option, as in ("merge_operator", "add_u64") or ("ttl_ms", "60000"). On failure nothing is changed.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string; esker_cf_options_name() lists them
 * @param[in]  value    a C string
 * @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_cf_options_set(esker_cf_options *options, const char *name, const char *value, esker_error **error);

/**
 * Reads an option as text; esker_cf_options_set() takes that text.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string
 * @param[out] value    [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: any number at once while nobody sets. Since: 0.1.
 */
esker_status esker_cf_options_get(const esker_cf_options *options,
                                  const char *name,
                                  esker_value **value,
                                  esker_error **error);

/**
 * The name of the option at `index`: 0, 1, … until NULL.
 *
 * @param[in] index  from 0
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_cf_options_name(size_t index);

/**
 * What the option at `index` does and which values it takes, in a sentence or two.
 *
 * @param[in] index  as for esker_cf_options_name()
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_cf_options_doc(size_t index);

/**
 * Frees options of a column family. Families made with them stay as they are.
 *
 * @param[in] options  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same options. Since: 0.1.
 */
void esker_cf_options_free(esker_cf_options *options);

/* ---- Lists of names ------------------------------------------------------------------------------------------------
 *
 * What a call listed. Belongs to the caller, and does not change with the database.
 */

/**
 * How many names are in a list.
 *
 * @param[in] names  NULL: none
 * @return their number
 *
 * Threads: any number at once. Since: 0.1.
 */
size_t esker_names_count(const esker_names *names);

/**
 * The name at `index`: 0, 1, … until NULL.
 *
 * @param[in] names  NULL: an empty list
 * @param[in] index  from 0
 * @return a C string, valid until the list is freed; NULL after the last
 *
 * Threads: any number at once. Since: 0.1.
 */
const char *esker_names_at(const esker_names *names, size_t index);

/**
 * Frees a list of names.
 *
 * @param[in] names  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same list. Since: 0.1.
 */
void esker_names_free(esker_names *names);

/* ---- Callbacks -----------------------------------------------------------------------------------------------------
 *
 * Functions of the program that Esker calls; convention 10 has the rules.
 */

/**
 * Ends a callback's userdata. Called once, when nothing can call back any more: the options it was added to are
 * freed, and every database opened with them is closed and no call on it runs. Any thread.
 */
typedef void (*esker_destroy_fn)(void *userdata);

/* ---- Comparators ---------------------------------------------------------------------------------------------------
 *
 * A key order other than bytewise. It is made known to options under a name, families ask for it by that name
 * ("comparator"), and the name is on record: the database is opened only by those who know it.
 */

/**
 * Compares two keys: below 0 if `a` comes before `b`, above 0 if after, 0 only if their bytes are equal. The order
 * must be total, and the same in every process that opens the database, now and in years.
 */
typedef int32_t (*esker_compare_fn)(void *userdata, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/**
 * Makes a key order known to options, for the families that ask for it by its name. One that had the name goes.
 *
 * @param[in]  options   the options
 * @param[in]  name      a C string, on record in every database that uses the order
 * @param[in]  compare   the function
 * @param[in]  userdata  its first argument; NULL is as good as any. Esker's from this call on, whatever it returns
 * @param[in]  destroy   NULL, or what to end userdata with
 * @param[out] error     [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_BUSY (from a callback), ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_options_add_comparator(esker_options *options,
                                          const char *name,
                                          esker_compare_fn compare,
                                          void *userdata,
                                          esker_destroy_fn destroy,
                                          esker_error **error);

/* ---- Merge operators -----------------------------------------------------------------------------------------------
 *
 * How operands become a value. "add_u64", "max", "append" and others are built in; an operator of the program's
 * own is made known to options under a name, families ask for it by that name ("merge_operator"), and the name is
 * on record. Both callbacks must be pure: the same arguments give the same result in every process that opens the
 * database, now and in years, because a value may be made by any of its readers or by a compaction, once or often.
 */

/**
 * Applies `n` operands, oldest first and at least one, to a base: calls esker_merge_result_set() with the value
 * they make, or esker_merge_result_fail(). `base` is NULL if the key had no value.
 */
typedef void (*esker_full_merge_fn)(void *userdata,
                                    const uint8_t *key,
                                    size_t key_len,
                                    const uint8_t *base,
                                    size_t base_len,
                                    size_t n,
                                    const uint8_t *const *operands,
                                    const size_t *operand_lens,
                                    esker_merge_result *result);

/**
 * Puts two operands together: calls esker_merge_result_set() with one operand that does to every base what `older`
 * and then `newer` do; or nothing, if there is none.
 */
typedef void (*esker_partial_merge_fn)(void *userdata,
                                       const uint8_t *key,
                                       size_t key_len,
                                       const uint8_t *older,
                                       size_t older_len,
                                       const uint8_t *newer,
                                       size_t newer_len,
                                       esker_merge_result *result);

/**
 * Makes a merge operator known to options, for the families that ask for it by its name.
 *
 * @param[in]  options   the options
 * @param[in]  name      a C string that no operator has, on record in every database that uses it
 * @param[in]  full      applies operands to a base
 * @param[in]  partial   NULL, or what puts two operands together
 * @param[in]  userdata  their first argument; NULL is as good as any. Esker's from this call on, whatever it
 *                       returns
 * @param[in]  destroy   NULL, or what to end userdata with
 * @param[out] error     [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the name is taken), ESKER_BUSY (from a callback), ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_options_add_merge_operator(esker_options *options,
                                              const char *name,
                                              esker_full_merge_fn full,
                                              esker_partial_merge_fn partial,
                                              void *userdata,
                                              esker_destroy_fn destroy,
                                              esker_error **error);

/**
 * Says what operands make, from within a merge callback. The last word counts.
 *
 * @param[in] result            what the callback got
 * @param[in] value, value_len  at most 1 GiB; copied
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: the callback's. Since: 0.1.
 */
esker_status esker_merge_result_set(esker_merge_result *result, const uint8_t *value, size_t value_len);

/**
 * Says that operands make no value, and why, from within a merge callback: a read fails with that, and what is
 * stored stays as it is.
 *
 * @param[in] result  what the callback got
 * @param[in] why     a C string, for the error's message
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: the callback's. Since: 0.1.
 */
esker_status esker_merge_result_fail(esker_merge_result *result, const char *why);

/* ---- Transactions --------------------------------------------------------------------------------------------------
 *
 * Reads and writes that take effect together, as if nothing else had happened meanwhile, or not at all. A
 * transaction sees the database as it was at its beginning, and its own writes. When another commit touched what
 * it depends on, its commit is ESKER_CONFLICT, nothing is written, and the thing to do is to begin again.
 * docs/transactions.md says more.
 *
 * It should be short. Once it has ended, by a commit that worked or failed or by a rollback, every call with it
 * but its free is ESKER_INVALID_ARGUMENT.
 */

/**
 * Begins a transaction, which sees everything committed so far.
 *
 * @param[in]  db       the database
 * @param[in]  options  NULL: serializable and optimistic
 * @param[out] txn      [own] the transaction, to free with esker_txn_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_txn_begin(const esker_db *db,
                             const esker_txn_options *options,
                             esker_txn **txn,
                             esker_error **error);

/**
 * Makes the writes of a transaction take effect, all at once. Whatever this returns, it has ended; it is still to
 * be freed.
 *
 * @param[in]  txn    the transaction
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_CONFLICT (another commit touched what it depends on, or it lived too long to tell; begin
 *         again), ESKER_INVALID_ARGUMENT (also if it has ended), ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED,
 *         ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY,
 *         ESKER_CANCELLED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_commit(esker_txn *txn, esker_error **error);

/**
 * Ends a transaction without a trace. It is still to be freed; a free alone does the same.
 *
 * @param[in]  txn    the transaction
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if it has ended), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_rollback(esker_txn *txn, esker_error **error);

/**
 * Remembers what was written so far, for esker_txn_rollback_to_savepoint(). Savepoints nest.
 *
 * @param[in]  txn    the transaction
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_set_savepoint(esker_txn *txn, esker_error **error);

/**
 * Takes back the writes after the latest savepoint, and forgets that savepoint. What was read stays read, and what
 * was locked stays locked.
 *
 * @param[in]  txn    the transaction
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND (with an error: there is no savepoint), ESKER_INVALID_ARGUMENT, ESKER_CLOSED,
 *         ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_rollback_to_savepoint(esker_txn *txn, esker_error **error);

/**
 * Forgets the latest savepoint, and keeps what was written after it.
 *
 * @param[in]  txn    the transaction
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND (with an error: there is no savepoint), ESKER_INVALID_ARGUMENT, ESKER_CLOSED,
 *         ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_pop_savepoint(esker_txn *txn, esker_error **error);

/**
 * Frees a transaction. One that has not ended is rolled back.
 *
 * @param[in] txn  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same transaction. Since: 0.1.
 */
void esker_txn_free(esker_txn *txn);

/* ---- Reading in a transaction --------------------------------------------------------------------------------------
 *
 * A serializable transaction remembers what it read, also that a key was absent and which stretch an iterator
 * walked: if that has changed when it commits, the commit is ESKER_CONFLICT.
 */

/**
 * Reads the value of `key`, without a copy where it can.
 *
 * @param[in]  txn           the transaction
 * @param[in]  cf            NULL: the default column family
 * @param[in]  key, key_len  the key
 * @param[out] value         [own] the value, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error         [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED,
 *         ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_get(esker_txn *txn,
                           const esker_cf *cf,
                           const uint8_t *key,
                           size_t key_len,
                           esker_value **value,
                           esker_error **error);

/**
 * Reads the value of `key` for a write that depends on it: no other commit may change the key before this one,
 * under snapshot isolation too. With key locks it takes the lock first and then reads the latest commit.
 *
 * @param[in]  txn           the transaction
 * @param[in]  cf            NULL: the default column family
 * @param[in]  key, key_len  the key
 * @param[out] value         [own] the value, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error         [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED,
 *         ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC, and with key locks ESKER_BUSY (another transaction holds
 *         the key for longer than "lock_timeout_ms"), ESKER_CONFLICT (that one waits for this one: roll back),
 *         ESKER_CANCELLED
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_get_for_update(esker_txn *txn,
                                      const esker_cf *cf,
                                      const uint8_t *key,
                                      size_t key_len,
                                      esker_value **value,
                                      esker_error **error);

/**
 * Reads the value of `key` into the caller's memory.
 *
 * @param[in]  txn           the transaction
 * @param[in]  cf            NULL: the default column family
 * @param[in]  key, key_len  the key
 * @param[out] buf, cap      where the value goes; NULL, 0 to learn its length
 * @param[out] value_len     its length; with ESKER_BUFFER_TOO_SMALL the length needed, and nothing is written to
 *                           buf
 * @param[out] error         [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND, ESKER_BUFFER_TOO_SMALL, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION,
 *         ESKER_CLOSED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_get_into(esker_txn *txn,
                                const esker_cf *cf,
                                const uint8_t *key,
                                size_t key_len,
                                uint8_t *buf,
                                size_t cap,
                                size_t *value_len,
                                esker_error **error);

/**
 * Reads many keys, without copies where it can.
 *
 * @param[in]  txn             the transaction
 * @param[in]  cf              NULL: the default column family
 * @param[in]  n               how many keys; the arrays have this many elements
 * @param[in]  keys, key_lens  the keys
 * @param[out] values          [own] for each key with ESKER_OK its value, to free with esker_value_free(); else
 *                             NULL
 * @param[out] statuses        for each key ESKER_OK, ESKER_NOT_FOUND, or why it failed; if the call as a whole
 *                             fails, its status
 * @param[out] error           [own] NULL, or where to put the error of the call as a whole
 * @return ESKER_OK (the statuses tell), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_FORKED,
 *         ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_multi_get(esker_txn *txn,
                                 const esker_cf *cf,
                                 size_t n,
                                 const uint8_t *const *keys,
                                 const size_t *key_lens,
                                 esker_value **values,
                                 esker_status *statuses,
                                 esker_error **error);

/**
 * Makes an iterator over what the transaction sees now; its later writes do not show. It may outlive the
 * transaction.
 *
 * @param[in]  txn      the transaction
 * @param[in]  cf       NULL: the default column family
 * @param[in]  options  NULL: all keys. With a snapshot it is refused: a transaction has its own. Copied
 * @param[out] iter     [own] the iterator, to free with esker_iter_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED,
 *         ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_iter_new(esker_txn *txn,
                                const esker_cf *cf,
                                const esker_read_options *options,
                                esker_iter **iter,
                                esker_error **error);

/* ---- Writing in a transaction --------------------------------------------------------------------------------------
 *
 * The calls of Writing and Batches, seen by the transaction alone until it commits.
 */

/**
 * Sets `key` to `value`.
 *
 * @param[in]  txn               the transaction
 * @param[in]  cf                NULL: the default column family
 * @param[in]  key, key_len      at most 8 MiB; copied
 * @param[in]  value, value_len  at most 1 GiB; copied
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC, and
 *         with key locks ESKER_BUSY (another transaction holds the key for longer than "lock_timeout_ms"),
 *         ESKER_CONFLICT (that one waits for this one: roll back), ESKER_CANCELLED
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_put(esker_txn *txn,
                           const esker_cf *cf,
                           const uint8_t *key,
                           size_t key_len,
                           const uint8_t *value,
                           size_t value_len,
                           esker_error **error);

/**
 * Sets `key` to `value` until a time.
 *
 * @param[in]  txn               the transaction
 * @param[in]  cf                NULL: the default column family
 * @param[in]  key, key_len      at most 8 MiB; copied
 * @param[in]  value, value_len  at most 1 GiB; copied
 * @param[in]  expires_at_ms     milliseconds since 1970 at which the key is absent again
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC, and
 *         with key locks ESKER_BUSY (another transaction holds the key for longer than "lock_timeout_ms"),
 *         ESKER_CONFLICT (that one waits for this one: roll back), ESKER_CANCELLED
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_put_expiring(esker_txn *txn,
                                    const esker_cf *cf,
                                    const uint8_t *key,
                                    size_t key_len,
                                    const uint8_t *value,
                                    size_t value_len,
                                    uint64_t expires_at_ms,
                                    esker_error **error);

/**
 * Removes `key`, if it is there.
 *
 * @param[in]  txn           the transaction
 * @param[in]  cf            NULL: the default column family
 * @param[in]  key, key_len  at most 8 MiB; copied
 * @param[out] error         [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC, and
 *         with key locks ESKER_BUSY (another transaction holds the key for longer than "lock_timeout_ms"),
 *         ESKER_CONFLICT (that one waits for this one: roll back), ESKER_CANCELLED
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_delete(esker_txn *txn,
                              const esker_cf *cf,
                              const uint8_t *key,
                              size_t key_len,
                              esker_error **error);

/**
 * Removes every key from `start` on and before `end`. Takes no key locks.
 *
 * @param[in]  txn               the transaction
 * @param[in]  cf                NULL: the default column family
 * @param[in]  start, start_len  the first key to remove; copied
 * @param[in]  end, end_len      the first key to keep; copied; equal to start: nothing happens; before start:
 *                               refused
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_delete_range(esker_txn *txn,
                                    const esker_cf *cf,
                                    const uint8_t *start,
                                    size_t start_len,
                                    const uint8_t *end,
                                    size_t end_len,
                                    esker_error **error);

/**
 * Merges `operand` into what `key` has, by the merge operator of the family. Not a read.
 *
 * @param[in]  txn                   the transaction
 * @param[in]  cf                    NULL: the default column family
 * @param[in]  key, key_len          at most 8 MiB; copied
 * @param[in]  operand, operand_len  at most 1 GiB; copied
 * @param[out] error                 [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if there is no operator), ESKER_IO (no memory), ESKER_CLOSED,
 *         ESKER_FORKED, ESKER_PANIC, and with key locks ESKER_BUSY (another transaction holds the key for longer
 *         than "lock_timeout_ms"), ESKER_CONFLICT (that one waits for this one: roll back), ESKER_CANCELLED
 *
 * Threads: one at a time for the same transaction. Since: 0.1.
 */
esker_status esker_txn_merge(esker_txn *txn,
                             const esker_cf *cf,
                             const uint8_t *key,
                             size_t key_len,
                             const uint8_t *operand,
                             size_t operand_len,
                             esker_error **error);

/* ---- Transaction options -------------------------------------------------------------------------------------------
 *
 * Choices for transactions. In their place NULL means serializable and optimistic.
 */

/**
 * Makes transaction options with the defaults.
 *
 * @return [own] options to free with esker_txn_options_free(); NULL only after a panic
 *
 * Threads: any. Since: 0.1.
 */
esker_txn_options *esker_txn_options_new(void);

/**
 * Sets an option, as in ("mode", "pessimistic") or ("isolation", "snapshot"). On failure nothing is changed.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string; esker_txn_options_name() lists them
 * @param[in]  value    a C string
 * @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: one at a time for the same options. Since: 0.1.
 */
esker_status esker_txn_options_set(esker_txn_options *options,
                                   const char *name,
                                   const char *value,
                                   esker_error **error);

/**
 * Reads an option as text; esker_txn_options_set() takes that text.
 *
 * @param[in]  options  the options
 * @param[in]  name     a C string
 * @param[out] value    [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
 *
 * Threads: any number at once while nobody sets. Since: 0.1.
 */
esker_status esker_txn_options_get(const esker_txn_options *options,
                                   const char *name,
                                   esker_value **value,
                                   esker_error **error);

/**
 * The name of the option at `index`: 0, 1, … until NULL.
 *
 * @param[in] index  from 0
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_txn_options_name(size_t index);

/**
 * What the option at `index` does and which values it takes, in a sentence or two.
 *
 * @param[in] index  as for esker_txn_options_name()
 * @return a C string, a constant; NULL after the last
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_txn_options_doc(size_t index);

/**
 * Frees transaction options. Transactions made with them go on.
 *
 * @param[in] options  [own] NULL: nothing happens
 *
 * Threads: one at a time, with no other call on the same options. Since: 0.1.
 */
void esker_txn_options_free(esker_txn_options *options);

/* ---- Looking into batches ------------------------------------------------------------------------------------------
 *
 * A loop over a batch begins at 0, goes on at `next`, and ends with ESKER_NOT_FOUND:
 *
 * for (size_t at = 0; esker_batch_entry(batch, at, …, &at, NULL) == ESKER_OK;) …
 */

/** The key is removed. There is no value. */
#define ESKER_ENTRY_DELETE 0
/** The key gets the value. */
#define ESKER_ENTRY_PUT 1
/** The keys from `key` on and before `value` are removed. */
#define ESKER_ENTRY_DELETE_RANGE 2
/** The value is an operand for the merge operator of the family. */
#define ESKER_ENTRY_MERGE 3
/** The key gets the value until the time `expires_at_ms`. */
#define ESKER_ENTRY_PUT_EXPIRING 4

/**
 * Tells of one entry of a batch. What is not wanted may be NULL.
 *
 * @param[in]  batch             the batch
 * @param[in]  at                0 for the first entry, then `next` of the one before; no other number
 * @param[out] kind              NULL, or where to put one of ESKER_ENTRY_…
 * @param[out] cf_id             NULL, or where to put the number of the column family; see esker_cf_id()
 * @param[out] key, key_len      NULL, or where to put the key; valid until the batch is changed or freed
 * @param[out] value, value_len  NULL, or where to put the value; as the key
 * @param[out] expires_at_ms     NULL, or where to put the milliseconds since 1970 at which the value expires; 0: never
 * @param[out] next              where to put the position of the next entry; may be the variable that `at` came from
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_NOT_FOUND (`at` is the end; all outputs are 0), ESKER_INVALID_ARGUMENT (also for an `at`
 *         behind the end), ESKER_CORRUPTION (`at` is no entry's), ESKER_PANIC
 *
 * Threads: any number at once while nobody adds. Since: 0.1.
 */
esker_status esker_batch_entry(const esker_batch *batch,
                               size_t at,
                               int32_t *kind,
                               uint32_t *cf_id,
                               const uint8_t **key,
                               size_t *key_len,
                               const uint8_t **value,
                               size_t *value_len,
                               uint64_t *expires_at_ms,
                               size_t *next,
                               esker_error **error);

/* ---- Reading many keys at once -------------------------------------------------------------------------------------
 *
 * All keys are read at one moment, as if through a snapshot. Each key has its own status.
 */

/**
 * Reads many keys, without copies where it can.
 *
 * @param[in]  db              the database
 * @param[in]  cf              NULL: the default column family
 * @param[in]  n               how many keys; the arrays have this many elements
 * @param[in]  keys, key_lens  the keys
 * @param[in]  options         NULL: as of now
 * @param[out] values          [own] for each key with ESKER_OK its value, to free with esker_value_free(); else
 *                             NULL
 * @param[out] statuses        for each key ESKER_OK, ESKER_NOT_FOUND, ESKER_IO or ESKER_CORRUPTION; if the call as
 *                             a whole fails, its status. esker_get() on a key that failed tells more
 * @param[out] error           [own] NULL, or where to put the error of the call as a whole
 * @return ESKER_OK (the statuses tell), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_FORKED,
 *         ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_multi_get(const esker_db *db,
                             const esker_cf *cf,
                             size_t n,
                             const uint8_t *const *keys,
                             const size_t *key_lens,
                             const esker_read_options *options,
                             esker_value **values,
                             esker_status *statuses,
                             esker_error **error);

/**
 * Reads many keys into the caller's memory, with one key array and one value array for all of them.
 *
 * @param[in]  db            the database
 * @param[in]  cf            NULL: the default column family
 * @param[in]  n             how many keys; key_ends, value_ends and statuses have this many elements
 * @param[in]  keys          the keys, one after the other
 * @param[in]  key_ends      where each key ends in keys; it begins where the one before it ends, the first at 0
 * @param[in]  options       NULL: as of now
 * @param[out] buf, cap      where the values go, one after the other; NULL, 0 to learn the length
 * @param[out] value_ends    where each value ends in buf; a key without a value has an empty one
 * @param[out] statuses      for each key ESKER_OK, ESKER_NOT_FOUND, ESKER_IO or ESKER_CORRUPTION; if the call as a
 *                           whole fails, its status
 * @param[out] bytes_needed  the length of all values; with ESKER_BUFFER_TOO_SMALL nothing is written to buf
 * @param[out] error         [own] NULL, or where to put the error of the call as a whole
 * @return ESKER_OK (the statuses tell), ESKER_BUFFER_TOO_SMALL, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED,
 *         ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_multi_get_into(const esker_db *db,
                                  const esker_cf *cf,
                                  size_t n,
                                  const uint8_t *keys,
                                  const size_t *key_ends,
                                  const esker_read_options *options,
                                  uint8_t *buf,
                                  size_t cap,
                                  size_t *value_ends,
                                  esker_status *statuses,
                                  size_t *bytes_needed,
                                  esker_error **error);

/* ---- Many entries in one call --------------------------------------------------------------------------------------
 *
 * An entry is packed as u32 key length, u32 value length (both little-endian, not aligned), key, value; the next
 * one follows at once. A loop over all keys seeks once and then calls esker_iter_next_many() until it packs 0
 * entries.
 */

/**
 * Packs entries from the current one on, and leaves the iterator on the first one not packed.
 *
 * @param[in]  iter         the iterator
 * @param[out] buf, cap     where the entries go
 * @param[in]  max_entries  pack at most this many
 * @param[out] bytes        how many bytes were packed; with ESKER_BUFFER_TOO_SMALL how many the current entry needs
 * @param[out] entries      how many entries were packed; 0 with ESKER_OK: the iterator is not valid (or max_entries
 *                          is 0)
 * @param[out] error        [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_BUFFER_TOO_SMALL (not even one entry fits; the iterator has not moved),
 *         ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same iterator. Since: 0.1.
 */
esker_status esker_iter_next_many(esker_iter *iter,
                                  uint8_t *buf,
                                  size_t cap,
                                  size_t max_entries,
                                  size_t *bytes,
                                  size_t *entries,
                                  esker_error **error);

/**
 * The same backwards: packs the current entry, the one before it, and so on.
 *
 * @param[in]  iter         the iterator
 * @param[out] buf, cap     where the entries go
 * @param[in]  max_entries  pack at most this many
 * @param[out] bytes        how many bytes were packed; with ESKER_BUFFER_TOO_SMALL how many the current entry needs
 * @param[out] entries      how many entries were packed; 0 with ESKER_OK: the iterator is not valid (or max_entries
 *                          is 0)
 * @param[out] error        [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_BUFFER_TOO_SMALL (not even one entry fits; the iterator has not moved),
 *         ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: one at a time for the same iterator. Since: 0.1.
 */
esker_status esker_iter_prev_many(esker_iter *iter,
                                  uint8_t *buf,
                                  size_t cap,
                                  size_t max_entries,
                                  size_t *bytes,
                                  size_t *entries,
                                  esker_error **error);

/* ---- Care ----------------------------------------------------------------------------------------------------------
 *
 * The engine flushes and compacts by itself; these are for programs that want it now, or want to look.
 */

/**
 * Makes everything written so far survive a power cut.
 *
 * @param[in]  db     the database
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
 *         ESKER_POISONED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_sync(const esker_db *db, esker_error **error);

/**
 * Writes what is in memory to tables, and returns when that is done.
 *
 * @param[in]  db     the database
 * @param[in]  cf     NULL: every column family
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
 *         ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_flush(const esker_db *db, const esker_cf *cf, esker_error **error);

/**
 * Makes a second database that holds what this one holds now: every column family, as of one write. It shares the
 * tables by hard links where the file system can, and costs little then; elsewhere they are copied. Writes go on
 * meanwhile, and later ones touch only one of the two.
 *
 * Once it returned ESKER_OK all of it is durable, and it may be opened, here or elsewhere. What a crash leaves of an
 * unfinished one is an empty directory, or one that does not open. After an error what was made of it is removed.
 *
 * @param[in]  db     the database
 * @param[in]  path   a C string, in the encoding of the file system: a directory that is empty or not there yet, in
 *                    one that is
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT (there is something in `path`), ESKER_IO, ESKER_LOCKED, ESKER_CLOSED,
 *         ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_BUSY, ESKER_CANCELLED,
 *         ESKER_UNSUPPORTED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_checkpoint(const esker_db *db, const char *path, esker_error **error);

/**
 * Compacts the keys from `start` on and before `end`, and returns when that is done: deleted data is gone from the
 * disk after it.
 *
 * @param[in]  db                the database
 * @param[in]  cf                NULL: the default column family
 * @param[in]  start, start_len  NULL, 0: from the first key on
 * @param[in]  end, end_len      NULL, 0: up to the last key
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_READ_ONLY,
 *         ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_compact_range(const esker_db *db,
                                 const esker_cf *cf,
                                 const uint8_t *start,
                                 size_t start_len,
                                 const uint8_t *end,
                                 size_t end_len,
                                 esker_error **error);

/**
 * Numbers about a database: levels, memory, cache, stalls, what was read and written.
 *
 * @param[in]  db      the database
 * @param[in]  format  "text" for people, "json" or "prometheus" for programs; NULL: "text"
 * @param[out] value   [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error   [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_stats(const esker_db *db, const char *format, esker_value **value, esker_error **error);

/**
 * What the engine did of its own accord since the last call, as JSON lines, the oldest first: it opened, flushed,
 * compacted, made writes wait, failed at something.
 *
 * A line is `{"time_ms":1795182098000,"level":"info","what":"flush","text":"..."}`. `level` is "info", "warning" or
 * "error"; `what` is "open", "flush", "compaction", "stall", "background", "poisoned", "family", "close" or "lost".
 * The engine keeps the latest 1024 records; when older ones had to give way, the first line says how many.
 *
 * @param[in]  db       the database
 * @param[out] records  [own] the lines, each with a newline at its end; empty if there are none; to free with
 *                      esker_value_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once; each record goes to one of them. Since: 0.1.
 */
esker_status esker_drain_log(const esker_db *db, esker_value **records, esker_error **error);

/**
 * One of those numbers by its name, as in "latest_seqno" or "levels".
 *
 * @param[in]  db     the database
 * @param[in]  name   a C string; esker_property_names() lists them
 * @param[out] value  [own] the number as text, or rows as JSON, to free with esker_value_free(); NULL unless
 *                    ESKER_OK
 * @param[out] error  [own] NULL, or where to put the error; it offers the nearest name for an unknown one
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_property(const esker_db *db, const char *name, esker_value **value, esker_error **error);

/**
 * The names that esker_property() knows.
 *
 * @param[in]  db     the database
 * @param[out] names  [own] the names, to free with esker_names_free(); NULL unless ESKER_OK
 * @param[out] error  [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_property_names(const esker_db *db, esker_names **names, esker_error **error);

/**
 * About how many bytes the keys from `start` on and before `end` take on disk. What is in memory yet does not
 * count. Reads indexes only, and is off by a block for each table at most.
 *
 * @param[in]  db                the database
 * @param[in]  cf                NULL: the default column family
 * @param[in]  start, start_len  NULL, 0: from the first key on
 * @param[in]  end, end_len      NULL, 0: up to the last key
 * @param[out] bytes             how many
 * @param[out] error             [own] NULL, or where to put the error
 * @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
 *
 * Threads: any number at once. Since: 0.1.
 */
esker_status esker_approximate_size(const esker_db *db,
                                    const esker_cf *cf,
                                    const uint8_t *start,
                                    size_t start_len,
                                    const uint8_t *end,
                                    size_t end_len,
                                    uint64_t *bytes,
                                    esker_error **error);

/**
 * Reads and checks every file of a database that is not open. Writes nothing.
 *
 * @param[in]  path     a C string, in the encoding of the file system
 * @param[in]  options  NULL, or what has the comparators of the database; nothing else in them has a meaning here
 * @param[out] report   [own] what was checked, as text, to free with esker_value_free(); NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error: with ESKER_CORRUPTION it has the file and offset of
 *                      the first problem, and its message is the whole report
 * @return ESKER_OK (all is well), ESKER_CORRUPTION, ESKER_NOT_FOUND (with an error: no database there),
 *         ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_LOCKED, ESKER_FORKED, ESKER_FORMAT, ESKER_PANIC
 *
 * Threads: any. Since: 0.1.
 */
esker_status esker_verify(const char *path, const esker_options *options, esker_value **report, esker_error **error);

/**
 * Looks into a file of a database, a log segment, a MANIFEST or a table, or at what a database directory holds: what is
 * in it, checked. Reads only and takes no lock, so it also works while the database is open, whose newest writes may
 * then be missing.
 *
 * @param[in]  path     a C string, in the encoding of the file system
 * @param[in]  format   "text" for people, "json" for programs; NULL: "text"
 * @param[in]  entries  at most so many entries are shown, with their keys escaped as in C; 0: none
 * @param[out] value    [own] what was found, to free with esker_value_free(); its "problems" say what is damaged, if
 *                      anything is; NULL unless ESKER_OK
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK (whether or not something is damaged), ESKER_NOT_FOUND (with an error: no such file, or no database
 *         in the directory), ESKER_INVALID_ARGUMENT (also for a file of another kind), ESKER_IO, ESKER_PANIC
 *
 * Threads: any. Since: 0.1.
 */
esker_status esker_inspect(const char *path,
                           const char *format,
                           uint64_t entries,
                           esker_value **value,
                           esker_error **error);

/**
 * Removes a database that is not open. Its directory stays, and so does every file in it that is not the
 * database's.
 *
 * @param[in]  path     a C string, in the encoding of the file system
 * @param[in]  options  NULL; in this version no option has a meaning here
 * @param[out] error    [own] NULL, or where to put the error
 * @return ESKER_OK (also if there is none), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_LOCKED, ESKER_PANIC
 *
 * Threads: any. Since: 0.1.
 */
esker_status esker_destroy(const char *path, const esker_options *options, esker_error **error);

/* ---- Versions ------------------------------------------------------------------------------------------------------
 *
 * The macros above say which header the program was compiled with, these functions which library it runs with. They
 * work anywhere and any time.
 */

/**
 * The number of the ABI: the `.0` of libesker.so.0. It changes when a program would have to be compiled anew, and
 * only then.
 */
#define ESKER_ABI_VERSION 0

/**
 * The version of the library as text, such as "1.2.3".
 *
 * @return a constant; never NULL
 *
 * Threads: any. Since: 0.1.
 */
const char *esker_version(void);

/**
 * The version of the library as a number that grows: 1000000 * major + 1000 * minor + patch.
 *
 * @return the number; ESKER_VERSION_NUMBER if the header is of the same version
 *
 * Threads: any. Since: 0.1.
 */
uint32_t esker_version_number(void);

/**
 * The number of the ABI.
 *
 * @return the number; a program compiled with another ESKER_ABI_VERSION must not go on
 *
 * Threads: any. Since: 0.1.
 */
uint32_t esker_abi_version(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ESKER_H */
