/* Callbacks: comparators and merge operators of the program's own, what they may do, and when their userdata ends. */
#define _XOPEN_SOURCE 700
#include "xtest.h"

#include <pthread.h>

/* What a callback works on: where it comes from, how often it was called, how often it was ended. */
struct userdata {
    esker_db *db;
    int calls, ended, every;
    esker_status inside;
};

static void end(void *userdata) {
    ((struct userdata *)userdata)->ended++;
}

/* Keys backwards. Tries to call the library the first time, where there is a database. */
static int32_t backwards(void *userdata, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
    struct userdata *my = userdata;
    int order = memcmp(b, a, a_len < b_len ? a_len : b_len);
    if (my->db != NULL && my->inside == ESKER_OK) {
        esker_value *value = NULL;
        my->inside = esker_get(my->db, NULL, B("k"), NULL, &value, NULL);
        CHECK_STATUS(ESKER_BUSY, esker_put(my->db, NULL, B("k"), B("v"), NULL, &error));
        CHECK_STATUS(ESKER_BUSY, esker_close(my->db, &error));
    }
    return order != 0 ? order : (b_len > a_len) - (b_len < a_len);
}

/* Bytewise as a rule; for about one pair of keys in every `every` whatever comes to mind, and perhaps the same the other way round. */
static int32_t whim(void *userdata, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
    struct userdata *my = userdata;
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    if (order == 0) order = (a_len > b_len) - (a_len < b_len);
    uint32_t dice = 2166136261u;
    for (size_t i = 0; i < a_len; i++) dice = (dice ^ a[i]) * 16777619u;
    for (size_t i = 0; i < b_len; i++) dice = (dice ^ b[i]) * 16777619u;
    if (order == 0 || dice % (uint32_t)my->every != 0) return order;
    return dice >> 31 ? 1 : -1;
}

/* The longest of all. Refuses operands that say so, and says nothing to others. */
static void longest(void *userdata, const uint8_t *key, size_t key_len, const uint8_t *base, size_t base_len, size_t n,
                    const uint8_t *const *operands, const size_t *operand_lens, esker_merge_result *result) {
    struct userdata *my = userdata;
    (void)key, (void)key_len;
    const uint8_t *best = base;
    size_t len = base_len;
    my->calls++;
    for (size_t i = 0; i < n; i++) {
        if (operand_lens[i] == 6 && memcmp(operands[i], "refuse", 6) == 0) {
            CHECK_PLAIN(ESKER_OK, esker_merge_result_set(result, B("not this"))); /* the last word counts */
            CHECK_PLAIN(ESKER_OK, esker_merge_result_fail(result, "told to refuse"));
            return;
        }
        if (operand_lens[i] == 5 && memcmp(operands[i], "quiet", 5) == 0) return;
        if (best == NULL || operand_lens[i] > len) best = operands[i], len = operand_lens[i];
    }
    if (my->db != NULL && my->inside == ESKER_OK) my->inside = esker_sync(my->db, NULL);
    CHECK_PLAIN(ESKER_OK, esker_merge_result_set(result, best, len));
}

static void longer(void *userdata, const uint8_t *key, size_t key_len, const uint8_t *older, size_t older_len,
                   const uint8_t *newer, size_t newer_len, esker_merge_result *result) {
    struct userdata *my = userdata;
    (void)key, (void)key_len;
    my->calls++;
    if (newer_len == 6 || older_len == 6) return; /* "refuse" stays as it is */
    if (newer_len > older_len) older = newer, older_len = newer_len;
    CHECK_PLAIN(ESKER_OK, esker_merge_result_set(result, older, older_len));
}

static esker_cf *make(esker_db *db, const char *name, const char *option, const char *value) {
    esker_cf *cf = NULL;
    esker_cf_options *options = esker_cf_options_new();
    CHECK_OK(esker_cf_options_set(options, option, value, &error));
    CHECK_OK(esker_cf_create(db, name, options, &cf, &error));
    esker_cf_options_free(options);
    return cf;
}

