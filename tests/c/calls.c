/*
 * Any sequence of calls: bytes are read as calls of the interface, in any order and number, and every answer is compared with a
 * model. A fuzz program (fuzz/fuzz_targets/calls.rs) gives it bytes; with a directory it makes its own, from a seed.
 *
 *     program DIRECTORY    sequences from ESKER_SEED on (1), ESKER_CALLS of them (30)
 *
 * One database, four snapshots, four iterators, a batch and a transaction live and end at any time, the database is closed and
 * opened under them, and what is closed is used on. The model is an array: for each of 64 keys the value, or that there is none;
 * a snapshot, an iterator and a transaction each keep the array of their moment.
 */
#ifdef ESKER_FUZZING
#define _DEFAULT_SOURCE
#include <unistd.h>
#endif
#include "xtest.h"

enum { KEYS = 64, SLOTS = 4, MAX_CALLS = 300, MAX_VALUE = 4 * 255 };

/* For each key its value's length and byte; -1 for none. */
struct model {
    int len[KEYS];
    uint8_t byte[KEYS];
};

struct cursor {
    esker_iter *iter;
    struct model seen;
    int at; /* the key it stands on, or -1 */
    int closed;
};

struct view {
    esker_snapshot *snapshot;
    struct model seen;
    int closed;
};

/* A change of a batch or a transaction: the keys from..to get the value, or go if len is -1. */
struct change {
    int from, to, len;
    uint8_t byte;
};

static struct {
    char path[4096];
    esker_db *db;
    struct model now;
    struct cursor cursors[SLOTS];
    struct view views[SLOTS];
    esker_batch *batch;
    struct change changes[MAX_CALLS];
    size_t count, savepoint;
    esker_txn *txn;
    struct model own;      /* what the transaction sees */
    int touched[KEYS];     /* what it wrote */
    int others_wrote, ended;
} t;

static uint8_t value_bytes[256][MAX_VALUE];

static size_t key_bytes(int key, uint8_t *out) {
    out[0] = 'k', out[1] = (uint8_t)('0' + key / 10), out[2] = (uint8_t)('0' + key % 10);
    return 3;
}

static void apply(struct model *model, const struct change *change) {
    for (int key = change->from; key < change->to; key++) {
        model->len[key] = change->len;
        model->byte[key] = change->byte;
    }
}

static void same(const struct model *model, int key, const uint8_t *value, size_t len) {
    CHECK(model->len[key] >= 0 && len == (size_t)model->len[key]);
    CHECK(memcmp(value, value_bytes[model->byte[key]], len) == 0);
}

/* A status that a closed database gives, or the one that is due. */
static esker_status due(esker_status status) {
    return esker_is_closed(t.db) ? ESKER_CLOSED : status;
}

static void open_it(void) {
    esker_options *options = esker_options_new();
    CHECK_OK(esker_options_set(options, "memtable_size", "8KiB", &error));
    CHECK_OK(esker_options_set(options, "target_file_size", "8KiB", &error));
    CHECK_OK(esker_options_set(options, "block_size", "1KiB", &error));
    t.db = NULL;
    CHECK_OK(esker_open(t.path, options, &t.db, &error));
    esker_options_free(options);
}

/* ---- Writes ----------------------------------------------------------------------------------------------------- */

static struct change draw(int what, int key, int arg) {
    struct change change = {key, key + 1, arg * 4, (uint8_t)arg};
    if (what == 1) change.len = -1;
    if (what == 2) {
        change.to = key + arg % (KEYS - key + 1);
        change.len = -1;
    }
    return change;
}

static void written(const struct change *change) {
    apply(&t.now, change);
    t.others_wrote = 1;
}

static void write_now(int what, int key, int arg) {
    uint8_t from[8], to[8];
    struct change change = draw(what, key, arg);
    size_t from_len = key_bytes(change.from, from), to_len = key_bytes(change.to, to);
    if (what == 0)
        CHECK_STATUS(due(ESKER_OK), esker_put(t.db, NULL, from, from_len, value_bytes[change.byte], (size_t)change.len,
                                              NULL, &error));
    else if (what == 1)
        CHECK_STATUS(due(ESKER_OK), esker_delete(t.db, NULL, from, from_len, NULL, &error));
    else
        CHECK_STATUS(due(ESKER_OK), esker_delete_range(t.db, NULL, from, from_len, to, to_len, NULL, &error));
    if (!esker_is_closed(t.db)) written(&change);
}

