/* Writing and reading of single keys: every kind of key and value comes back as it went in, and absent is absent. */
#include "xtest.h"

/* Whether `key` has `value`, both as bytes, by both ways to read. */
static void check_get(esker_db *db, const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len) {
    esker_value *found = NULL;
    size_t len = 0;
    uint8_t *copy = malloc(value_len + 1);
    CHECK(copy != NULL);
    CHECK_OK(esker_get(db, NULL, key, key_len, NULL, &found, &error));
    const uint8_t *data = esker_value_data(found, &len);
    CHECK(data != NULL && len == value_len && memcmp(data, value, len) == 0);
    CHECK_OK(esker_get_into(db, NULL, key, key_len, NULL, copy, value_len, &len, &error));
    CHECK(len == value_len && memcmp(copy, value, len) == 0);
    esker_value_free(found);
    free(copy);
}

static void round_trip(esker_db *db, const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len) {
    esker_value *found = (esker_value *)(void *)&db;
    size_t len = 99;
    CHECK_OK(esker_put(db, NULL, key, key_len, value, value_len, NULL, &error));
    check_get(db, key, key_len, value, value_len);
    CHECK_OK(esker_delete(db, NULL, key, key_len, NULL, &error));
    CHECK_STATUS(ESKER_NOT_FOUND, esker_get(db, NULL, key, key_len, NULL, &found, &error));
    CHECK(found == NULL);
    CHECK_STATUS(ESKER_NOT_FOUND, esker_get_into(db, NULL, key, key_len, NULL, NULL, 0, &len, &error));
    CHECK(len == 0);
    CHECK_OK(esker_delete(db, NULL, key, key_len, NULL, &error));
}

int main(int argc, char **argv) {
    esker_db *db = xtest_open(xtest_path(xtest_dir(argc, argv), "db"));
    static const uint8_t with_nuls[] = {0, 1, 0, 255, 0};
    uint8_t buffer[8];
    size_t len = 99;

    PHASE("keys and values of any bytes come back, the empty ones too");
    round_trip(db, B("key"), B("value"));
    round_trip(db, B(""), B("value"));
    round_trip(db, B("key"), B(""));
    round_trip(db, NULL, 0, B("value"));
    round_trip(db, B("key"), (const uint8_t *)"", 0);
    round_trip(db, BYTES(with_nuls), BYTES(with_nuls));

    PHASE("NULL with length 0 is the empty value, which is found");
    CHECK_OK(esker_put(db, NULL, B("empty"), NULL, 0, NULL, &error));
    CHECK(xtest_has(db, "empty", "", NULL));

    PHASE("a large value comes back whole");
    size_t large = (size_t)5 << 20;
    uint8_t *bytes = malloc(large);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < large; i++) bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    round_trip(db, B("large"), bytes, large);
    free(bytes);

    PHASE("a buffer that is too small gets nothing but the length it needs");
    xtest_put(db, "nine", "123456789");
    memset(buffer, 7, sizeof buffer);
    CHECK_STATUS(ESKER_BUFFER_TOO_SMALL,
                 esker_get_into(db, NULL, B("nine"), NULL, buffer, sizeof buffer, &len, &error));
    CHECK(len == 9 && buffer[0] == 7 && buffer[7] == 7);
    CHECK_STATUS(ESKER_BUFFER_TOO_SMALL, esker_get_into(db, NULL, B("nine"), NULL, NULL, 0, &len, &error));
    CHECK(len == 9);

    PHASE("a key beyond 8 MiB is refused and changes nothing");
    size_t limit = (size_t)8 << 20;
    uint8_t *key = calloc(limit + 1, 1);
    CHECK(key != NULL);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_put(db, NULL, key, limit + 1, B("value"), NULL, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_delete(db, NULL, key, limit + 1, NULL, &error));
    round_trip(db, key, limit, B("value"));
    free(key);

    PHASE("delete_range takes the start and leaves the end");
    xtest_put(db, "a", "1");
    xtest_put(db, "b", "2");
    xtest_put(db, "c", "3");
    CHECK_OK(esker_delete_range(db, NULL, B("a"), B("c"), NULL, &error));
    CHECK(xtest_has(db, "a", NULL, NULL) && xtest_has(db, "b", NULL, NULL) && xtest_has(db, "c", "3", NULL));
    CHECK_OK(esker_delete_range(db, NULL, B("c"), B("c"), NULL, &error));
    CHECK(xtest_has(db, "c", "3", NULL));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_delete_range(db, NULL, B("z"), B("a"), NULL, &error));
    CHECK(xtest_has(db, "c", "3", NULL));

    PHASE("a value stays readable when its key is gone and its database closed");
    esker_value *kept = NULL;
    xtest_put(db, "kept", "still here");
    CHECK_OK(esker_flush(db, NULL, &error));
    CHECK_OK(esker_get(db, NULL, B("kept"), NULL, &kept, &error));
    CHECK_OK(esker_delete(db, NULL, B("kept"), NULL, &error));
    CHECK_OK(esker_compact_range(db, NULL, NULL, 0, NULL, 0, &error));
    CHECK_OK(esker_close(db, &error));
    const uint8_t *data = esker_value_data(kept, &len);
    CHECK(len == 10 && memcmp(data, "still here", 10) == 0);
    esker_value_free(kept);
    return 0;
}
