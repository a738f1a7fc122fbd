/* Transactions: all or nothing, as if alone, with and without key locks; and no order of ends that hurts. */
#define _XOPEN_SOURCE 700
#include "xtest.h"

#include <pthread.h>

static esker_txn *begin(esker_db *db, const char *option, const char *value) {
    esker_txn *txn = NULL;
    esker_txn_options *options = esker_txn_options_new();
    if (option != NULL) CHECK_OK(esker_txn_options_set(options, option, value, &error));
    CHECK_OK(esker_txn_begin(db, options, &txn, &error));
    esker_txn_options_free(options);
    return txn;
}

/* Whether `txn` sees this value, NULL for none, under `key` of `cf`. */
static int sees(esker_txn *txn, const esker_cf *cf, const char *key, const char *value) {
    esker_value *found = NULL;
    CHECK_STATUS(value == NULL ? ESKER_NOT_FOUND : ESKER_OK, esker_txn_get(txn, cf, B(key), &found, &error));
    int same = value == NULL ? found == NULL : strcmp((const char *)esker_value_data(found, NULL), value) == 0;
    esker_value_free(found);
    return same;
}

/* Values here end with their own NUL, so that sees() can compare. */
#define V(text) (const uint8_t *)(text), sizeof(text)

static void put(esker_db *db, const char *key, const char *value) {
    CHECK_OK(esker_put(db, NULL, B(key), (const uint8_t *)value, strlen(value) + 1, NULL, &error));
}

static void dropped(esker_db *db) {
    esker_txn *txn = begin(db, NULL, NULL), *later = NULL;
    esker_cf *cf = NULL;
    esker_value *value = NULL;
    esker_status each = 0;
    const uint8_t *key = (const uint8_t *)"k";

    PHASE("a family that was dropped is refused, by reads of one key and of many");
    CHECK_OK(esker_cf_create(db, "to be dropped", NULL, &cf, &error));
    CHECK_OK(esker_cf_drop(db, cf, &error));
    later = begin(db, NULL, NULL);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_txn_get(later, cf, B("k"), &value, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT,
                 esker_txn_multi_get(later, cf, 1, &key, &(size_t){1}, &value, &each, &error));
    CHECK(each == ESKER_INVALID_ARGUMENT && value == NULL);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_txn_put(later, cf, B("k"), V("v"), &error));
    CHECK(sees(txn, cf, "k", NULL));
    esker_txn_free(later);
    esker_txn_free(txn);
    esker_cf_free(cf);
}

