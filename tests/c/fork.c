/* Fork: the child can use nothing of the parent's, frees what it likes, and the parent notices nothing. */
#define _XOPEN_SOURCE 700
#include "xtest.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

struct handles {
    esker_db *db;
    esker_iter *iter;
    esker_snapshot *snapshot;
    esker_value *value;
    esker_cf *cf;
    esker_txn *txn;
    esker_error *error;
};

/* Every call on a database of the parent, and on its children. */
static void check_forked(struct handles *h) {
    esker_value *value = NULL;
    esker_iter *iter = NULL;
    esker_snapshot *snapshot = NULL;
    esker_cf *cf = NULL;
    esker_names *names = NULL;
    esker_txn *txn = NULL;
    esker_batch *batch = esker_batch_new();
    uint8_t buf[8];
    size_t len = 0, entries = 0;
    const uint8_t *key = (const uint8_t *)"k";
    esker_status status = 0;
    CHECK_OK(esker_batch_put(batch, NULL, B("k"), B("v"), &error));
    CHECK_STATUS(ESKER_FORKED, esker_put(h->db, NULL, B("k"), B("v"), NULL, &error));
    CHECK_STATUS(ESKER_FORKED, esker_delete(h->db, NULL, B("k"), NULL, &error));
    CHECK_STATUS(ESKER_FORKED, esker_delete_range(h->db, NULL, B("a"), B("z"), NULL, &error));
    CHECK_STATUS(ESKER_FORKED, esker_write(h->db, batch, NULL, &error));
    CHECK_STATUS(ESKER_FORKED, esker_get(h->db, NULL, B("k"), NULL, &value, &error));
    CHECK_STATUS(ESKER_FORKED, esker_get_into(h->db, NULL, B("k"), NULL, buf, sizeof buf, &len, &error));
    CHECK_STATUS(ESKER_FORKED, esker_multi_get(h->db, NULL, 1, &key, &(size_t){1}, NULL, &value, &status, &error));
    CHECK_STATUS(ESKER_FORKED, esker_multi_get_into(h->db, NULL, 1, key, &(size_t){1}, NULL, buf, sizeof buf, &entries,
                                                    &status, &len, &error));
    CHECK_STATUS(ESKER_FORKED, esker_snapshot_new(h->db, &snapshot, &error));
    CHECK_STATUS(ESKER_FORKED, esker_iter_new(h->db, NULL, NULL, &iter, &error));
    CHECK_STATUS(ESKER_FORKED, esker_flush(h->db, NULL, &error));
    CHECK_STATUS(ESKER_FORKED, esker_sync(h->db, &error));
    CHECK_STATUS(ESKER_FORKED, esker_compact_range(h->db, NULL, NULL, 0, NULL, 0, &error));
    CHECK_STATUS(ESKER_FORKED, esker_stats(h->db, "text", &value, &error));
    CHECK_STATUS(ESKER_FORKED, esker_drain_log(h->db, &value, &error));
    CHECK_STATUS(ESKER_FORKED, esker_poisoned(h->db, &error));
    CHECK_STATUS(ESKER_FORKED, esker_path(h->db, &value, &error));
    CHECK_STATUS(ESKER_FORKED, esker_get_option(h->db, "memory_budget", &value, &error));
    CHECK_STATUS(ESKER_FORKED, esker_put(h->db, h->cf, B("k"), B("v"), NULL, &error));
    CHECK_STATUS(ESKER_FORKED, esker_get(h->db, h->cf, B("k"), NULL, &value, &error));
    CHECK_STATUS(ESKER_FORKED, esker_merge(h->db, h->cf, B("k"), B("v"), NULL, &error));
    CHECK_STATUS(ESKER_FORKED, esker_txn_begin(h->db, NULL, &txn, &error));
    CHECK_STATUS(ESKER_FORKED, esker_txn_get(h->txn, NULL, B("k"), &value, &error));
    CHECK_STATUS(ESKER_FORKED, esker_txn_put(h->txn, NULL, B("k"), B("v"), &error));
    CHECK_STATUS(ESKER_FORKED, esker_txn_commit(h->txn, &error));
    CHECK_STATUS(ESKER_FORKED, esker_latest_seqno(h->db, &(uint64_t){0}, &error));
    CHECK_STATUS(ESKER_FORKED, esker_property(h->db, "latest_seqno", &value, &error));
    CHECK_STATUS(ESKER_FORKED, esker_approximate_size(h->db, NULL, NULL, 0, NULL, 0, &(uint64_t){0}, &error));
    CHECK_STATUS(ESKER_FORKED, esker_iter_refresh(h->iter, &error));
    CHECK_STATUS(ESKER_FORKED, esker_cf_create(h->db, "child", NULL, &cf, &error));
    CHECK_STATUS(ESKER_FORKED, esker_cf_open(h->db, "family", &cf, &error));
    CHECK_STATUS(ESKER_FORKED, esker_cf_default(h->db, &cf, &error));
    CHECK_STATUS(ESKER_FORKED, esker_cf_drop(h->db, h->cf, &error));
    CHECK_STATUS(ESKER_FORKED, esker_cf_list(h->db, &names, &error));
    CHECK(value == NULL && iter == NULL && snapshot == NULL && len == 0 && cf == NULL && names == NULL);
    CHECK(txn == NULL);
    CHECK_PLAIN(ESKER_FORKED, esker_iter_next(h->iter));
    CHECK_PLAIN(ESKER_FORKED, esker_iter_seek_to_first(h->iter));
    CHECK_STATUS(ESKER_FORKED, esker_iter_next_many(h->iter, buf, sizeof buf, 9, &len, &entries, &error));
    CHECK_STATUS(ESKER_FORKED, esker_iter_status(h->iter, &error));
    esker_batch_free(batch);
}

