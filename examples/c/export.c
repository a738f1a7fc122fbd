/*
 * Reads a whole database fast: many entries per call, packed into one buffer, as of one moment.
 *
 *     cc export.c $(pkg-config --cflags --libs esker) && ./a.out DIRECTORY
 *
 * Fills the database with squares first, and prints what it read: how many entries, and the sum of their values.
 */
#include <esker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(esker_status status, esker_error **error) {
    if (status == ESKER_OK) return;
    fprintf(stderr, "%s: %s\n", esker_status_name(status), error != NULL ? esker_error_message(*error) : "");
    exit(1);
}

/* A number as it is packed: little-endian, not aligned. */
static uint32_t unpack_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Adds up the values of `entries` packed entries: u32 key length, u32 value length, key, value. */
static uint64_t sum(const uint8_t *buf, size_t entries) {
    uint64_t total = 0;
    for (size_t i = 0; i < entries; i++) {
        uint32_t key_len = unpack_u32(buf), value_len = unpack_u32(buf + 4);
        char number[32] = {0};
        memcpy(number, buf + 8 + key_len, value_len);
        total += strtoull(number, NULL, 10);
        buf += 8 + (size_t)key_len + value_len;
    }
    return total;
}

int main(int argc, char **argv) {
    esker_error *error = NULL;
    esker_db *db = NULL;
    esker_iter *iter = NULL;
    must(esker_open(argc > 1 ? argv[1] : "squares", NULL, &db, &error), &error);

    for (uint64_t i = 0; i < 10000; i++) {
        char key[16], value[32];
        int key_len = snprintf(key, sizeof key, "%08u", (unsigned)i);
        int value_len = snprintf(value, sizeof value, "%llu", (unsigned long long)(i * i));
        must(esker_put(db, NULL, (const uint8_t *)key, (size_t)key_len, (const uint8_t *)value, (size_t)value_len, NULL,
                       &error),
             &error);
    }

    size_t cap = 1 << 16, bytes = 0, entries = 0, count = 0;
    uint8_t *buf = malloc(cap);
    uint64_t total = 0;
    if (buf == NULL) return 1;
    must(esker_iter_new(db, NULL, NULL, &iter, &error), &error);
    must(esker_iter_seek_to_first(iter), NULL);
    do {
        /* An entry larger than the buffer would be ESKER_BUFFER_TOO_SMALL, with the size it needs in `bytes`. */
        must(esker_iter_next_many(iter, buf, cap, SIZE_MAX, &bytes, &entries, &error), &error);
        total += sum(buf, entries);
        count += entries;
    } while (entries > 0);
    printf("%zu entries, sum %llu\n", count, (unsigned long long)total);

    free(buf);
    esker_iter_free(iter);
    must(esker_close(db, &error), &error);
    return 0;
}