static void all_or_nothing(esker_db *db, const esker_cf *cf) {
    esker_txn *txn = begin(db, NULL, NULL);
    char buf[8];
    size_t len = 0;

    PHASE("a transaction sees its own writes, and nobody else does");
    put(db, "a", "1");
    esker_txn_free(txn);
    txn = begin(db, NULL, NULL);
    CHECK_OK(esker_txn_put(txn, NULL, B("b"), V("2"), &error));
    CHECK_OK(esker_txn_put(txn, cf, B("b"), V("3"), &error));
    CHECK_OK(esker_txn_delete(txn, NULL, B("a"), &error));
    CHECK(sees(txn, NULL, "a", NULL) && sees(txn, NULL, "b", "2") && sees(txn, cf, "b", "3"));
    CHECK(xtest_has(db, "b", NULL, NULL));
    CHECK_OK(esker_txn_get_into(txn, cf, B("b"), (uint8_t *)buf, sizeof buf, &len, &error));
    CHECK(len == 2 && strcmp(buf, "3") == 0);
    CHECK_STATUS(ESKER_BUFFER_TOO_SMALL, esker_txn_get_into(txn, cf, B("b"), (uint8_t *)buf, 1, &len, &error));
    CHECK(len == 2);

    PHASE("savepoints take writes back");
    CHECK_OK(esker_txn_set_savepoint(txn, &error));
    CHECK_OK(esker_txn_delete_range(txn, NULL, B("a"), B("z"), &error));
    CHECK(sees(txn, NULL, "b", NULL));
    CHECK_OK(esker_txn_rollback_to_savepoint(txn, &error));
    CHECK(sees(txn, NULL, "b", "2"));
    CHECK_STATUS(ESKER_NOT_FOUND, esker_txn_pop_savepoint(txn, &error));
    CHECK_OK(esker_txn_set_savepoint(txn, &error));
    CHECK_OK(esker_txn_pop_savepoint(txn, &error));
    CHECK_STATUS(ESKER_NOT_FOUND, esker_txn_rollback_to_savepoint(txn, &error));

    PHASE("a commit is seen by everybody");
    CHECK_OK(esker_txn_commit(txn, &error));
    CHECK(xtest_has(db, "a", NULL, NULL));
    CHECK_OK(esker_get_into(db, cf, B("b"), NULL, (uint8_t *)buf, sizeof buf, &len, &error));
    CHECK(len == 2 && strcmp(buf, "3") == 0);

    PHASE("then it has ended");
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_txn_commit(txn, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_txn_rollback(txn, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_txn_put(txn, NULL, B("b"), V("4"), &error));
    esker_txn_free(txn);

    PHASE("a rollback, or a free, leaves nothing");
    for (int i = 0; i < 2; i++) {
        txn = begin(db, NULL, NULL);
        CHECK_OK(esker_txn_put(txn, NULL, B("never"), V("v"), &error));
        if (i == 0) CHECK_OK(esker_txn_rollback(txn, &error));
        esker_txn_free(txn);
        CHECK(xtest_has(db, "never", NULL, NULL));
    }
}

static void reading(esker_db *db) {
    esker_txn *txn = begin(db, NULL, NULL);
    esker_read_options *options = esker_read_options_new();
    esker_snapshot *snapshot = NULL;
    esker_iter *iter = NULL;
    esker_value *values[2];
    esker_status statuses[2];
    const uint8_t *keys[] = {(const uint8_t *)"own", (const uint8_t *)"gone"};
    const size_t lens[] = {3, 4};
    put(db, "later", "v");

    PHASE("reads of every kind see the beginning and the own writes");
    CHECK_OK(esker_txn_put(txn, NULL, B("own"), B("o"), &error));
    CHECK(sees(txn, NULL, "later", NULL));
    CHECK_OK(esker_txn_multi_get(txn, NULL, 2, keys, lens, values, statuses, &error));
    CHECK(statuses[0] == ESKER_OK && statuses[1] == ESKER_NOT_FOUND && values[1] == NULL);
    esker_value_free(values[0]);
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_lower_bound(options, B("l")));
    CHECK_OK(esker_txn_iter_new(txn, NULL, options, &iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
    CHECK(xtest_at(iter, "own", "o"));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_iter_refresh(iter, &error));
    esker_iter_free(iter);

    PHASE("a transaction reads as of no other snapshot");
    CHECK_OK(esker_snapshot_new(db, &snapshot, &error));
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(options, snapshot));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_txn_iter_new(txn, NULL, options, &iter, &error));
    CHECK(iter == NULL);
    esker_read_options_free(options);
    esker_snapshot_free(snapshot);
    esker_txn_free(txn);
}

/* Reads one key and writes another, while a second transaction does the converse. */
static void write_skew(esker_db *db, const char *isolation, esker_status second) {
    esker_txn *one = begin(db, "isolation", isolation), *two = begin(db, "isolation", isolation);
    CHECK(sees(one, NULL, "x", "free") && sees(two, NULL, "y", "free"));
    CHECK_OK(esker_txn_put(one, NULL, B("y"), V("taken"), &error));
    CHECK_OK(esker_txn_put(two, NULL, B("x"), V("taken"), &error));
    CHECK_OK(esker_txn_commit(one, &error));
    CHECK_STATUS(second, esker_txn_commit(two, &error));
    esker_txn_free(one);
    esker_txn_free(two);
}

static void conflicts(esker_db *db) {
    esker_txn *one = begin(db, NULL, NULL), *two = begin(db, NULL, NULL);

    PHASE("a write to what was read is a conflict, also when nothing was there");
    CHECK(sees(one, NULL, "seat", NULL) && sees(two, NULL, "seat", NULL));
    CHECK_OK(esker_txn_put(one, NULL, B("seat"), V("Ada"), &error));
    CHECK_OK(esker_txn_put(two, NULL, B("seat"), V("Grace"), &error));
    CHECK_OK(esker_txn_commit(one, &error));
    CHECK_STATUS(ESKER_CONFLICT, esker_txn_commit(two, &error));
    esker_txn_free(one);
    esker_txn_free(two);
    one = begin(db, NULL, NULL);
    CHECK(sees(one, NULL, "seat", "Ada"));
    esker_txn_free(one);

    PHASE("write skew is a conflict, but not under snapshot isolation");
    put(db, "x", "free");
    put(db, "y", "free");
    write_skew(db, "serializable", ESKER_CONFLICT);
    put(db, "x", "free");
    put(db, "y", "free");
    write_skew(db, "snapshot", ESKER_OK);
}

