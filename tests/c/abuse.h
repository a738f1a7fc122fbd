/*
 * What the generated program of ffi/tests/it/abuse.rs needs around its calls: every kind of handle in a good state, and
 * the checks that hold after any call, however wrong its arguments were.
 */
#ifndef ABUSE_H
#define ABUSE_H

#include "xtest.h"

/* One good object of every kind; and a closed database with an iterator that outlived it. */
static struct fixture {
    const char *dir, *path, *sound;
    esker_db *db, *closed;
    esker_iter *iter, *dead_iter;
    esker_snapshot *snapshot;
    esker_value *value;
    esker_batch *batch, *other_batch;
    esker_options *options;
    esker_read_options *read_options;
    esker_write_options *write_options;
    esker_cf_options *cf_options;
    /* A family of the database; one of the same database as it was open before; one that was dropped. */
    esker_cf *cf, *other_cf, *dropped_cf, *victim;
    esker_names *names;
    esker_txn_options *txn_options;
    /* A transaction that goes on; one of the closed database; one that has ended. */
    esker_txn *txn, *dead_txn, *done_txn, *victim_txn;
    esker_error *error;
    /* Only within in_a_callback(). */
    esker_merge_result *result;
    void (*inside)(void);
} F;

/* What an output holds before a call: nothing that may be there after a failure. */
#define GARBAGE ((void *)(uintptr_t)0xdead)

