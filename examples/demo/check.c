/* check.c: compares a database with what it should hold, entry by entry, through the C interface.
 *
 *   check DIRECTORY EXPECTED
 *
 * EXPECTED holds the entries in the order of their keys, packed as esker_iter_next_many packs them: key length and value
 * length as 32-bit little-endian numbers, then key and value. Each key is read by esker_get_into, then all entries by
 * esker_iter_next_many. The database may hold nothing else. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esker.h"

static void fail(const char *what, uint64_t entry)
{
    fprintf(stderr, "check (C): %s at entry %llu\n", what, (unsigned long long)entry);
    exit(1);
}

/* The place of the error, not the error: arguments are evaluated in any order, and the call is one of them. */
static void must(esker_status status, esker_error **error, const char *what)
{
    if (status == ESKER_OK)
        return;
    fprintf(stderr, "check (C): %s: %s: %s\n", what, esker_status_name(status),
            error != NULL && *error != NULL ? esker_error_message(*error) : "no details");
    exit(1);
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        exit(2);
    }
    fclose(file);
    *len = (size_t)size;
    return data;
}

/* Reads every key on its own. */
static uint64_t check_gets(const esker_db *db, const uint8_t *expected, size_t len)
{
    size_t cap = 1 << 16;
    uint8_t *buffer = malloc(cap);
    uint64_t entries = 0;
    for (size_t at = 0; at < len; entries++) {
        uint32_t key_len = u32(expected + at), value_len = u32(expected + at + 4);
        const uint8_t *key = expected + at + 8, *value = key + key_len;
        if (value_len > cap)
            buffer = realloc(buffer, cap = value_len);
        if (!buffer)
            abort();
        size_t got = 0;
        esker_error *error = NULL;
        esker_status status = esker_get_into(db, NULL, key, key_len, NULL, buffer, cap, &got, &error);
        if (status == ESKER_NOT_FOUND)
            fail("a key is missing", entries);
        must(status, &error, "get");
        if (got != value_len || memcmp(buffer, value, got) != 0)
            fail("a wrong value", entries);
        at += 8 + (size_t)key_len + value_len;
    }
    free(buffer);
    return entries;
}

/* Reads everything in order. The packed form is the same as that of the file, so comparing is memcmp. */
static uint64_t check_scan(const esker_db *db, const uint8_t *expected, size_t len)
{
    esker_error *error = NULL;
    esker_iter *iter = NULL;
    size_t cap = 1 << 20, at = 0, count = 0, size = 0;
    uint64_t entries = 0;
    uint8_t *buffer = malloc(cap);
    must(esker_iter_new(db, NULL, NULL, &iter, &error), &error, "iterator");
    must(esker_iter_seek_to_first(iter), NULL, "seek");
    for (;;) {
        esker_status status = esker_iter_next_many(iter, buffer, cap, SIZE_MAX, &size, &count, &error);
        if (status == ESKER_BUFFER_TOO_SMALL) {
            esker_error_free(error);
            error = NULL;
            buffer = realloc(buffer, cap = size);
            if (!buffer)
                abort();
            continue;
        }
        must(status, &error, "next_many");
        if (count == 0)
            break;
        if (at + size > len)
            fail("more entries than expected", entries);
        if (memcmp(buffer, expected + at, size) != 0)
            fail("a wrong entry in the chunk", entries);
        at += size;
        entries += count;
    }
    if (at != len)
        fail("the scan ends too early", entries);
    esker_iter_free(iter);
    free(buffer);
    return entries;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: check DIRECTORY EXPECTED\n");
        return 2;
    }
    size_t len = 0;
    uint8_t *expected = read_file(argv[2], &len);
    esker_error *error = NULL;
    esker_db *db = NULL;
    esker_options *options = esker_options_new();
    must(esker_options_set(options, "read_only", "true", &error), &error, "option");
    must(esker_open(argv[1], options, &db, &error), &error, "open");
    esker_options_free(options);
    uint64_t got = check_gets(db, expected, len), scanned = check_scan(db, expected, len);
    must(esker_close(db, &error), &error, "close");
    free(expected);
    printf("%llu gets, %llu entries scanned in chunks\n", (unsigned long long)got, (unsigned long long)scanned);
    return 0;
}
