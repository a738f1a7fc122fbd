/* Expiry: by write options, by name and by function, of a family, in a batch and in a transaction. */
#define _XOPEN_SOURCE 700
#include "xtest.h"

#include <time.h>

static uint64_t now_ms(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sleep_ms(long ms) {
    struct timespec duration = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&duration, &duration) != 0) {
    }
}

static int in(esker_db *db, const esker_cf *cf, const char *key, int there) {
    esker_value *value = NULL;
    CHECK_STATUS(there ? ESKER_OK : ESKER_NOT_FOUND, esker_get(db, cf, B(key), NULL, &value, &error));
    esker_value_free(value);
    return 1;
}

enum { SOON = 300 };

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_db *db = xtest_open(path);
    esker_write_options *soon = esker_write_options_new(), *later = esker_write_options_new();
    esker_cf_options *leases = esker_cf_options_new();
    esker_cf *cf = NULL;
    esker_value *text = NULL;
    esker_batch *batch = esker_batch_new();
    esker_txn *txn = NULL;

    PHASE("a time to live is set by function or by name");
    CHECK_PLAIN(ESKER_OK, esker_write_options_set_ttl_ms(soon, SOON));
    CHECK_OK(esker_write_options_get(soon, "ttl_ms", &text, &error));
    CHECK(xtest_contains(text, "300"));
    esker_value_free(text);
    CHECK_OK(esker_write_options_set(later, "ttl_ms", "3600000", &error));
    CHECK_OK(esker_cf_options_set(leases, "ttl_ms", "300", &error));
    CHECK_OK(esker_cf_create(db, "leases", leases, &cf, &error));

    PHASE("what is put lives until then, whichever way it was put");
    uint64_t start = now_ms();
    CHECK_OK(esker_put(db, NULL, B("soon"), B("v"), soon, &error));
    CHECK_OK(esker_put(db, NULL, B("later"), B("v"), later, &error));
    CHECK_OK(esker_put(db, NULL, B("for ever"), B("v"), NULL, &error));
    CHECK_OK(esker_put(db, cf, B("lease"), B("v"), NULL, &error));
    CHECK_OK(esker_put(db, cf, B("longer lease"), B("v"), later, &error));
    CHECK_PLAIN(ESKER_OK, esker_write_options_set_ttl_ms(later, 0));
    CHECK_OK(esker_put(db, cf, B("no lease"), B("v"), later, &error));
    CHECK_OK(esker_batch_put_expiring(batch, NULL, B("batch"), B("v"), start + SOON, &error));
    CHECK_OK(esker_batch_put_expiring(batch, cf, B("past"), B("v"), 1, &error));
    CHECK_OK(esker_write(db, batch, NULL, &error));
    CHECK_OK(esker_txn_begin(db, NULL, &txn, &error));
    CHECK_OK(esker_txn_put_expiring(txn, cf, B("txn"), B("v"), start + SOON, &error));
    CHECK_OK(esker_txn_commit(txn, &error));
    esker_txn_free(txn);
    if (now_ms() < start + SOON / 2) { /* else the machine is too slow to tell */
        CHECK(in(db, NULL, "soon", 1) && in(db, NULL, "batch", 1) && in(db, cf, "lease", 1) && in(db, cf, "txn", 1));
    }
    CHECK(in(db, cf, "past", 0));

    PHASE("an iterator tells when");
    esker_iter *when = NULL;
    uint64_t at = 0;
    CHECK_OK(esker_iter_new(db, cf, NULL, &when, &error));
    CHECK(esker_iter_expires_at_ms(NULL) == 0 && esker_iter_expires_at_ms(when) == 0);
    CHECK_PLAIN(ESKER_OK, esker_iter_seek(when, B("longer lease")));
    at = esker_iter_expires_at_ms(when);
    CHECK(at >= start + 3600000 && at <= now_ms() + 3600000);
    CHECK_PLAIN(ESKER_OK, esker_iter_next(when));
    CHECK(esker_iter_valid(when) && esker_iter_expires_at_ms(when) == 0);
    esker_iter_free(when);

    PHASE("then it reads as deleted, by gets and by iterators, before and after a flush");
    sleep_ms(SOON + 50);
    for (int round = 0; round < 2; round++) {
        esker_iter *iter = NULL;
        CHECK(in(db, NULL, "soon", 0) && in(db, NULL, "batch", 0) && in(db, cf, "lease", 0) && in(db, cf, "txn", 0));
        CHECK(in(db, NULL, "later", 1) && in(db, NULL, "for ever", 1));
        CHECK(in(db, cf, "longer lease", 1) && in(db, cf, "no lease", 1));
        CHECK_OK(esker_iter_new(db, cf, NULL, &iter, &error));
        CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
        CHECK(xtest_at(iter, "longer lease", "v"));
        CHECK_PLAIN(ESKER_OK, esker_iter_next(iter));
        CHECK(xtest_at(iter, "no lease", "v"));
        CHECK_PLAIN(ESKER_OK, esker_iter_next(iter));
        CHECK(xtest_at(iter, NULL, NULL));
        esker_iter_free(iter);
        CHECK_OK(esker_flush(db, NULL, &error));
        CHECK_OK(esker_compact_range(db, cf, NULL, 0, NULL, 0, &error));
    }
    esker_batch_free(batch);
    esker_write_options_free(soon);
    esker_write_options_free(later);
    esker_cf_options_free(leases);
    esker_cf_free(cf);
    CHECK_OK(esker_close(db, &error));
    return 0;
}