/* What works in a child: memory of its own copies, and the ends of handles. */
static void check_harmless(struct handles *h) {
    size_t len = 0;
    CHECK(memcmp(esker_value_data(h->value, &len), "value", 5) == 0 && len == 5);
    CHECK(strlen(esker_error_message(h->error)) > 0);
    CHECK(esker_version_number() == ESKER_VERSION_NUMBER);
    CHECK(esker_snapshot_seqno(h->snapshot) > 0);
    esker_value_free(h->value);
    esker_error_free(h->error);
    esker_iter_free(h->iter);
    esker_snapshot_free(h->snapshot);
    CHECK(strcmp(esker_cf_name(h->cf), "family") == 0);
    esker_cf_free(h->cf);
    esker_txn_free(h->txn);
    CHECK_OK(esker_close(h->db, &error));
}

/* Enough work that background threads of the child's own come and go. */
static void check_own(const char *path) {
    esker_db *db = xtest_open_with(path, "memtable_size", "64KiB");
    char key[16];
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "%d", i);
        xtest_put(db, key, "a value of the child, long enough to fill a memtable now and then");
    }
    CHECK_OK(esker_flush(db, NULL, &error));
    CHECK_OK(esker_compact_range(db, NULL, NULL, 0, NULL, 0, &error));
    CHECK(xtest_has(db, "2999", "a value of the child, long enough to fill a memtable now and then", NULL));
    CHECK_OK(esker_close(db, &error));
}

/* The parent's threads, in calls and asleep at any moment of a fork. */
static void *write_until_closed(void *db) {
    char key[16];
    for (int i = 0;; i++) {
        snprintf(key, sizeof key, "load%d", i % 1000);
        if (esker_put(db, NULL, B(key), B("a value of the parent"), NULL, NULL) != ESKER_OK) return NULL;
        if (i % 500 == 0) esker_flush(db, NULL, NULL);
    }
}