static inline int32_t compare_bytes(void *userdata, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
    (void)userdata;
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Runs what is to run in a callback, if anything is, and takes the last operand for the value. */
static inline void abuse_full(void *userdata, const uint8_t *key, size_t key_len, const uint8_t *base, size_t base_len,
                              size_t n, const uint8_t *const *operands, const size_t *operand_lens,
                              esker_merge_result *result) {
    (void)userdata, (void)key, (void)key_len, (void)base, (void)base_len;
    F.result = result;
    if (F.inside != NULL) F.inside();
    CHECK_PLAIN(ESKER_OK, esker_merge_result_set(result, operands[n - 1], operand_lens[n - 1]));
}

static inline esker_db *open_db(void) {
    esker_options *options = esker_options_new();
    esker_db *db = NULL;
    CHECK_OK(esker_options_add_merge_operator(options, "abuse", abuse_full, NULL, NULL, NULL, &error));
    CHECK_OK(esker_options_set(options, "merge_operator", "abuse", &error));
    CHECK_OK(esker_open(F.path, options, &db, &error));
    esker_options_free(options);
    return db;
}

static inline esker_iter *fresh_iter(void) {
    esker_iter *iter = NULL;
    CHECK_OK(esker_iter_new(F.db, NULL, NULL, &iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
    return iter;
}

static inline esker_snapshot *fresh_snapshot(void) {
    esker_snapshot *snapshot = NULL;
    CHECK_OK(esker_snapshot_new(F.db, &snapshot, &error));
    return snapshot;
}

static inline esker_value *fresh_value(void) {
    esker_value *value = NULL;
    CHECK_OK(esker_get(F.db, NULL, B("k"), NULL, &value, &error));
    return value;
}

static inline esker_error *fresh_error(void) {
    esker_error *error = NULL;
    CHECK(esker_options_set(F.options, "no such option", "", &error) == ESKER_INVALID_ARGUMENT);
    return error;
}

static inline esker_batch *fresh_batch(void) {
    esker_batch *batch = esker_batch_new();
    CHECK_OK(esker_batch_put(batch, NULL, B("k"), B("v"), &error));
    return batch;
}

static inline esker_cf *fresh_cf(void) {
    esker_cf *cf = NULL;
    CHECK_OK(esker_cf_open(F.db, "family", &cf, &error));
    return cf;
}

static inline esker_names *fresh_names(void) {
    esker_names *names = NULL;
    CHECK_OK(esker_cf_list(F.db, &names, &error));
    return names;
}

/* A name that no family has. */
static inline const char *new_name(void) {
    static char name[32];
    static int n = 0;
    snprintf(name, sizeof name, "family %d", n++);
    return name;
}

/* A path at which nothing is. */
static inline const char *new_path(void) { return xtest_path(F.dir, new_name()); }

/* A family to be dropped, new every time. */
static inline esker_cf *victim_cf(void) {
    esker_cf_free(F.victim);
    CHECK_OK(esker_cf_create(F.db, new_name(), NULL, &F.victim, &error));
    return F.victim;
}

static inline esker_txn *fresh_txn(void) {
    esker_txn *txn = NULL;
    CHECK_OK(esker_txn_begin(F.db, NULL, &txn, &error));
    CHECK_OK(esker_txn_put(txn, NULL, B("in a transaction"), B("v"), &error));
    return txn;
}

/* A transaction to be ended, new every time. */
static inline esker_txn *victim_txn(void) {
    esker_txn_free(F.victim_txn);
    return F.victim_txn = fresh_txn();
}

/* Sees to a sound database at F.sound, which is not open. */
static inline void make_sound(void) {
    CHECK_OK(esker_close(xtest_open(F.sound), &error));
}

static inline void setup(const char *dir) {
    F.inside = NULL;
    F.dir = dir;
    F.path = xtest_path(dir, "db");
    F.sound = xtest_path(dir, "sound");
    F.db = open_db();
    xtest_put(F.db, "k", "value");
    F.cf_options = esker_cf_options_new();
    CHECK_OK(esker_cf_options_set(F.cf_options, "merge_operator", "abuse", &error));
    if (esker_cf_open(F.db, "family", &F.other_cf, NULL) != ESKER_OK)
        CHECK_OK(esker_cf_create(F.db, "family", F.cf_options, &F.other_cf, &error));
    F.dead_iter = fresh_iter();
    F.dead_txn = fresh_txn();
    F.closed = F.db;
    CHECK_OK(esker_close(F.closed, &error));
    CHECK_PLAIN(ESKER_CLOSED, esker_iter_next(F.dead_iter));
    F.db = open_db();
    F.options = esker_options_new();
    F.read_options = esker_read_options_new();
    F.write_options = esker_write_options_new();
    F.iter = fresh_iter();
    F.snapshot = fresh_snapshot();
    F.value = fresh_value();
    F.error = fresh_error();
    F.cf = fresh_cf();
    F.victim = NULL;
    CHECK_OK(esker_cf_create(F.db, new_name(), NULL, &F.dropped_cf, &error));
    CHECK_OK(esker_cf_drop(F.db, F.dropped_cf, &error));
    F.names = fresh_names();
    F.txn_options = esker_txn_options_new();
    F.txn = fresh_txn();
    F.done_txn = fresh_txn();
    CHECK_OK(esker_txn_rollback(F.done_txn, &error));
    F.victim_txn = NULL;
    F.batch = fresh_batch();
    F.other_batch = fresh_batch();
}

/* Runs a case while F.result is what a merge callback got. */
static inline void in_a_callback(void (*run)(void)) {
    esker_value *value = NULL;
    CHECK_OK(esker_txn_merge(F.txn, NULL, B("k"), B("operand"), &error));
    F.inside = run;
    CHECK_OK(esker_txn_get(F.txn, NULL, B("k"), &value, &error));
    F.inside = NULL;
    CHECK(F.result != NULL);
    esker_value_free(value);
}

/* Whatever was done, the library still works, and everything can be freed. */
static inline void teardown(void) {
    if (esker_is_closed(F.db)) F.db = open_db();
    xtest_put(F.db, "after", "abuse");
    CHECK(xtest_has(F.db, "after", "abuse", NULL));
    esker_iter_free(F.iter);
    esker_iter_free(F.dead_iter);
    esker_snapshot_free(F.snapshot);
    esker_value_free(F.value);
    esker_error_free(F.error);
    esker_batch_free(F.batch);
    esker_batch_free(F.other_batch);
    esker_names_free(F.names);
    esker_txn_options_free(F.txn_options);
    esker_txn_free(F.txn);
    esker_txn_free(F.dead_txn);
    esker_txn_free(F.done_txn);
    esker_txn_free(F.victim_txn);
    esker_cf_free(F.cf);
    esker_cf_free(F.other_cf);
    esker_cf_free(F.dropped_cf);
    esker_cf_free(F.victim);
    esker_cf_options_free(F.cf_options);
    esker_options_free(F.options);
    esker_read_options_free(F.read_options);
    esker_write_options_free(F.write_options);
    CHECK_OK(esker_close(F.db, &error));
}

/* `status` is one of those whose bits are in `expected`, and `error`, unless it is GARBAGE and was not passed, goes with it. */
static inline void verdict(const char *call, esker_status status, uint32_t expected, esker_error *error) {
    if (status < 0 || status > 31 || (expected >> status & 1U) == 0)
        xtest_fail(__FILE__, __LINE__, call, esker_status_name(status));
    if (error == GARBAGE) return;
    if (status == ESKER_OK && error != NULL) xtest_fail(__FILE__, __LINE__, call, "ESKER_OK with an error");
    if (status != ESKER_OK && status != ESKER_NOT_FOUND && error == NULL)
        xtest_fail(__FILE__, __LINE__, call, "a failure without an error");
    if (error != NULL && esker_error_code(error) != status) xtest_fail(__FILE__, __LINE__, call, "another error");
    esker_error_free(error);
}

#endif
