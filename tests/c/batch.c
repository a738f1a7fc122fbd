/* Batches: applied whole, in order, and as often as wanted. */
#include "xtest.h"

/* Whether the entry at *at is this one; moves on behind it. */
static int entry_is(const esker_batch *batch, size_t *at, int32_t kind, uint32_t cf, const char *key, const char *value) {
    const uint8_t *k = NULL, *v = NULL;
    size_t key_len = 0, value_len = 0;
    int32_t found = -1;
    uint32_t id = 99;
    uint64_t expires = 99;
    CHECK_OK(esker_batch_entry(batch, *at, &found, &id, &k, &key_len, &v, &value_len, &expires, at, &error));
    return found == kind && id == cf && expires == 0 && key_len == strlen(key) && memcmp(k, key, key_len) == 0 &&
           value_len == strlen(value) && memcmp(v, value, value_len) == 0;
}

int main(int argc, char **argv) {
    esker_db *db = xtest_open(xtest_path(xtest_dir(argc, argv), "db"));
    esker_batch *batch = esker_batch_new();
    CHECK(batch != NULL);

    PHASE("an empty batch can be written");
    CHECK(esker_batch_count(batch) == 0);
    CHECK_OK(esker_write(db, batch, NULL, &error));

    PHASE("nothing happens before the write, everything with it");
    xtest_put(db, "old", "value");
    CHECK_OK(esker_batch_put(batch, NULL, B("a"), B("1"), &error));
    CHECK_OK(esker_batch_put(batch, NULL, B("b"), B("2"), &error));
    CHECK_OK(esker_batch_delete(batch, NULL, B("old"), &error));
    CHECK(esker_batch_count(batch) == 3 && esker_batch_size_bytes(batch) > 0);
    CHECK(xtest_has(db, "a", NULL, NULL) && xtest_has(db, "old", "value", NULL));
    CHECK_OK(esker_write(db, batch, NULL, &error));
    CHECK(xtest_has(db, "a", "1", NULL) && xtest_has(db, "b", "2", NULL) && xtest_has(db, "old", NULL, NULL));

    PHASE("it is unchanged by that, and can be written again");
    xtest_put(db, "old", "again");
    CHECK(esker_batch_count(batch) == 3);
    CHECK_OK(esker_write(db, batch, NULL, &error));
    CHECK(xtest_has(db, "old", NULL, NULL));

    PHASE("later operations win over earlier ones");
    esker_batch_clear(batch);
    CHECK(esker_batch_count(batch) == 0);
    CHECK_OK(esker_batch_put(batch, NULL, B("a"), B("first"), &error));
    CHECK_OK(esker_batch_delete_range(batch, NULL, B("a"), B("c"), &error));
    CHECK_OK(esker_batch_put(batch, NULL, B("b"), B("last"), &error));
    CHECK_OK(esker_write(db, batch, NULL, &error));
    CHECK(xtest_has(db, "a", NULL, NULL) && xtest_has(db, "b", "last", NULL));

    PHASE("what is refused is not added");
    esker_batch_clear(batch);
    size_t size = esker_batch_size_bytes(batch);
    size_t too_long = ((size_t)8 << 20) + 1;
    uint8_t *key = calloc(too_long, 1);
    CHECK(key != NULL);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_batch_put(batch, NULL, key, too_long, B("v"), &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_batch_delete(batch, NULL, key, too_long, &error));
    CHECK(esker_batch_count(batch) == 0 && esker_batch_size_bytes(batch) == size);
    free(key);

    PHASE("a range from a key to itself adds nothing");
    CHECK_OK(esker_batch_delete_range(batch, NULL, B("b"), B("b"), &error));
    CHECK(esker_batch_count(batch) == 0);

    PHASE("a range that is the wrong way round is refused with the whole batch");
    CHECK_OK(esker_batch_put(batch, NULL, B("with it"), B("v"), &error));
    CHECK_OK(esker_batch_delete_range(batch, NULL, B("z"), B("a"), &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_write(db, batch, NULL, &error));
    CHECK(xtest_has(db, "with it", NULL, NULL));

    PHASE("savepoints nest");
    esker_batch_clear(batch);
    CHECK_OK(esker_batch_put(batch, NULL, B("one"), B("1"), &error));
    CHECK_OK(esker_batch_set_savepoint(batch, &error));
    CHECK_OK(esker_batch_put(batch, NULL, B("two"), B("2"), &error));
    CHECK_OK(esker_batch_set_savepoint(batch, &error));
    CHECK_OK(esker_batch_put(batch, NULL, B("three"), B("3"), &error));
    CHECK_OK(esker_batch_rollback_to_savepoint(batch, &error));
    CHECK(esker_batch_count(batch) == 2);
    CHECK_OK(esker_batch_pop_savepoint(batch, &error));
    CHECK(esker_batch_count(batch) == 2);
    CHECK_STATUS(ESKER_NOT_FOUND, esker_batch_rollback_to_savepoint(batch, &error));
    CHECK_STATUS(ESKER_NOT_FOUND, esker_batch_pop_savepoint(batch, &error));

    PHASE("a batch is data, and data is a batch");
    esker_batch *copy = NULL, *all = esker_batch_new();
    size_t len = 0;
    const uint8_t *data = esker_batch_data(batch, &len);
    CHECK(len == esker_batch_size_bytes(batch));
    CHECK_OK(esker_batch_from_data(data, len, &copy, &error));
    CHECK_OK(esker_batch_append(all, copy, &error));
    CHECK_OK(esker_batch_append(all, batch, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_batch_append(all, all, &error));
    CHECK(esker_batch_count(copy) == 2 && esker_batch_count(all) == 4);
    CHECK_OK(esker_write(db, all, NULL, &error));
    CHECK(xtest_has(db, "one", "1", NULL) && xtest_has(db, "two", "2", NULL) && xtest_has(db, "three", NULL, NULL));
    esker_batch_free(copy);
    esker_batch_free(all);

    PHASE("bytes that are no batch are refused");
    CHECK_STATUS(ESKER_CORRUPTION, esker_batch_from_data(data, len - 1, &copy, &error));
    CHECK(copy == NULL);
    CHECK_OK(esker_batch_from_data(NULL, 0, &copy, &error));
    CHECK(esker_batch_count(copy) == 0 && esker_batch_data(copy, &len) != NULL && len == 0);
    esker_batch_free(copy);

    PHASE("a batch can be looked into, entry by entry");
    esker_cf *cf = NULL;
    size_t at = 0;
    CHECK_OK(esker_cf_create(db, "family", NULL, &cf, &error));
    esker_batch_clear(batch);
    CHECK_STATUS(ESKER_NOT_FOUND, esker_batch_entry(batch, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &at, &error));
    CHECK_OK(esker_batch_put(batch, NULL, B("k"), B("v"), &error));
    CHECK_OK(esker_batch_put(batch, cf, B(""), B(""), &error));
    CHECK_OK(esker_batch_delete(batch, cf, B("gone"), &error));
    CHECK_OK(esker_batch_delete_range(batch, NULL, B("a"), B("z"), &error));
    CHECK(entry_is(batch, &at, ESKER_ENTRY_PUT, 0, "k", "v"));
    CHECK(entry_is(batch, &at, ESKER_ENTRY_PUT, esker_cf_id(cf), "", ""));
    CHECK(entry_is(batch, &at, ESKER_ENTRY_DELETE, esker_cf_id(cf), "gone", ""));
    size_t last = at;
    CHECK(entry_is(batch, &at, ESKER_ENTRY_DELETE_RANGE, 0, "a", "z"));
    size_t end = at;
    const uint8_t *value = NULL;
    uint64_t expires = 0;
    int32_t kind = 0;
    CHECK(end == esker_batch_size_bytes(batch));
    CHECK_OK(esker_batch_put_expiring(batch, NULL, B("k"), B("until"), 4102444800000, &error));
    CHECK_OK(esker_batch_merge(batch, cf, B("k"), B("operand"), &error));
    CHECK_OK(esker_batch_entry(batch, at, &kind, NULL, NULL, NULL, &value, &len, &expires, &at, &error));
    CHECK(kind == ESKER_ENTRY_PUT_EXPIRING && len == 5 && memcmp(value, "until", 5) == 0 && expires == 4102444800000);
    CHECK(entry_is(batch, &at, ESKER_ENTRY_MERGE, esker_cf_id(cf), "k", "operand"));
    CHECK(at == esker_batch_size_bytes(batch));
    CHECK_STATUS(ESKER_NOT_FOUND, esker_batch_entry(batch, at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &at, &error));
    CHECK(at == 0);
    CHECK_OK(esker_batch_entry(batch, last, NULL, NULL, NULL, &len, NULL, NULL, NULL, &at, &error));
    CHECK(len == 1 && at == end);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT,
                 esker_batch_entry(batch, SIZE_MAX, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &at, &error));
    esker_cf_free(cf);

    PHASE("it belongs to no database");
    esker_batch_clear(batch);
    CHECK_OK(esker_batch_put(batch, NULL, B("k"), B("v"), &error));
    CHECK_OK(esker_close(db, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_write(db, batch, NULL, &error));
    db = xtest_open(xtest_path(argv[1], "other"));
    CHECK_OK(esker_write(db, batch, NULL, &error));
    CHECK(xtest_has(db, "k", "v", NULL));
    esker_batch_free(batch);
    CHECK(xtest_has(db, "k", "v", NULL));
    CHECK_OK(esker_close(db, &error));
    return 0;
}