static void fork_under_load(const char *path, const char *childs) {
    esker_db *db = xtest_open_with(path, "memtable_size", "64KiB");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, write_until_closed, db) == 0);
    for (int round = 0; round < 10; round++) {
        int result = 0;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(60);
            CHECK_STATUS(ESKER_FORKED, esker_put(db, NULL, B("k"), B("v"), NULL, &error));
            check_own(childs);
            _exit(0);
        }
        CHECK(waitpid(child, &result, 0) == child);
        if (!WIFEXITED(result) || WEXITSTATUS(result) != 0) xtest_fail(__FILE__, __LINE__, "the child", "died");
    }
    CHECK_OK(esker_close(db, &error));
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db"), *childs = xtest_path(argv[1], "child");
    struct handles h = {xtest_open(path), NULL, NULL, NULL, NULL, NULL, NULL};
    CHECK_OK(esker_cf_create(h.db, "family", NULL, &h.cf, &error));
    CHECK_OK(esker_txn_begin(h.db, NULL, &h.txn, &error));
    CHECK_OK(esker_txn_put(h.txn, h.cf, B("k"), B("v"), &error));
    xtest_put(h.db, "k", "value");
    CHECK_OK(esker_flush(h.db, NULL, &error));
    xtest_put(h.db, "in memory", "value");
    CHECK_OK(esker_get(h.db, NULL, B("k"), NULL, &h.value, &error));
    CHECK_OK(esker_snapshot_new(h.db, &h.snapshot, &error));
    CHECK_OK(esker_iter_new(h.db, NULL, NULL, &h.iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(h.iter));
    CHECK(esker_get(h.db, NULL, NULL, 1, NULL, &(esker_value *){NULL}, &h.error) == ESKER_INVALID_ARGUMENT);

    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(60);
        PHASE("in the child: the parent's database is FORKED");
        check_forked(&h);
        PHASE("in the child: a database of its own works");
        check_own(childs);
        PHASE("in the child: ends of handles work and touch nothing");
        check_harmless(&h);
        /* Not exit(): what the engine leaves alone here would be looked at as a leak. */
        _exit(0);
    }
    int result = 0;
    CHECK(waitpid(child, &result, 0) == child);
    CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);

    PHASE("in the parent: everything goes on, and the directory is still locked");
    xtest_put(h.db, "after", "fork");
    CHECK(xtest_has(h.db, "in memory", "value", NULL) && xtest_has(h.db, "2999", NULL, NULL));
    CHECK_PLAIN(ESKER_OK, esker_iter_next(h.iter));
    CHECK(xtest_at(h.iter, "k", "value"));
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        esker_db *second = NULL;
        CHECK_STATUS(ESKER_LOCKED, esker_open(path, NULL, &second, &error));
        _exit(0);
    }
    CHECK(waitpid(child, &result, 0) == child && WIFEXITED(result) && WEXITSTATUS(result) == 0);
    esker_value_free(h.value);
    esker_error_free(h.error);
    esker_iter_free(h.iter);
    esker_snapshot_free(h.snapshot);
    CHECK_OK(esker_txn_commit(h.txn, &error));
    esker_txn_free(h.txn);
    esker_cf_free(h.cf);
    CHECK_OK(esker_close(h.db, &error));

    PHASE("and nothing of the child is in the files");
    h.db = xtest_open(path);
    CHECK(xtest_has(h.db, "after", "fork", NULL) && xtest_has(h.db, "k", "value", NULL));
    CHECK_OK(esker_close(h.db, &error));

#ifdef __SANITIZE_ADDRESS__
    /* The sanitizer's own allocator may be locked by a thread that the child does not have: it hangs with or without us. */
    PHASE("SKIPPED: forks while four threads write, which the address sanitizer's allocator does not survive");
    (void)fork_under_load;
#else
    PHASE("forks while four threads write");
    fork_under_load(xtest_path(argv[1], "load"), childs);
#endif
    return 0;
}
