/* Many entries in one call: packed as documented, nothing left out, nothing twice, whatever the size of the buffer. */
#include "xtest.h"

enum { COUNT = 1000 };

static uint32_t u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static size_t value_of(unsigned i, uint8_t *value) {
    size_t len = i % 37;
    memset(value, (int)(i % 251), len);
    return len;
}

/* Checks the entries of one buffer; `next` is the number of the first, and of the one after the last at the end. */
static void unpack(const uint8_t *buf, size_t bytes, size_t entries, int step, int *next) {
    size_t at = 0;
    for (size_t i = 0; i < entries; i++, *next += step) {
        char key[16];
        uint8_t value[64];
        snprintf(key, sizeof key, "key%05d", *next);
        CHECK(bytes - at >= 8);
        uint32_t key_len = u32(buf + at), value_len = u32(buf + at + 4);
        CHECK(bytes - at - 8 >= (size_t)key_len + value_len);
        CHECK(key_len == strlen(key) && memcmp(buf + at + 8, key, key_len) == 0);
        CHECK(value_len == value_of((unsigned)*next, value));
        CHECK(memcmp(buf + at + 8 + key_len, value, value_len) == 0);
        at += 8 + (size_t)key_len + value_len;
    }
    CHECK(at == bytes);
}

static void scan(esker_db *db, size_t cap, size_t max_entries, int forward) {
    uint8_t *buf = malloc(cap + 1);
    esker_iter *iter = NULL;
    size_t bytes = 9, entries = 9;
    int next = forward ? 0 : COUNT - 1;
    CHECK(buf != NULL);
    buf[cap] = 0xA5;
    CHECK_OK(esker_iter_new(db, NULL, NULL, &iter, &error));
    CHECK_PLAIN(ESKER_OK, forward ? esker_iter_seek_to_first(iter) : esker_iter_seek_to_last(iter));
    do {
        if (forward)
            CHECK_OK(esker_iter_next_many(iter, buf, cap, max_entries, &bytes, &entries, &error));
        else
            CHECK_OK(esker_iter_prev_many(iter, buf, cap, max_entries, &bytes, &entries, &error));
        CHECK(bytes <= cap && entries <= max_entries && buf[cap] == 0xA5);
        unpack(buf, bytes, entries, forward ? 1 : -1, &next);
    } while (entries > 0);
    CHECK(next == (forward ? COUNT : -1));
    CHECK(!esker_iter_valid(iter));
    esker_iter_free(iter);
    free(buf);
}

int main(int argc, char **argv) {
    esker_db *db = xtest_open(xtest_path(xtest_dir(argc, argv), "db"));
    esker_iter *iter = NULL;
    uint8_t buf[64];
    size_t bytes = 0, entries = 0;
    char key[16];

    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t value[64];
        size_t len = value_of(i, value);
        snprintf(key, sizeof key, "key%05u", i);
        CHECK_OK(esker_put(db, NULL, B(key), value, len, NULL, &error));
        if (i == COUNT / 2) CHECK_OK(esker_flush(db, NULL, &error));
    }

    PHASE("every entry once, in order, by any buffer and any limit");
    for (int forward = 0; forward < 2; forward++) {
        scan(db, 52, SIZE_MAX, forward);
        scan(db, 1000, SIZE_MAX, forward);
        scan(db, 1 << 20, SIZE_MAX, forward);
        scan(db, 1 << 20, 1, forward);
        scan(db, 1 << 20, 7, forward);
    }

    PHASE("the iterator stands on the first entry not packed");
    CHECK_OK(esker_iter_new(db, NULL, NULL, &iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek(iter, B("key00003")));
    CHECK_OK(esker_iter_next_many(iter, buf, sizeof buf, 2, &bytes, &entries, &error));
    CHECK(entries == 2 && bytes == 2 * 16 + 3 + 4);
    size_t len = 0;
    CHECK(memcmp(esker_iter_key(iter, &len), "key00005", 8) == 0 && len == 8);
    CHECK_OK(esker_iter_prev_many(iter, buf, sizeof buf, 2, &bytes, &entries, &error));
    CHECK(entries == 2 && memcmp(esker_iter_key(iter, &len), "key00003", 8) == 0);

    PHASE("if not even one fits, the length it needs is told and nothing moves");
    CHECK_STATUS(ESKER_BUFFER_TOO_SMALL, esker_iter_next_many(iter, buf, 18, 9, &bytes, &entries, &error));
    CHECK(bytes == 8 + 8 + 3 && entries == 0);
    CHECK_STATUS(ESKER_BUFFER_TOO_SMALL, esker_iter_prev_many(iter, NULL, 0, 9, &bytes, &entries, &error));
    CHECK(bytes == 8 + 8 + 3 && entries == 0);
    CHECK(memcmp(esker_iter_key(iter, &len), "key00003", 8) == 0);

    PHASE("no entries asked for, none packed");
    CHECK_OK(esker_iter_next_many(iter, buf, sizeof buf, 0, &bytes, &entries, &error));
    CHECK(bytes == 0 && entries == 0 && esker_iter_valid(iter));

    PHASE("beyond the end: no entries, and no error");
    CHECK_PLAIN(ESKER_OK, esker_iter_seek(iter, B("z")));
    CHECK_OK(esker_iter_next_many(iter, buf, sizeof buf, 9, &bytes, &entries, &error));
    CHECK(bytes == 0 && entries == 0);
    CHECK_OK(esker_iter_prev_many(iter, NULL, 0, 9, &bytes, &entries, &error));
    CHECK(bytes == 0 && entries == 0);
    esker_iter_free(iter);
    CHECK_OK(esker_close(db, &error));
    return 0;
}
