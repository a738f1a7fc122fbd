/* Merge: operands by every way to write, values by every way to read, with the operators that are built in. */
#include "xtest.h"

/* A counter as the operator has it: eight bytes, little-endian. */
static void number(uint64_t n, uint8_t bytes[8]) {
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(n >> (8 * i));
}

static void add(esker_db *db, const esker_cf *cf, const char *key, uint64_t n) {
    uint8_t bytes[8];
    number(n, bytes);
    CHECK_OK(esker_merge(db, cf, B(key), bytes, 8, NULL, &error));
}

static int is(esker_db *db, const esker_cf *cf, const char *key, uint64_t n) {
    uint8_t want[8], got[8];
    size_t len = 0;
    number(n, want);
    CHECK_OK(esker_get_into(db, cf, B(key), NULL, got, sizeof got, &len, &error));
    return len == 8 && memcmp(want, got, 8) == 0;
}

static esker_cf *make(esker_db *db, const char *name, const char *operator_name) {
    esker_cf *cf = NULL;
    esker_cf_options *options = esker_cf_options_new();
    CHECK_OK(esker_cf_options_set(options, "merge_operator", operator_name, &error));
    CHECK_OK(esker_cf_create(db, name, options, &cf, &error));
    esker_cf_options_free(options);
    return cf;
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_db *db = xtest_open_with(path, "merge_operator", "append(, )");
    esker_cf *sums = make(db, "sums", "add_u64"), *plain = NULL;
    uint8_t one[8];
    number(1, one);

    PHASE("counters, by single merges, batches and transactions");
    add(db, sums, "n", 40);
    esker_batch *batch = esker_batch_new();
    CHECK_OK(esker_batch_merge(batch, sums, B("n"), one, 8, &error));
    CHECK_OK(esker_batch_merge(batch, NULL, B("list"), B("a"), &error));
    CHECK_OK(esker_write(db, batch, NULL, &error));
    esker_txn *txn = NULL;
    CHECK_OK(esker_txn_begin(db, NULL, &txn, &error));
    CHECK_OK(esker_txn_merge(txn, sums, B("n"), one, 8, &error));
    CHECK_OK(esker_txn_merge(txn, NULL, B("list"), B("b"), &error));
    CHECK(is(db, sums, "n", 41));
    CHECK_OK(esker_txn_commit(txn, &error));
    esker_txn_free(txn);
    CHECK(is(db, sums, "n", 42) && xtest_has(db, "list", "a, b", NULL));

    PHASE("the same from tables, after a compaction, and on");
    CHECK_OK(esker_flush(db, NULL, &error));
    add(db, sums, "n", 1);
    CHECK(is(db, sums, "n", 43));
    CHECK_OK(esker_flush(db, NULL, &error));
    CHECK_OK(esker_compact_range(db, sums, NULL, 0, NULL, 0, &error));
    CHECK(is(db, sums, "n", 43));
    CHECK_OK(esker_delete(db, sums, B("n"), NULL, &error));
    add(db, sums, "n", 7);
    CHECK(is(db, sums, "n", 7));

    PHASE("an iterator shows values, not operands");
    esker_iter *iter = NULL;
    CHECK_OK(esker_iter_new(db, NULL, NULL, &iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_last(iter));
    CHECK(xtest_at(iter, "list", "a, b"));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
    CHECK(xtest_at(iter, "list", "a, b"));
    esker_iter_free(iter);

    PHASE("what the operator cannot take is refused, and so is a merge without an operator");
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_merge(db, sums, B("n"), B("seven"), NULL, &error));
    CHECK_OK(esker_cf_create(db, "plain", NULL, &plain, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_merge(db, plain, B("n"), one, 8, NULL, &error));
    esker_batch_clear(batch);
    CHECK_OK(esker_batch_put(batch, NULL, B("with it"), B("v"), &error));
    CHECK_OK(esker_batch_merge(batch, plain, B("n"), one, 8, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_write(db, batch, NULL, &error));
    CHECK(xtest_has(db, "with it", NULL, NULL) && is(db, sums, "n", 7));
    esker_cf_options *options = esker_cf_options_new();
    esker_cf *none = NULL;
    CHECK_OK(esker_cf_options_set(options, "merge_operator", "add_u46", &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_cf_create(db, "none", options, &none, &error));
    CHECK(none == NULL);
    esker_cf_options_free(options);
    esker_batch_free(batch);
    esker_cf_free(plain);
    esker_cf_free(sums);

    PHASE("operators are on record: no option is needed the next time");
    CHECK_OK(esker_close(db, &error));
    db = xtest_open(path);
    CHECK_OK(esker_merge(db, NULL, B("list"), B("c"), NULL, &error));
    CHECK(xtest_has(db, "list", "a, b, c", NULL));
    CHECK_OK(esker_cf_open(db, "sums", &sums, &error));
    CHECK(is(db, sums, "n", 7));
    esker_cf_free(sums);
    CHECK_OK(esker_close(db, &error));
    return 0;
}
