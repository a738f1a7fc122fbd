/* loader.c: loads a tab-separated file with an index of its words, and acknowledges each batch on standard output.
 *
 *   loader DIRECTORY FILE FIRST_ROW ROWS_PER_BATCH [OPTION=VALUE …]
 *
 * A row "key <tab> name <tab> more" becomes, all in one atomic batch with its neighbours:
 *   row/<key>           -> name <tab> more
 *   word/<WORD>/<key>   -> nothing, for every word of the name, in capitals
 *   meta/rows           -> how many rows of the file are in, this batch included
 * A line "acknowledged N" on standard output says that the first N rows survive the death of this process. It is meant to
 * be killed: started again with FIRST_ROW = N it goes on. The batch in flight is there whole or not at all. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esker.h"

static const uint8_t *bytes(const char *text) { return (const uint8_t *)text; }

/* Ends the program if a call failed, with what the library says about it. */
/* The place of the error, not the error: arguments are evaluated in any order, and the call is one of them. */
static void must(esker_status status, esker_error **error, const char *what)
{
    if (status == ESKER_OK)
        return;
    fprintf(stderr, "loader: %s: %s: %s\n", what, esker_status_name(status),
            error != NULL && *error != NULL ? esker_error_message(*error) : "no details");
    exit(1);
}

/* A key under construction, reused from row to row. */
struct text {
    char *at;
    size_t len, cap;
};

static void append(struct text *text, const char *more, size_t len)
{
    if (text->len + len > text->cap) {
        text->cap = 2 * (text->len + len);
        text->at = realloc(text->at, text->cap);
        if (!text->at)
            abort();
    }
    if (len)
        memcpy(text->at + text->len, more, len);
    text->len += len;
}

static void put(esker_batch *batch, const struct text *key, const char *value, size_t len)
{
    esker_error *error = NULL;
    must(esker_batch_put(batch, NULL, bytes(key->at), key->len, bytes(value), len, &error), &error, "batch put");
}

static int is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
}

/* word/<WORD>/<key> for every word of the name. */
static void put_words(esker_batch *batch, const char *name, size_t len, const char *row_key, size_t row_key_len)
{
    static struct text key;
    for (size_t i = 0; i < len;) {
        if (!is_word((unsigned char)name[i])) {
            i++;
            continue;
        }
        key.len = 0;
        append(&key, "word/", 5);
        for (; i < len && is_word((unsigned char)name[i]); i++) {
            char c = name[i];
            if (c >= 'a' && c <= 'z')
                c = (char)(c - 'a' + 'A');
            append(&key, &c, 1);
        }
        append(&key, "/", 1);
        append(&key, row_key, row_key_len);
        put(batch, &key, "", 0);
    }
}

static void put_row(esker_batch *batch, const char *line, size_t len)
{
    static struct text key;
    const char *tab = memchr(line, '\t', len);
    size_t key_len = tab ? (size_t)(tab - line) : len;
    const char *value = tab ? tab + 1 : line + len;
    size_t value_len = len - (size_t)(value - line);
    const char *name_end = value_len ? memchr(value, '\t', value_len) : NULL;

    key.len = 0;
    append(&key, "row/", 4);
    append(&key, line, key_len);
    put(batch, &key, value, value_len);
    put_words(batch, value, name_end ? (size_t)(name_end - value) : value_len, line, key_len);
}

/* Writes the batch; when this returns, its rows survive a SIGKILL. */
static void commit(const esker_db *db, esker_batch *batch, unsigned long long rows)
{
    static struct text key;
    char count[32];
    esker_error *error = NULL;
    key.len = 0;
    append(&key, "meta/rows", 9);
    put(batch, &key, count, (size_t)snprintf(count, sizeof count, "%llu", rows));
    must(esker_write(db, batch, NULL, &error), &error, "write");
    esker_batch_clear(batch);
    printf("acknowledged %llu\n", rows);
    fflush(stdout);
}

/* How many rows an earlier run left behind. */
static unsigned long long rows_found(const esker_db *db)
{
    uint8_t count[32] = {0};
    size_t len = 0;
    esker_error *error = NULL;
    esker_status status = esker_get_into(db, NULL, bytes("meta/rows"), 9, NULL, count, sizeof count - 1, &len, &error);
    if (status == ESKER_NOT_FOUND)
        return 0;
    must(status, &error, "get meta/rows");
    return strtoull((const char *)count, NULL, 10);
}

static esker_db *open_database(const char *directory, char **settings)
{
    esker_error *error = NULL;
    esker_db *db = NULL;
    esker_options *options = esker_options_new();
    for (; *settings; settings++) {
        char *equals = strchr(*settings, '=');
        if (!equals) {
            fprintf(stderr, "loader: \"%s\" is not OPTION=VALUE\n", *settings);
            exit(2);
        }
        *equals = '\0';
        must(esker_options_set(options, *settings, equals + 1, &error), &error, "option");
    }
    must(esker_open(directory, options, &db, &error), &error, "open");
    esker_options_free(options);
    return db;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: loader DIRECTORY FILE FIRST_ROW ROWS_PER_BATCH [OPTION=VALUE ...]\n");
        return 2;
    }
    unsigned long long first = strtoull(argv[3], NULL, 10), per_batch = strtoull(argv[4], NULL, 10);
    unsigned long long rows = 0, committed = first;
    FILE *file = fopen(argv[2], "rb");
    if (!file || per_batch == 0) {
        fprintf(stderr, "loader: %s: %s\n", argv[2], file ? "ROWS_PER_BATCH must not be 0" : strerror(errno));
        return 2;
    }
    esker_db *db = open_database(argv[1], argv + 5);
    printf("found %llu\n", rows_found(db));
    fflush(stdout);

    esker_batch *batch = esker_batch_new();
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, file)) >= 0) {
        if (rows++ < first)
            continue;
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        if (len > 0)
            put_row(batch, line, (size_t)len);
        if (rows % per_batch == 0)
            commit(db, batch, committed = rows);
    }
    if (rows > committed)
        commit(db, batch, rows);
    esker_error *error = NULL;
    must(esker_close(db, &error), &error, "close");
    esker_batch_free(batch);
    free(line);
    fclose(file);
    printf("done\n");
    return 0;
}
