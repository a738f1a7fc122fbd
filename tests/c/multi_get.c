/* Many keys in one call: each with its own status, all at one moment, as values or packed. */
#include "xtest.h"

enum { N = 5 };
static const char *const keys[N] = {"a", "missing", "", "big", "empty"};

static void fill(esker_db *db, uint8_t *big, size_t big_len) {
    xtest_put(db, "a", "one");
    xtest_put(db, "", "of the empty key");
    xtest_put(db, "empty", "");
    memset(big, 'b', big_len);
    CHECK_OK(esker_put(db, NULL, B("big"), big, big_len, NULL, &error));
}

static void check_values(esker_db *db, const esker_read_options *options, size_t big_len) {
    const uint8_t *pointers[N];
    size_t lens[N], len = 0;
    esker_value *values[N];
    esker_status statuses[N];
    for (size_t i = 0; i < N; i++) {
        pointers[i] = (const uint8_t *)keys[i];
        lens[i] = strlen(keys[i]);
    }
    CHECK_OK(esker_multi_get(db, NULL, N, pointers, lens, options, values, statuses, &error));
    CHECK(statuses[0] == ESKER_OK && memcmp(esker_value_data(values[0], &len), "one", 3) == 0 && len == 3);
    CHECK(statuses[1] == ESKER_NOT_FOUND && values[1] == NULL);
    CHECK(statuses[2] == ESKER_OK && esker_value_data(values[2], &len) != NULL && len == 16);
    CHECK(statuses[3] == ESKER_OK && esker_value_data(values[3], &len) != NULL && len == big_len);
    CHECK(statuses[4] == ESKER_OK && esker_value_data(values[4], &len) != NULL && len == 0);
    for (size_t i = 0; i < N; i++) esker_value_free(values[i]);
}

static void check_packed(esker_db *db, const esker_read_options *options, size_t big_len) {
    static const uint8_t joined[] = "amissingbigempty";
    static const size_t ends[N] = {1, 8, 8, 11, 16};
    size_t value_ends[N], needed = 0, total = 3 + 16 + big_len;
    esker_status statuses[N];
    uint8_t *buf = malloc(total + 1);
    CHECK(buf != NULL);
    buf[total] = 0xA5;
    CHECK_STATUS(ESKER_BUFFER_TOO_SMALL, esker_multi_get_into(db, NULL, N, joined, ends, options, buf, total - 1,
                                                              value_ends, statuses, &needed, &error));
    CHECK(needed == total && value_ends[N - 1] == 0 && statuses[0] == ESKER_BUFFER_TOO_SMALL);
    CHECK_OK(esker_multi_get_into(db, NULL, N, joined, ends, options, buf, total, value_ends, statuses, &needed,
                                  &error));
    CHECK(needed == total && buf[total] == 0xA5);
    CHECK(statuses[0] == ESKER_OK && value_ends[0] == 3 && memcmp(buf, "one", 3) == 0);
    CHECK(statuses[1] == ESKER_NOT_FOUND && value_ends[1] == 3);
    CHECK(statuses[2] == ESKER_OK && value_ends[2] == 19 && memcmp(buf + 3, "of the empty key", 16) == 0);
    CHECK(statuses[3] == ESKER_OK && value_ends[3] == total && buf[19] == 'b' && buf[total - 1] == 'b');
    CHECK(statuses[4] == ESKER_OK && value_ends[4] == total);
    free(buf);
}

int main(int argc, char **argv) {
    esker_db *db = xtest_open(xtest_path(xtest_dir(argc, argv), "db"));
    size_t big_len = 100000;
    uint8_t *big = malloc(big_len);
    CHECK(big != NULL);
    fill(db, big, big_len);

    PHASE("from memory");
    check_values(db, NULL, big_len);
    check_packed(db, NULL, big_len);

    PHASE("from tables");
    CHECK_OK(esker_flush(db, NULL, &error));
    check_values(db, NULL, big_len);
    check_packed(db, NULL, big_len);

    PHASE("as of a snapshot");
    esker_snapshot *snapshot = NULL;
    esker_read_options *then = esker_read_options_new();
    CHECK_OK(esker_snapshot_new(db, &snapshot, &error));
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(then, snapshot));
    CHECK_OK(esker_delete_range(db, NULL, B(""), B("z"), NULL, &error));
    xtest_put(db, "missing", "not then");
    check_values(db, then, big_len);
    check_packed(db, then, big_len);
    esker_read_options_free(then);
    esker_snapshot_free(snapshot);

    PHASE("no keys at all");
    size_t needed = 9;
    CHECK_OK(esker_multi_get(db, NULL, 0, NULL, NULL, NULL, NULL, NULL, &error));
    CHECK_OK(esker_multi_get_into(db, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, &needed, &error));
    CHECK(needed == 0);

    PHASE("a call that cannot be done leaves no values, and its status everywhere");
    const uint8_t *pointers[2] = {(const uint8_t *)"a", NULL};
    size_t lens[2] = {1, 1}, ends[2] = {1, 0}, value_ends[2] = {7, 7};
    esker_value *values[2] = {(esker_value *)(void *)&needed, (esker_value *)(void *)&needed};
    esker_status statuses[2] = {99, 99};
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_multi_get(db, NULL, 2, pointers, lens, NULL, values, statuses, &error));
    CHECK(values[0] == NULL && values[1] == NULL);
    CHECK(statuses[0] == ESKER_INVALID_ARGUMENT && statuses[1] == ESKER_INVALID_ARGUMENT);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_multi_get_into(db, NULL, 2, (const uint8_t *)"ab", ends, NULL, NULL, 0,
                                                              value_ends, statuses, &needed, &error));
    CHECK(value_ends[0] == 0 && value_ends[1] == 0 && needed == 0 && statuses[1] == ESKER_INVALID_ARGUMENT);
    free(big);
    CHECK_OK(esker_close(db, &error));
    return 0;
}