static void write_batch(int what, int key, int arg) {
    uint8_t from[8], to[8];
    struct change change = draw(what, key, arg);
    size_t from_len = key_bytes(change.from, from), to_len = key_bytes(change.to, to);
    if (what == 0)
        CHECK_OK(esker_batch_put(t.batch, NULL, from, from_len, value_bytes[change.byte], (size_t)change.len, &error));
    else if (what == 1)
        CHECK_OK(esker_batch_delete(t.batch, NULL, from, from_len, &error));
    else
        CHECK_OK(esker_batch_delete_range(t.batch, NULL, from, from_len, to, to_len, &error));
    if (change.from < change.to) t.changes[t.count++] = change; /* an empty range is nothing */
    CHECK(esker_batch_count(t.batch) == t.count);
}

static void end_batch(int arg) {
    switch (arg % 4) {
    case 0:
        esker_batch_clear(t.batch);
        t.count = 0;
        t.savepoint = SIZE_MAX;
        break;
    case 1:
        if (t.savepoint == SIZE_MAX) {
            CHECK_OK(esker_batch_set_savepoint(t.batch, &error));
            t.savepoint = t.count;
        }
        break;
    case 2:
        CHECK_STATUS(t.savepoint == SIZE_MAX ? ESKER_NOT_FOUND : ESKER_OK,
                     esker_batch_rollback_to_savepoint(t.batch, &error));
        if (t.savepoint != SIZE_MAX) t.count = t.savepoint;
        t.savepoint = SIZE_MAX;
        CHECK(esker_batch_count(t.batch) == t.count);
        break;
    default:
        CHECK_STATUS(due(ESKER_OK), esker_write(t.db, t.batch, NULL, &error));
        if (!esker_is_closed(t.db))
            for (size_t i = 0; i < t.count; i++) written(&t.changes[i]);
    }
}

/* ---- Reads ------------------------------------------------------------------------------------------------------ */

static void get_from(const struct model *model, esker_snapshot *snapshot, int closed, int key, int arg) {
    uint8_t name[8], into[MAX_VALUE];
    size_t name_len = key_bytes(key, name), len = 0, cap = (size_t)arg * 4;
    esker_read_options *options = esker_read_options_new();
    esker_value *value = NULL;
    esker_status want = model->len[key] < 0 ? ESKER_NOT_FOUND : ESKER_OK;
    if (snapshot != NULL) CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(options, snapshot));
    /* A snapshot of a database that was closed belongs to no other, though it be the same directory. */
    esker_status wrong = esker_is_closed(t.db) ? ESKER_CLOSED : closed ? ESKER_INVALID_ARGUMENT : ESKER_OK;
    CHECK_STATUS(wrong != ESKER_OK ? wrong : want, esker_get(t.db, NULL, name, name_len, options, &value, &error));
    if (value != NULL) {
        const uint8_t *bytes = esker_value_data(value, &len);
        same(model, key, bytes, len);
    }
    CHECK((value != NULL) == (wrong == ESKER_OK && want == ESKER_OK));
    esker_value_free(value);
    if (wrong == ESKER_OK) {
        int fits = want != ESKER_OK || (size_t)model->len[key] <= cap;
        CHECK_STATUS(fits ? want : ESKER_BUFFER_TOO_SMALL,
                     esker_get_into(t.db, NULL, name, name_len, options, into, cap, &len, &error));
        if (fits && want == ESKER_OK) same(model, key, into, len);
    }
    esker_read_options_free(options);
}

static void new_view(struct view *view) {
    esker_snapshot_free(view->snapshot);
    view->snapshot = NULL;
    CHECK_STATUS(due(ESKER_OK), esker_snapshot_new(t.db, &view->snapshot, &error));
    view->seen = t.now;
    view->closed = 0;
}

static void new_cursor(struct cursor *cursor, const struct view *view) {
    int use = view->snapshot != NULL && !view->closed;
    esker_read_options *options = esker_read_options_new();
    esker_iter_free(cursor->iter);
    cursor->iter = NULL;
    if (use) CHECK_PLAIN(ESKER_OK, esker_read_options_set_snapshot(options, view->snapshot));
    CHECK_STATUS(due(ESKER_OK), esker_iter_new(t.db, NULL, options, &cursor->iter, &error));
    esker_read_options_free(options);
    cursor->seen = use ? view->seen : t.now;
    cursor->at = -1;
    cursor->closed = 0;
}

/* The nearest key that is there, from `key` on in steps of `step`; -1 for none. */
static int nearest(const struct model *model, int key, int step) {
    while (key >= 0 && key < KEYS && model->len[key] < 0) key += step;
    return key >= 0 && key < KEYS ? key : -1;
}

