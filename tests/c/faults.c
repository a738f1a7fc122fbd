/*
 * Faults of the disk and bugs of the engine, as a program meets them: a status, never a crash, and only what must is lost.
 *
 * Runs against a library with the feature inject-panic, which has the two functions declared below.
 */
#include "xtest.h"

uint8_t esker_test_panic_in(const char *name);
void esker_test_fault(const char *what);

enum { KEYS = 2000 };

static const char *key(int i) {
    static char text[16];
    snprintf(text, sizeof text, "key%05d", i);
    return text;
}

static esker_status put(esker_db *db, const char *k, const esker_write_options *options) {
    return esker_put(db, NULL, B(k), B("a value of a hundred bytes or so, so that tables have more than one block; ....."),
                     options, NULL);
}

static esker_status get(esker_db *db, const char *k) {
    esker_value *value = NULL;
    esker_status status = esker_get(db, NULL, B(k), NULL, &value, NULL);
    CHECK((value != NULL) == (status == ESKER_OK));
    esker_value_free(value);
    return status;
}

static esker_db *reopen(esker_db *db, const char *path) {
    esker_test_fault("nothing");
    esker_close(db, NULL);
    return xtest_open(path);
}

/* The database is read-only and says why; what was acknowledged can be read, now and after another open. */
static esker_db *check_poisoned(esker_db *db, const char *path, const char *reason) {
    esker_error *told = NULL;
    CHECK(esker_poisoned(db, &told) == ESKER_POISONED);
    if (strstr(esker_error_message(told), reason) == NULL)
        xtest_fail(__FILE__, __LINE__, reason, esker_error_message(told));
    esker_error_free(told);
    CHECK_PLAIN(ESKER_POISONED, put(db, "refused", NULL));
    CHECK_PLAIN(ESKER_POISONED, esker_delete(db, NULL, B("acknowledged"), NULL, NULL));
    CHECK_PLAIN(ESKER_OK, get(db, "acknowledged"));
    CHECK_PLAIN(ESKER_NOT_FOUND, get(db, "refused"));
    db = reopen(db, path);
    CHECK_OK(esker_poisoned(db, &error));
    CHECK_PLAIN(ESKER_OK, get(db, "acknowledged"));
    CHECK_PLAIN(ESKER_NOT_FOUND, get(db, "refused"));
    CHECK_PLAIN(ESKER_OK, put(db, "again", NULL));
    return db;
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_db *db = xtest_open(path);
    esker_write_options *sync = esker_write_options_new();
    esker_iter *iter = NULL, *other = NULL;
    CHECK_PLAIN(ESKER_OK, esker_write_options_set_durability(sync, ESKER_DURABILITY_SYNC));
    for (int i = 0; i < KEYS; i++) CHECK_PLAIN(ESKER_OK, put(db, key(i), NULL));
    CHECK_PLAIN(ESKER_OK, put(db, "acknowledged", sync));

    PHASE("a full disk: NO_SPACE, reads go on, and writes too when there is room");
    esker_test_fault("the disk is full");
    int written = 0;
    esker_status status = ESKER_OK;
    for (; written < 100000 && status == ESKER_OK; written++) status = put(db, key(KEYS + written), NULL);
    CHECK_PLAIN(ESKER_NO_SPACE, status);
    CHECK_PLAIN(ESKER_OK, get(db, "acknowledged"));
    CHECK_OK(esker_poisoned(db, &error));
    esker_test_fault("nothing");
    CHECK_PLAIN(ESKER_OK, put(db, "room again", NULL));
    for (int i = 0; i < written - 1; i++) CHECK_PLAIN(ESKER_OK, get(db, key(KEYS + i)));

    PHASE("a failed sync is final: read-only, with the reason, until it is opened again");
    esker_test_fault("syncs fail");
    CHECK_PLAIN(ESKER_IO, put(db, "of unknown fate", sync));
    esker_test_fault("nothing");
    db = check_poisoned(db, path, "sync");

    PHASE("a failed read: that call fails, and nothing else");
    CHECK_OK(esker_flush(db, NULL, &error));
    db = reopen(db, path);
    CHECK_OK(esker_iter_new(db, NULL, NULL, &iter, &error));
    esker_test_fault("reads fail");
    CHECK_PLAIN(ESKER_IO, get(db, key(7)));
    CHECK_PLAIN(ESKER_IO, esker_iter_seek_to_first(iter));
    CHECK_STATUS(ESKER_IO, esker_iter_status(iter, &error));
    CHECK(!esker_iter_valid(iter));
    CHECK_PLAIN(ESKER_IO, esker_iter_next(iter));
    esker_test_fault("nothing");
    CHECK_PLAIN(ESKER_OK, get(db, key(7)));
    CHECK_OK(esker_poisoned(db, &error));
    esker_iter_free(iter);

    PHASE("a panic in a read: that call fails, and nothing else");
    db = reopen(db, path);
    esker_test_fault("a table read panics");
    CHECK_PLAIN(ESKER_PANIC, get(db, key(7)));
    CHECK_PLAIN(ESKER_OK, get(db, key(7)));
    CHECK_OK(esker_poisoned(db, &error));
    CHECK_PLAIN(ESKER_OK, put(db, "acknowledged", NULL));

    PHASE("a panic in a move: that iterator is broken for good, the next one is not");
    db = reopen(db, path);
    CHECK_OK(esker_iter_new(db, NULL, NULL, &iter, &error));
    esker_test_fault("a table read panics");
    CHECK_PLAIN(ESKER_PANIC, esker_iter_seek_to_last(iter));
    CHECK_PLAIN(ESKER_PANIC, esker_iter_seek_to_last(iter));
    CHECK_STATUS(ESKER_PANIC, esker_iter_status(iter, &error));
    CHECK(xtest_at(iter, NULL, NULL));
    CHECK_OK(esker_iter_new(db, NULL, NULL, &other, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_last(other));
    CHECK(esker_iter_valid(other));
    CHECK_OK(esker_poisoned(db, &error));
    esker_iter_free(iter);
    esker_iter_free(other);

    PHASE("a panic in a write: read-only, with the reason, until it is opened again");
    esker_test_fault("a log write panics");
    CHECK_PLAIN(ESKER_PANIC, put(db, "of unknown fate", NULL));
    db = check_poisoned(db, path, "panic");

    PHASE("a panic in the background: the same");
    esker_test_fault("a table write panics");
    CHECK(esker_flush(db, NULL, NULL) != ESKER_OK);
    db = check_poisoned(db, path, "panic");

    esker_write_options_free(sync);
    CHECK_OK(esker_close(db, &error));
    CHECK_OK(esker_verify(path, NULL, &(esker_value *){NULL}, &error));
    return 0;
}