static esker_options *options_with(struct userdata *order, struct userdata *op) {
    esker_options *options = esker_options_new();
    CHECK_OK(esker_options_add_comparator(options, "backwards", backwards, order, end, &error));
    CHECK_OK(esker_options_add_merge_operator(options, "longest", longest, longer, op, end, &error));
    return options;
}

static void merge(esker_db *db, const esker_cf *cf, const char *key, const char *operand) {
    CHECK_OK(esker_merge(db, cf, B(key), B(operand), NULL, &error));
}

static int has(esker_db *db, const esker_cf *cf, const char *key, const char *value) {
    char buf[64];
    size_t len = 0;
    CHECK_OK(esker_get_into(db, cf, B(key), NULL, (uint8_t *)buf, sizeof buf, &len, &error));
    return len == strlen(value) && memcmp(buf, value, len) == 0;
}

static void ordering(esker_db *db, struct userdata *my) {
    esker_cf *cf = make(db, "backwards", "comparator", "backwards");
    esker_iter *iter = NULL;

    PHASE("a family is in the order of its comparator");
    for (char c = 'a'; c <= 'e'; c++) CHECK_OK(esker_put(db, cf, (const uint8_t *)&c, 1, B("v"), NULL, &error));
    for (int round = 0; round < 2; round++) {
        CHECK_OK(esker_iter_new(db, cf, NULL, &iter, &error));
        CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
        for (char c = 'e'; c >= 'a'; c--) {
            CHECK(xtest_at(iter, (char[]){c, 0}, "v"));
            CHECK_PLAIN(ESKER_OK, esker_iter_next(iter));
        }
        CHECK(xtest_at(iter, NULL, NULL));
        esker_iter_free(iter);
        CHECK_OK(esker_flush(db, cf, &error));
    }
    CHECK_OK(esker_delete_range(db, cf, B("e"), B("c"), NULL, &error));
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_delete_range(db, cf, B("a"), B("b"), NULL, &error));
    CHECK(has(db, cf, "c", "v"));

    PHASE("a call of the library from within is BUSY, the close too");
    my->db = db;
    CHECK(has(db, cf, "a", "v"));
    CHECK_OK(esker_put(db, cf, B("z"), B("v"), NULL, &error));
    CHECK(my->inside == ESKER_BUSY && !esker_is_closed(db));
    my->db = NULL;
    esker_cf_free(cf);
}

static void merging(esker_db *db, struct userdata *my) {
    esker_cf *cf = make(db, "longest", "merge_operator", "longest");
    esker_value *value = NULL;
    esker_error *why = NULL;

    PHASE("operands become values, read from memory and from tables");
    merge(db, cf, "k", "abc");
    merge(db, cf, "k", "ab");
    CHECK(has(db, cf, "k", "abc"));
    CHECK_OK(esker_put(db, cf, B("k"), B("base"), NULL, &error));
    merge(db, cf, "k", "abc");
    CHECK(has(db, cf, "k", "base"));
    CHECK_OK(esker_flush(db, cf, &error));
    merge(db, cf, "k", "longer than that");
    CHECK(has(db, cf, "k", "longer than that"));
    CHECK_OK(esker_flush(db, cf, &error));
    CHECK_OK(esker_compact_range(db, cf, NULL, 0, NULL, 0, &error));
    CHECK(has(db, cf, "k", "longer than that"));
    CHECK(my->calls > 0);

    PHASE("a refusal is the error of the read, and so is silence");
    merge(db, cf, "bad", "refuse");
    CHECK(esker_get(db, cf, B("bad"), NULL, &value, &why) == ESKER_UNSUPPORTED);
    CHECK(strstr(esker_error_message(why), "told to refuse") && strstr(esker_error_message(why), "longest"));
    esker_error_free(why);
    merge(db, cf, "mute", "quiet");
    CHECK(esker_get(db, cf, B("mute"), NULL, &value, &why) == ESKER_UNSUPPORTED && value == NULL);
    CHECK(strstr(esker_error_message(why), "no result"));
    esker_error_free(why);
    CHECK_OK(esker_flush(db, cf, &error));
    CHECK_OK(esker_compact_range(db, cf, NULL, 0, NULL, 0, &error));
    CHECK_STATUS(ESKER_UNSUPPORTED, esker_get(db, cf, B("bad"), NULL, &value, &error));
    CHECK(has(db, cf, "k", "longer than that"));

    PHASE("nor may it call the library");
    my->db = db;
    CHECK(has(db, cf, "k", "longer than that"));
    merge(db, cf, "k", "x");
    CHECK(has(db, cf, "k", "longer than that"));
    CHECK(my->inside == ESKER_BUSY);
    my->db = NULL;
    esker_cf_free(cf);
}