static void move(struct cursor *cursor, int how, int key) {
    uint8_t name[8];
    size_t len = key_bytes(key, name);
    const struct model *seen = &cursor->seen;
    esker_status want = cursor->closed ? ESKER_CLOSED : ESKER_OK, got = ESKER_OK;
    int stood = cursor->at;
    if (cursor->iter == NULL) return;
    switch (how % 7) {
    case 0: got = esker_iter_seek_to_first(cursor->iter), cursor->at = nearest(seen, 0, 1); break;
    case 1: got = esker_iter_seek_to_last(cursor->iter), cursor->at = nearest(seen, KEYS - 1, -1); break;
    case 2: got = esker_iter_seek(cursor->iter, name, len), cursor->at = nearest(seen, key, 1); break;
    case 3: got = esker_iter_seek_for_prev(cursor->iter, name, len), cursor->at = nearest(seen, key, -1); break;
    case 4:
        got = esker_iter_next(cursor->iter);
        if (stood >= 0) cursor->at = nearest(seen, stood + 1, 1);
        break;
    case 5:
        got = esker_iter_prev(cursor->iter);
        if (stood >= 0) cursor->at = nearest(seen, stood - 1, -1);
        break;
    default:
        CHECK_STATUS(want, esker_iter_refresh(cursor->iter, &error));
        if (!cursor->closed) cursor->seen = t.now;
        cursor->at = -1;
    }
    if (how % 7 == 4 || how % 7 == 5) {
        /* A step from nowhere is told by the interface to be an error or nothing; it leads nowhere either way. */
        if (stood >= 0) CHECK(got == want);
    } else if (how % 7 != 6) {
        CHECK(got == want);
    }
    if (cursor->closed) return;
    CHECK((cursor->at >= 0) == (esker_iter_valid(cursor->iter) != 0));
    if (cursor->at >= 0) {
        size_t name_len = key_bytes(cursor->at, name), value_len = 0;
        const uint8_t *at = esker_iter_key(cursor->iter, &len), *value = esker_iter_value(cursor->iter, &value_len);
        CHECK(len == name_len && memcmp(at, name, len) == 0);
        same(seen == &t.now ? &t.now : seen, cursor->at, value, value_len);
    }
}

/* ---- Transactions ----------------------------------------------------------------------------------------------- */

static void begin(void) {
    esker_txn_free(t.txn);
    t.txn = NULL;
    CHECK_STATUS(due(ESKER_OK), esker_txn_begin(t.db, NULL, &t.txn, &error));
    t.own = t.now;
    memset(t.touched, 0, sizeof t.touched);
    t.others_wrote = t.ended = 0;
}

static void in_txn(int what, int key, int arg) {
    uint8_t name[8];
    size_t name_len = key_bytes(key, name), len = 0;
    esker_value *value = NULL;
    struct change change = draw(what == 2 ? 1 : 0, key, arg);
    if (t.txn == NULL || t.ended || esker_is_closed(t.db)) return;
    switch (what) {
    case 0:
        CHECK_STATUS(t.own.len[key] < 0 ? ESKER_NOT_FOUND : ESKER_OK, esker_txn_get(t.txn, NULL, name, name_len, &value, &error));
        if (value != NULL) {
            const uint8_t *bytes = esker_value_data(value, &len);
            same(&t.own, key, bytes, len);
        }
        esker_value_free(value);
        return;
    case 1:
        CHECK_OK(esker_txn_put(t.txn, NULL, name, name_len, value_bytes[change.byte], (size_t)change.len, &error));
        break;
    default:
        CHECK_OK(esker_txn_delete(t.txn, NULL, name, name_len, &error));
    }
    apply(&t.own, &change);
    t.touched[key] = 1;
}

static void end_txn(int arg) {
    if (t.txn == NULL || t.ended || esker_is_closed(t.db)) return;
    t.ended = 1;
    if (arg % 4 == 0) {
        CHECK_OK(esker_txn_rollback(t.txn, &error));
        return;
    }
    esker_status status = esker_txn_commit(t.txn, NULL);
    /* Without others there is nothing to be in its way. */
    CHECK(status == ESKER_OK || (status == ESKER_CONFLICT && t.others_wrote));
    if (status == ESKER_CONFLICT) return;
    for (int key = 0; key < KEYS; key++) {
        if (!t.touched[key]) continue;
        t.now.len[key] = t.own.len[key];
        t.now.byte[key] = t.own.byte[key];
    }
}

