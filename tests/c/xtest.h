/*
 * The least a test in C needs: phases with names, checks that say what was found, shorthands for bytes and databases.
 *
 * A program gets an empty directory as its first argument and runs its phases in order; the first check that fails ends
 * it with the place, the expression and the error's message. Driven by ffi/tests/it/c_programs.rs.
 */
#ifndef XTEST_H
#define XTEST_H

#include <esker.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Begins a phase: what holds in it. */
#define PHASE(what) (printf("%s\n", what), fflush(stdout))

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) xtest_fail(__FILE__, __LINE__, #condition, NULL);                                            \
    } while (0)

/* `call` uses the variable &error and must return `status`; the error object is there exactly when it should be. */
#define CHECK_STATUS(status, call)                                                                                     \
    do {                                                                                                               \
        esker_error *error = NULL;                                                                                     \
        esker_status xtest_got = (call); /* before `error` is looked at: arguments have no order */                    \
        xtest_status(__FILE__, __LINE__, #call, (status), xtest_got, error);                                           \
    } while (0)

#define CHECK_OK(call) CHECK_STATUS(ESKER_OK, call)

/* A call without an error parameter. */
#define CHECK_PLAIN(status, call)                                                                                      \
    do {                                                                                                               \
        esker_status xtest_got = (call);                                                                               \
        if (xtest_got != (status)) xtest_fail(__FILE__, __LINE__, #call, esker_status_name(xtest_got));                \
    } while (0)

/* A C string as pointer and length: esker_put(db, NULL, B("key"), B("value"), NULL, &error). */
#define B(text) (const uint8_t *)(text), strlen(text)

/* The same for an array whose length the compiler knows; for bytes with NULs. */
#define BYTES(array) (const uint8_t *)(array), sizeof(array)

static void xtest_fail(const char *file, int line, const char *what, const char *found) {
    fprintf(stderr, "%s:%d: %s", file, line, what);
    if (found != NULL) fprintf(stderr, "\n    found: %s", found);
    fprintf(stderr, "\n");
    exit(1);
}

static inline void xtest_status(const char *file, int line, const char *call, esker_status want, esker_status got,
                                esker_error *error) {
    if (got != want) {
        fprintf(stderr, "    %s\n", esker_error_message(error));
        xtest_fail(file, line, call, esker_status_name(got));
    }
    if (got == ESKER_OK && error != NULL) xtest_fail(file, line, call, "ESKER_OK with an error object");
    if (error != NULL) {
        if (esker_error_code(error) != got) xtest_fail(file, line, call, "an error of another status");
        if (strlen(esker_error_message(error)) == 0) xtest_fail(file, line, call, "an error without a message");
        esker_error_free(error);
    }
}

/* The first argument, the directory to work in. */
static inline const char *xtest_dir(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        exit(2);
    }
    return argv[1];
}

/* A path below a directory, which lives as long as the program. */
static inline char *xtest_path(const char *dir, const char *name) {
    static struct kept {
        struct kept *older;
        char path[512];
    } *newest = NULL;
    struct kept *kept = malloc(sizeof *kept);
    if (kept == NULL || strlen(dir) + strlen(name) + 2 > sizeof kept->path) abort();
    snprintf(kept->path, sizeof kept->path, "%s/%s", dir, name);
    kept->older = newest;
    newest = kept;
    return kept->path;
}

/* Opens a database with defaults, or with one option. */
static inline esker_db *xtest_open_with(const char *path, const char *name, const char *value) {
    esker_db *db = NULL;
    esker_options *options = esker_options_new();
    CHECK(options != NULL);
    if (name != NULL) CHECK_OK(esker_options_set(options, name, value, &error));
    CHECK_OK(esker_open(path, options, &db, &error));
    CHECK(db != NULL);
    esker_options_free(options);
    return db;
}

static inline esker_db *xtest_open(const char *path) {
    return xtest_open_with(path, NULL, NULL);
}

static inline void xtest_put(esker_db *db, const char *key, const char *value) {
    CHECK_OK(esker_put(db, NULL, B(key), B(value), NULL, &error));
}

/* Whether `key` has this value, NULL for absent, as `options` see it. */
static inline int xtest_has(esker_db *db, const char *key, const char *value, const esker_read_options *options) {
    esker_value *found = NULL;
    size_t len = 1;
    if (value == NULL) {
        CHECK_STATUS(ESKER_NOT_FOUND, esker_get(db, NULL, B(key), options, &found, &error));
        return found == NULL;
    }
    CHECK_OK(esker_get(db, NULL, B(key), options, &found, &error));
    const uint8_t *data = esker_value_data(found, &len);
    int same = data != NULL && len == strlen(value) && memcmp(data, value, len) == 0;
    esker_value_free(found);
    return same;
}

/* Whether a text value has `part` in it. */
static inline int xtest_contains(const esker_value *text, const char *part) {
    return strstr((const char *)esker_value_data(text, NULL), part) != NULL;
}

/* Whether the iterator stands on this entry; NULL for not standing on one. */
static inline int xtest_at(const esker_iter *iter, const char *key, const char *value) {
    size_t key_len = 99, value_len = 99;
    const uint8_t *k = esker_iter_key(iter, &key_len), *v = esker_iter_value(iter, &value_len);
    if (key == NULL) return !esker_iter_valid(iter) && k == NULL && v == NULL && key_len == 0 && value_len == 0;
    return esker_iter_valid(iter) && key_len == strlen(key) && memcmp(k, key, key_len) == 0 &&
           value_len == strlen(value) && memcmp(v, value, value_len) == 0;
}

#endif