enum { THREADS = 4 };

struct load {
    esker_db *db;
    esker_cf *cf;
};

/* Reads in the custom order until the database is closed. */
static void *read_until_closed(void *argument) {
    struct load *load = argument;
    esker_iter *iter = NULL;
    for (;;) {
        if (esker_iter_new(load->db, load->cf, NULL, &iter, NULL) != ESKER_OK) return NULL;
        for (esker_iter_seek_to_first(iter); esker_iter_valid(iter); esker_iter_next(iter)) {
        }
        esker_iter_seek(iter, B("c"));
        esker_iter_free(iter);
    }
}

static void ending(const char *path) {
    struct userdata order = {NULL, 0, 0, 1, ESKER_OK}, op = order, unused = order;
    esker_options *options = options_with(&order, &op);
    esker_db *db = NULL;
    esker_cf *cf = NULL;
    esker_iter *iter = NULL;

    PHASE("userdata ends once: with the options, with the call that refuses it, with the comparator it makes way for");
    esker_options *other = options_with(&unused, &unused);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_options_add_comparator(other, "x", NULL, &unused, end, &error));
    CHECK(unused.ended == 1);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT,
                 esker_options_add_merge_operator(other, "longest", longest, NULL, &unused, end, &error));
    CHECK(unused.ended == 2);
    CHECK_OK(esker_options_add_comparator(other, "backwards", backwards, &unused, end, &error));
    CHECK(unused.ended == 3);
    esker_options_free(other);
    CHECK(unused.ended == 5);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_options_add_comparator(NULL, "x", backwards, &unused, end, &error));
    CHECK(unused.ended == 6);

    PHASE("who does not know the names does not open the database");
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_open(path, NULL, &db, &error));
    CHECK(db == NULL);

    PHASE("who knows the order can verify it");
    esker_value *report = NULL;
    CHECK_OK(esker_verify(path, options, &report, &error));
    CHECK(report != NULL && order.ended == 0);
    esker_value_free(report);

    PHASE("a database keeps it beyond the options, until it is closed");
    CHECK_OK(esker_open(path, options, &db, &error));
    esker_options_free(options);
    CHECK(order.ended == 0 && op.ended == 0);
    CHECK_OK(esker_cf_open(db, "backwards", &cf, &error));
    CHECK(has(db, cf, "a", "v"));
    CHECK_OK(esker_iter_new(db, cf, NULL, &iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
    CHECK_OK(esker_close(db, &error));
    CHECK(order.ended == 1 && op.ended == 1);
    CHECK_PLAIN(ESKER_CLOSED, esker_iter_seek(iter, B("c")));
    CHECK_STATUS(ESKER_CLOSED, esker_put(db, cf, B("x"), B("v"), NULL, &error));
    CHECK_STATUS(ESKER_CLOSED, esker_close(db, &error));
    esker_iter_free(iter);
    esker_cf_free(cf);

    PHASE("under the calls of four threads it ends with the last of them");
    for (int round = 0; round < 10; round++) {
        struct load load = {NULL, NULL};
        pthread_t threads[THREADS];
        order.ended = op.ended = 0;
        options = options_with(&order, &op);
        CHECK_OK(esker_open(path, options, &load.db, &error));
        esker_options_free(options);
        CHECK_OK(esker_cf_open(load.db, "backwards", &load.cf, &error));
        for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, read_until_closed, &load) == 0);
        CHECK_OK(esker_put(load.db, load.cf, B("e"), B("v"), NULL, &error));
        CHECK_OK(esker_close(load.db, &error));
        for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(order.ended == 1 && op.ended == 1);
        esker_cf_free(load.cf);
    }
}

