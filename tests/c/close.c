/*
 * Closing, in every order that hurts elsewhere: twice, before its children, under calls of many threads. A second argument
 * is how many rounds of those, for a run under a tool that is slow.
 */
#define _XOPEN_SOURCE 700
#include "xtest.h"

#include <pthread.h>

enum { THREADS = 8 };

/* The handles that outlive their database. */
struct children {
    esker_iter *iter;
    esker_snapshot *snapshot;
    esker_value *value, *pinned;
    esker_read_options *options;
};

static struct children make_children(esker_db *db) {
    struct children c = {NULL, NULL, NULL, NULL, esker_read_options_new()};
    CHECK_OK(esker_snapshot_new(db, &c.snapshot, &error));
    CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(c.options, c.snapshot));
    CHECK_OK(esker_get(db, NULL, B("key5"), c.options, &c.value, &error));
    CHECK_OK(esker_iter_new(db, NULL, c.options, &c.iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek(c.iter, B("key5")));
    CHECK_OK(esker_iter_pinned_value(c.iter, &c.pinned, &error));
    return c;
}

static void check_children(struct children c) {
    uint8_t buf[64];
    size_t bytes = 7, entries = 7, len = 0;
    CHECK_PLAIN(ESKER_CLOSED, esker_iter_next(c.iter));
    CHECK_PLAIN(ESKER_CLOSED, esker_iter_prev(c.iter));
    CHECK_PLAIN(ESKER_CLOSED, esker_iter_seek(c.iter, B("key5")));
    CHECK_PLAIN(ESKER_CLOSED, esker_iter_seek_for_prev(c.iter, B("key5")));
    CHECK_PLAIN(ESKER_CLOSED, esker_iter_seek_to_first(c.iter));
    CHECK_PLAIN(ESKER_CLOSED, esker_iter_seek_to_last(c.iter));
    CHECK_STATUS(ESKER_CLOSED, esker_iter_status(c.iter, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_iter_next_many(c.iter, buf, sizeof buf, 9, &bytes, &entries, &error));
    CHECK(bytes == 0 && entries == 0);
    CHECK(!esker_iter_valid(c.iter) && esker_iter_key(c.iter, &len) == NULL);
    CHECK(memcmp(esker_value_data(c.value, &len), "value", 5) == 0 && len == 5);
    CHECK(memcmp(esker_value_data(c.pinned, &len), "value", 5) == 0 && len == 5);
    CHECK(esker_snapshot_seqno(c.snapshot) > 0);
}

static void free_children(struct children c) {
    esker_read_options_free(c.options);
    esker_value_free(c.value);
    esker_iter_free(c.iter);
    esker_snapshot_free(c.snapshot);
    esker_value_free(c.pinned);
}

static void check_closed(esker_db *db) {
    esker_value *value = NULL;
    esker_iter *iter = NULL;
    esker_snapshot *snapshot = NULL;
    CHECK(esker_is_closed(db));
    CHECK_STATUS(ESKER_CLOSED, esker_close(db, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_put(db, NULL, B("k"), B("v"), NULL, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_get(db, NULL, B("k"), NULL, &value, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_iter_new(db, NULL, NULL, &iter, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_snapshot_new(db, &snapshot, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_flush(db, NULL, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_sync(db, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_stats(db, NULL, &value, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_poisoned(db, &error));
    CHECK(value == NULL && iter == NULL && snapshot == NULL);
}

/* What the threads share; a status that is neither OK nor CLOSED is a failure. */
struct load {
    esker_db *db;
    unsigned kind;
    unsigned long calls;
    esker_status wrong;
};

static esker_status one_call(esker_db *db, unsigned kind, unsigned long i) {
    esker_value *value = NULL;
    esker_iter *iter = NULL;
    esker_status status;
    char key[16];
    snprintf(key, sizeof key, "key%lu", i % 100);
    switch (kind % 4) {
    case 0: return esker_put(db, NULL, B(key), B("value"), NULL, NULL);
    case 1:
        status = esker_get(db, NULL, B(key), NULL, &value, NULL);
        esker_value_free(value);
        return status;
    case 2:
        status = esker_iter_new(db, NULL, NULL, &iter, NULL);
        if (status == ESKER_OK) status = esker_iter_seek(iter, B(key));
        for (int step = 0; step < 5 && status == ESKER_OK; step++) status = esker_iter_next(iter);
        esker_iter_free(iter);
        return status;
    default: return i % 64 == 0 ? esker_flush(db, NULL, NULL) : esker_delete(db, NULL, B(key), NULL, NULL);
    }
}

static void *work(void *argument) {
    struct load *load = argument;
    for (;; load->calls++) {
        esker_status status = one_call(load->db, load->kind, load->calls);
        if (status == ESKER_CLOSED || status == ESKER_CANCELLED) return NULL;
        if (status != ESKER_OK && status != ESKER_NOT_FOUND) {
            load->wrong = status;
            return NULL;
        }
    }
}

static void *close_it(void *argument) {
    struct load *load = argument;
    load->wrong = esker_close(load->db, NULL);
    return NULL;
}

/* Eight threads in calls, and then one that closes, or eight that close at once. */
static void close_under_load(const char *path, unsigned closers) {
    struct load loads[THREADS], closing[THREADS];
    pthread_t workers[THREADS], closes[THREADS];
    esker_db *db = xtest_open_with(path, "memtable_size", "64KiB");
    for (unsigned i = 0; i < THREADS; i++) {
        loads[i] = (struct load){db, i, 0, ESKER_OK};
        CHECK(pthread_create(&workers[i], NULL, work, &loads[i]) == 0);
    }
    xtest_put(db, "from the main thread", "value");
    unsigned winners = 0;
    for (unsigned i = 0; i < closers; i++) {
        closing[i] = (struct load){db, 0, 0, ESKER_OK};
        CHECK(pthread_create(&closes[i], NULL, close_it, &closing[i]) == 0);
    }
    for (unsigned i = 0; i < closers; i++) {
        CHECK(pthread_join(closes[i], NULL) == 0);
        CHECK(closing[i].wrong == ESKER_OK || closing[i].wrong == ESKER_CLOSED);
        winners += closing[i].wrong == ESKER_OK;
    }
    CHECK(winners == 1);
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK(pthread_join(workers[i], NULL) == 0);
        if (loads[i].wrong != ESKER_OK) xtest_fail(__FILE__, __LINE__, "a call", esker_status_name(loads[i].wrong));
    }
    check_closed(db);
    db = xtest_open(path);
    CHECK(xtest_has(db, "from the main thread", "value", NULL));
    CHECK_OK(esker_close(db, &error));
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    char key[16];

    PHASE("closing nothing");
    CHECK_OK(esker_close(NULL, &error));

    PHASE("a second close, and every use after one, is CLOSED");
    esker_db *db = xtest_open(path);
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "key%d", i);
        xtest_put(db, key, "value");
    }
    CHECK_OK(esker_close(db, &error));
    check_closed(db);

    PHASE("children live on after the close, from memory and from tables");
    db = xtest_open(path);
    struct children recovered = make_children(db);
    CHECK_OK(esker_flush(db, NULL, &error));
    struct children from_table = make_children(db);
    CHECK_OK(esker_close(db, &error));
    check_children(recovered);
    check_children(from_table);

    PHASE("the directory can be opened, changed and destroyed while they live");
    esker_db *again = xtest_open(path);
    CHECK(again != db);
    xtest_put(again, "key5", "other");
    CHECK_OK(esker_compact_range(again, NULL, NULL, 0, NULL, 0, &error));
    check_children(from_table);
    check_closed(db);
    CHECK_OK(esker_close(again, &error));
    CHECK_OK(esker_destroy(path, NULL, &error));
    check_children(recovered);
    free_children(recovered);
    free_children(from_table);

    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 20;
    PHASE("one close under calls of eight threads");
    for (long round = 0; round < rounds; round++) close_under_load(xtest_path(argv[1], "busy"), 1);

    PHASE("eight closes at once, under the same");
    for (long round = 0; round < rounds; round++) close_under_load(xtest_path(argv[1], "busy"), THREADS);
    return 0;
}