static void locking(esker_db *db) {
    esker_txn *holder = begin(db, "mode", "pessimistic"), *waiter = NULL;
    esker_txn_options *impatient = esker_txn_options_new();
    esker_value *value = NULL;

    PHASE("with key locks a second writer waits, and gives up after the time it set");
    CHECK_OK(esker_txn_options_set(impatient, "mode", "pessimistic", &error));
    CHECK_OK(esker_txn_options_set(impatient, "lock_timeout_ms", "10", &error));
    CHECK_OK(esker_txn_begin(db, impatient, &waiter, &error));
    CHECK_OK(esker_txn_get_for_update(holder, NULL, B("x"), &value, &error));
    esker_value_free(value);
    CHECK_STATUS(ESKER_BUSY, esker_txn_put(waiter, NULL, B("x"), V("waited"), &error));
    CHECK_STATUS(ESKER_BUSY, esker_txn_get_for_update(waiter, NULL, B("x"), &value, &error));
    CHECK(value == NULL);
    CHECK_OK(esker_txn_put(holder, NULL, B("x"), V("held"), &error));
    CHECK_OK(esker_txn_commit(holder, &error));
    CHECK_OK(esker_txn_get_for_update(waiter, NULL, B("x"), &value, &error));
    CHECK(strcmp((const char *)esker_value_data(value, NULL), "held") == 0);
    CHECK_OK(esker_txn_put(waiter, NULL, B("x"), V("waited"), &error));
    CHECK_OK(esker_txn_commit(waiter, &error));
    esker_value_free(value);
    esker_txn_free(holder);
    esker_txn_free(waiter);
    esker_txn_options_free(impatient);
}

enum { THREADS = 4, ROUNDS = 100 };

/* Adds one to a number, and again when somebody else did so first. */
static void *count_up(void *db) {
    for (int i = 0; i < ROUNDS;) {
        esker_txn *txn = begin(db, NULL, NULL);
        uint32_t n = 0;
        size_t len = 0;
        esker_status status = esker_txn_get_into(txn, NULL, B("counter"), (uint8_t *)&n, sizeof n, &len, NULL);
        CHECK(status == ESKER_OK || status == ESKER_NOT_FOUND);
        n++;
        CHECK_OK(esker_txn_put(txn, NULL, B("counter"), (const uint8_t *)&n, sizeof n, &error));
        status = esker_txn_commit(txn, NULL);
        CHECK(status == ESKER_OK || status == ESKER_CONFLICT);
        i += status == ESKER_OK;
        esker_txn_free(txn);
    }
    return NULL;
}

static void counting(esker_db *db) {
    pthread_t threads[THREADS];
    uint32_t n = 0;
    size_t len = 0;
    PHASE("four threads count, and no count is lost");
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, count_up, db) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_OK(esker_get_into(db, NULL, B("counter"), NULL, (uint8_t *)&n, sizeof n, &len, &error));
    CHECK(n == THREADS * ROUNDS);
}

static void outliving(esker_db *db) {
    esker_txn *open = begin(db, NULL, NULL), *locked = begin(db, "mode", "pessimistic"), *done = begin(db, NULL, NULL);
    esker_value *value = NULL;
    esker_iter *iter = NULL;

    PHASE("transactions and their iterators outlive the database");
    CHECK_OK(esker_txn_put(open, NULL, B("lost"), V("v"), &error));
    CHECK_OK(esker_txn_put(locked, NULL, B("lost"), V("v"), &error));
    CHECK_OK(esker_txn_commit(done, &error));
    CHECK_OK(esker_txn_iter_new(open, NULL, NULL, &iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
    CHECK_OK(esker_close(db, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_txn_get(open, NULL, B("k"), &value, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_txn_put(locked, NULL, B("k"), V("v"), &error));
    CHECK_STATUS(ESKER_CLOSED, esker_txn_commit(open, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_txn_rollback(locked, &error));
    esker_txn_free(done);
    CHECK_STATUS(ESKER_CLOSED, esker_txn_begin(db, NULL, &done, &error));
    CHECK(done == NULL);
    CHECK_PLAIN(ESKER_CLOSED, esker_iter_next(iter));
    esker_txn_free(open);
    esker_iter_free(iter);
    esker_txn_free(locked);
    esker_txn_free(NULL);
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_db *db = xtest_open(path);
    esker_cf *cf = NULL;
    CHECK_OK(esker_cf_create(db, "family", NULL, &cf, &error));
    all_or_nothing(db, cf);
    reading(db);
    dropped(db);
    conflicts(db);
    locking(db);
    counting(db);
    outliving(db);
    esker_cf_free(cf);
    db = xtest_open(path);
    CHECK(xtest_has(db, "lost", NULL, NULL));
    CHECK_OK(esker_close(db, &error));
    return 0;
}