/* What a call may say when the order it relies on contradicts itself: where sorting notices, that is a panic, caught. */
static void ends_somehow(esker_status status) {
    CHECK(status == ESKER_OK || status == ESKER_NOT_FOUND || status == ESKER_INVALID_ARGUMENT ||
          status == ESKER_CORRUPTION || status == ESKER_POISONED || status == ESKER_PANIC);
}

static void one_whim(esker_db *db, unsigned n) {
    uint8_t key[8], end[8];
    size_t len = (size_t)snprintf((char *)key, sizeof key, "k%03u", n * 7919 % 500);
    size_t end_len = (size_t)snprintf((char *)end, sizeof end, "k%03u", n * 7919 % 500 + 5);
    esker_value *value = NULL;
    esker_iter *iter = NULL;
    if (n % 7 < 4) ends_somehow(esker_put(db, NULL, key, len, key, len, NULL, NULL));
    if (n % 7 == 4) ends_somehow(esker_delete(db, NULL, key, len, NULL, NULL));
    if (n % 7 == 5) ends_somehow(esker_delete_range(db, NULL, key, len, end, end_len, NULL, NULL));
    if (n % 7 == 6) ends_somehow(esker_get(db, NULL, key, len, NULL, &value, NULL));
    if (n % 300 == 299) ends_somehow(esker_flush(db, NULL, NULL));
    if (n % 600 == 599) ends_somehow(esker_compact_range(db, NULL, NULL, 0, NULL, 0, NULL));
    if (n % 200 == 199 && esker_iter_new(db, NULL, NULL, &iter, NULL) == ESKER_OK) {
        ends_somehow(esker_iter_seek_to_first(iter));
        for (int steps = 0; esker_iter_valid(iter) && steps < 2000; steps++)
            ends_somehow((steps % 10 == 9 ? esker_iter_prev : esker_iter_next)(iter));
        ends_somehow(esker_iter_status(iter, NULL));
    }
    esker_iter_free(iter);
    esker_value_free(value);
}

/* Nothing that it holds can be relied upon, and nothing else comes to harm: every call ends, and with a status. */
static void contradictions(const char *path) {
    PHASE("an order that contradicts itself gives wrong answers and errors, and no worse");
    for (int every = 1; every <= 1000; every *= 10) {
        struct userdata my = {NULL, 0, 0, every, ESKER_OK};
        esker_options *options = esker_options_new();
        CHECK_OK(esker_options_add_comparator(options, "whim", whim, &my, end, &error));
        CHECK_OK(esker_options_set(options, "comparator", "whim", &error));
        CHECK_OK(esker_options_set(options, "memtable_size", "16KiB", &error));
        CHECK_OK(esker_options_set(options, "target_file_size", "8KiB", &error));
        for (int life = 0; life < 2; life++) {
            esker_db *db = NULL;
            ends_somehow(esker_open(path, options, &db, NULL));
            if (db == NULL) continue;
            for (unsigned n = 0; n < 1200; n++) one_whim(db, n);
            ends_somehow(esker_close(db, NULL));
        }
        CHECK_OK(esker_destroy(path, options, &error));
        esker_options_free(options);
        CHECK(my.ended == 1);
    }
}

int main(int argc, char **argv) {
    struct userdata order = {NULL, 0, 0, 1, ESKER_OK}, op = order;
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_options *options = options_with(&order, &op);
    esker_db *db = NULL;
    CHECK_OK(esker_open(path, options, &db, &error));
    ordering(db, &order);
    merging(db, &op);
    CHECK_OK(esker_close(db, &error));
    CHECK(order.ended == 0 && op.ended == 0);
    esker_options_free(options);
    CHECK(order.ended == 1 && op.ended == 1);
    ending(path);
    contradictions(path);
    return 0;
}