/* ---- Sequences -------------------------------------------------------------------------------------------------- */

static void close_and_open(int arg) {
    esker_status want = due(ESKER_OK);
    CHECK_STATUS(want, esker_close(t.db, &error));
    for (int i = 0; i < SLOTS; i++) t.cursors[i].closed = t.views[i].closed = 1;
    t.ended = 1;
    /* Now and then the handle of what is closed stays in use. */
    if (arg % 3 != 0) open_it();
}

static void call(int op, int key, int arg) {
    struct cursor *cursor = &t.cursors[arg % SLOTS];
    struct view *view = &t.views[arg / SLOTS % SLOTS];
    switch (op % 24) {
    case 0: case 1: case 2: write_now(0, key, arg); break;
    case 3: write_now(1, key, arg); break;
    case 4: write_now(2, key, arg); break;
    case 5: case 6: write_batch(op % 3, key, arg); break;
    case 7: end_batch(arg); break;
    case 8: case 9: get_from(&t.now, NULL, 0, key, arg); break;
    case 10: new_view(view); break;
    case 11: if (view->snapshot != NULL) get_from(&view->seen, view->snapshot, view->closed, key, arg); break;
    case 12: new_cursor(cursor, view); break;
    case 13: case 14: case 15: case 16: move(cursor, arg / SLOTS, key); break;
    case 17: CHECK_STATUS(due(ESKER_OK), esker_flush(t.db, NULL, &error)); break;
    case 18: CHECK_STATUS(due(ESKER_OK), esker_compact_range(t.db, NULL, NULL, 0, NULL, 0, &error)); break;
    case 19: begin(); break;
    case 20: case 21: in_txn(arg % 3, key, arg); break;
    case 22: end_txn(arg); break;
    default: if (key % 8 == 0) close_and_open(arg);
    }
}

/* One sequence, on a database of its own, which is compared as a whole and verified at the end. */
static void run_calls(const char *path, const uint8_t *data, size_t len) {
    memset(&t, 0, sizeof t);
    snprintf(t.path, sizeof t.path, "%s", path);
    for (int i = 0; i < 256; i++) memset(value_bytes[i], i, MAX_VALUE);
    for (int key = 0; key < KEYS; key++) t.now.len[key] = -1;
    t.savepoint = SIZE_MAX;
    t.batch = esker_batch_new();
    open_it();
    for (size_t i = 0; i + 3 <= len && i < 3 * MAX_CALLS; i += 3) call(data[i], data[i + 1] % KEYS, data[i + 2]);
    if (esker_is_closed(t.db)) open_it();
    for (int key = 0; key < KEYS; key++) get_from(&t.now, NULL, 0, key, 255);
    for (int i = 0; i < SLOTS; i++) {
        esker_iter_free(t.cursors[i].iter);
        esker_snapshot_free(t.views[i].snapshot);
    }
    esker_txn_free(t.txn);
    esker_batch_free(t.batch);
    CHECK_OK(esker_close(t.db, &error));
    esker_value *report = NULL;
    CHECK_OK(esker_verify(path, NULL, &report, &error));
    esker_value_free(report);
    CHECK_OK(esker_destroy(path, NULL, &error));
}

#ifdef ESKER_FUZZING
int rust_fuzzer_test_input(const uint8_t *data, size_t len);

/* What the crate libfuzzer-sys calls with each input, a slice: its address and its length. In memory where the system has a place
 * for files there: the syncs of a disk would be most of the time. */
int rust_fuzzer_test_input(const uint8_t *data, size_t len) {
    char path[64];
    snprintf(path, sizeof path, "%s/esker-calls-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    run_calls(path, data, len);
    return 0;
}
#else
static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

int main(int argc, char **argv) {
    const char *path = xtest_path(xtest_dir(argc, argv), "calls.db");
    uint64_t seed = number("ESKER_SEED", 1), count = number("ESKER_CALLS", 30);
    for (uint64_t end = seed + count; seed < end; seed++) {
        uint8_t data[3 * MAX_CALLS];
        uint64_t x = seed;
        for (size_t i = 0; i < sizeof data; i++) {
            x += 0x9E3779B97F4A7C15u;
            uint64_t z = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
            data[i] = (uint8_t)(z >> 24);
        }
        printf("ESKER_SEED=%" PRIu64 "\n", seed);
        fflush(stdout);
        run_calls(path, data, sizeof data);
    }
    return 0;
}
#endif
