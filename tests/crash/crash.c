/*
 * kill -9: writes records that describe themselves and acknowledges them over a pipe, until it is killed; and checks, after
 * that, that the database is what the promises say.
 *
 *     crash write PATH SEED WRITERS    acknowledges on stdout: 8 bytes for every write, its writer and its number
 *     crash script PATH SEED OPERATIONS    so many of one writer, with flushes and compactions at fixed places:
 *         the same system calls in every run, so that it can be killed at each of them; ends by itself
 *     crash check PATH SEED WRITERS ACKED…    for each writer the last number it acknowledged
 *     crash check PATH SEED WRITERS SYNCED:ACKED…    the same after a power cut, which may take what was not synced
 *     crash cut-power DIRECTORY    stops the filesystem that the directory is on; nothing more reaches its medium
 *
 * Every writer has its own keys and its own row of operations 1, 2, 3 …; what operation number n does follows from the seed,
 * the writer and n alone. Each is one batch that also sets the key "last" of its writer to n. So after a kill
 *   - "last" is the last acknowledged operation, or the one after it, whose acknowledgement was under way:
 *     nothing acknowledged is lost, and nothing appears that was not written;
 *   - the writer's keys are exactly what operations 1 to "last" leave: no operation is missing before another, and of no
 *     batch there is half.
 */
#define _DEFAULT_SOURCE
#define _XOPEN_SOURCE 700
#include <esker.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SLOTS = 400, MAX_WRITERS = 8, MAX_VALUE = 70000 };

static uint64_t seed;

static void fail(const char *what, esker_error *error) {
    fprintf(stderr, "%s: %s\n", what, error == NULL ? "" : esker_error_message(error));
    exit(1);
}

/* Numbers that look random and are the same in every process. */
static uint64_t mix(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static uint64_t draw(unsigned writer, uint64_t op, uint64_t what) {
    return mix(mix(mix(seed ^ writer) ^ op) ^ what);
}

/* ---- What an operation does, told as puts into slots and removals of slots ---------------------------------------- */

typedef void change_fn(void *context, unsigned writer, unsigned slot, uint64_t op);
typedef void remove_fn(void *context, unsigned writer, unsigned from, unsigned to);

static void operation(unsigned writer, uint64_t op, change_fn *put, remove_fn *erase, void *context) {
    unsigned slot = (unsigned)(draw(writer, op, 1) % SLOTS), kind = (unsigned)(draw(writer, op, 2) % 100);
    if (kind < 70) {
        put(context, writer, slot, op);
    } else if (kind < 85) {
        unsigned count = (unsigned)(draw(writer, op, 3) % 20);
        for (unsigned i = 0; i <= count; i++) put(context, writer, (slot + 7 * i) % SLOTS, op);
    } else if (kind < 95) {
        erase(context, writer, slot, slot + 1);
    } else {
        unsigned to = slot + (unsigned)(draw(writer, op, 4) % 60);
        erase(context, writer, slot, to > SLOTS ? SLOTS : to);
    }
}

static size_t make_key(char *key, unsigned writer, unsigned slot) {
    return (size_t)snprintf(key, 16, "%c%05u", 'A' + (int)writer, slot);
}

/* The value that operation `op` puts into a slot: of any length, now and then a long one. */
static size_t make_value(uint8_t *value, unsigned writer, unsigned slot, uint64_t op) {
    uint64_t r = draw(writer, op, 1000 + slot);
    size_t len = r % 100 == 0 ? r / 100 % MAX_VALUE : r / 100 % 300;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = mix(r + i);
        memcpy(value + i, &word, len - i < 8 ? len - i : 8);
    }
    return len;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

static void batch_put(void *context, unsigned writer, unsigned slot, uint64_t op) {
    static _Thread_local uint8_t value[MAX_VALUE + 8];
    char key[16];
    size_t key_len = make_key(key, writer, slot), len = make_value(value, writer, slot, op);
    esker_error *error = NULL;
    if (esker_batch_put(context, NULL, (const uint8_t *)key, key_len, value, len, &error) != ESKER_OK)
        fail("batch_put", error);
}

static void batch_erase(void *context, unsigned writer, unsigned from, unsigned to) {
    char start[16], end[16];
    size_t start_len = make_key(start, writer, from), end_len = make_key(end, writer, to);
    esker_error *error = NULL;
    esker_status status =
        to == from + 1 ? esker_batch_delete(context, NULL, (const uint8_t *)start, start_len, &error)
                       : esker_batch_delete_range(context, NULL, (const uint8_t *)start, start_len,
                                                  (const uint8_t *)end, end_len, &error);
    if (status != ESKER_OK) fail("batch_erase", error);
}

static uint64_t read_last(esker_db *db, unsigned writer) {
    char key[8];
    uint64_t last = 0;
    size_t len = 0;
    esker_error *error = NULL;
    int key_len = snprintf(key, sizeof key, "last%c", 'A' + (int)writer);
    esker_status status = esker_get_into(db, NULL, (const uint8_t *)key, (size_t)key_len, NULL, (uint8_t *)&last,
                                         sizeof last, &len, &error);
    if (status == ESKER_NOT_FOUND) return 0;
    if (status != ESKER_OK || len != sizeof last) fail("read_last", error);
    return last;
}

struct writer {
    esker_db *db;
    unsigned number;
};

/* In an acknowledgement: this write, and so every one before it, was to be on the medium. */
static const uint64_t SYNCED = (uint64_t)1 << 55;

/* Carries out the next operations of a writer, so many of them, and acknowledges each. */
static void write_some(struct writer *writer, uint64_t count) {
    esker_batch *batch = esker_batch_new();
    esker_write_options *sync = esker_write_options_new();
    esker_error *error = NULL;
    char key[8];
    int key_len = snprintf(key, sizeof key, "last%c", 'A' + (int)writer->number);
    esker_write_options_set_durability(sync, ESKER_DURABILITY_SYNC);
    for (uint64_t op = read_last(writer->db, writer->number) + 1; count > 0; op++, count--) {
        int synced = draw(writer->number, op, 5) % 50 == 0;
        uint64_t ack = (uint64_t)writer->number << 56 | (synced ? SYNCED : 0) | op;
        esker_batch_clear(batch);
        operation(writer->number, op, batch_put, batch_erase, batch);
        if (esker_batch_put(batch, NULL, (const uint8_t *)key, (size_t)key_len, (const uint8_t *)&op, sizeof op,
                            &error) != ESKER_OK)
            fail("last", error);
        if (esker_write(writer->db, batch, synced ? sync : NULL, &error) != ESKER_OK) fail("write", error);
        if (write(STDOUT_FILENO, &ack, sizeof ack) != sizeof ack) exit(3);
    }
    esker_write_options_free(sync);
    esker_batch_free(batch);
}

/* Writes and acknowledges until something kills the process. */
static void *write_on(void *writer) {
    for (;;) write_some(writer, UINT64_MAX);
    return NULL;
}

/* Small everything, so that memtables, segments and tables turn over many times in a short life. */
static esker_db *open_small(const char *path, const char *threads) {
    const char *const small[][2] = {
        {"memtable_size", "128KiB"}, {"wal_segment_size", "64KiB"}, {"target_file_size", "64KiB"},
        {"level_base_size", "256KiB"}, {"l0_compaction_trigger", "2"}, {"manifest_rotate_size", "4KiB"},
        {"background_threads", threads},
    };
    esker_options *options = esker_options_new();
    esker_error *error = NULL;
    esker_db *db = NULL;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        if (esker_options_set(options, small[i][0], small[i][1], &error) != ESKER_OK) fail("options", error);
    if (esker_open(path, options, &db, &error) != ESKER_OK) fail("open", error);
    esker_options_free(options);
    return db;
}

static int write_forever(const char *path, unsigned writers) {
    struct writer all[MAX_WRITERS];
    pthread_t threads[MAX_WRITERS];
    esker_db *db = open_small(path, "2");
    for (unsigned i = 0; i < writers; i++) {
        all[i] = (struct writer){db, i};
        if (pthread_create(&threads[i], NULL, write_on, &all[i]) != 0) fail("pthread_create", NULL);
    }
    for (unsigned i = 0; i < writers; i++) pthread_join(threads[i], NULL);
    return 0;
}

/* Everything that calls the operating system, one after the other: the engine has one background thread, which the script
 * waits for before it goes on, so that a system call has the same number in every run. */
static int script(const char *path, uint64_t operations) {
    struct writer writer = {open_small(path, "1"), 0};
    esker_error *error = NULL;
    for (uint64_t done = 0; done < operations; done += 20) {
        write_some(&writer, operations - done < 20 ? operations - done : 20);
        if (esker_flush(writer.db, NULL, &error) != ESKER_OK) fail("flush", error);
        if (done % 60 == 20 && esker_compact_range(writer.db, NULL, NULL, 0, NULL, 0, &error) != ESKER_OK)
            fail("compact", error);
    }
    write_some(&writer, 10);
    if (esker_close(writer.db, &error) != ESKER_OK) fail("close", error);
    return 0;
}

/* ---- Checking --------------------------------------------------------------------------------------------------- */

/* For each slot the operation that put its value; 0 for none. */
typedef uint64_t slots[SLOTS];

static void model_put(void *context, unsigned writer, unsigned slot, uint64_t op) {
    (void)writer;
    (*(slots *)context)[slot] = op;
}

static void model_erase(void *context, unsigned writer, unsigned from, unsigned to) {
    (void)writer;
    for (unsigned slot = from; slot < to; slot++) (*(slots *)context)[slot] = 0;
}

/* The writer's keys in the database are those of the model, with their values, and no more. */
static void compare(esker_db *db, unsigned writer, slots *model) {
    static uint8_t value[MAX_VALUE + 8];
    esker_error *error = NULL;
    esker_iter *iter = NULL;
    esker_read_options *options = esker_read_options_new();
    uint8_t prefix = (uint8_t)('A' + writer);
    esker_read_options_set_prefix(options, &prefix, 1);
    if (esker_iter_new(db, NULL, options, &iter, &error) != ESKER_OK) fail("iter", error);
    esker_iter_seek_to_first(iter);
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        char key[16];
        size_t want_key = make_key(key, writer, slot), key_len = 0, len = 0;
        if ((*model)[slot] == 0) continue;
        size_t want = make_value(value, writer, slot, (*model)[slot]);
        const uint8_t *k = esker_iter_key(iter, &key_len), *v = esker_iter_value(iter, &len);
        if (k == NULL || key_len != want_key || memcmp(k, key, key_len) != 0) fail("another key than expected", NULL);
        if (len != want || memcmp(v, value, len) != 0) fail("another value than expected", NULL);
        esker_iter_next(iter);
    }
    if (esker_iter_status(iter, &error) != ESKER_OK) fail("scan", error);
    if (esker_iter_valid(iter)) fail("a key too many", NULL);
    esker_iter_free(iter);
    esker_read_options_free(options);
}

static int check(const char *path, unsigned writers, char **acked) {
    esker_error *error = NULL;
    esker_db *db = open_small(path, "2");
    for (unsigned writer = 0; writer < writers; writer++) {
        static slots model;
        char *end = NULL;
        uint64_t last = read_last(db, writer), least = strtoull(acked[writer], &end, 10);
        uint64_t most = *end == ':' ? strtoull(end + 1, NULL, 10) : least;
        printf("%" PRIu64 "\n", last);
        if (last < least || last > most + 1) {
            fprintf(stderr, "writer %u: %" PRIu64 " is there of %s\n", writer, last, acked[writer]);
            fail("an acknowledged write is lost, or one appeared", NULL);
        }
        memset(model, 0, sizeof model);
        for (uint64_t op = 1; op <= last; op++) operation(writer, op, model_put, model_erase, &model);
        compare(db, writer, &model);
    }
    if (esker_close(db, &error) != ESKER_OK) fail("close", error);
    esker_value *report = NULL;
    if (esker_verify(path, NULL, &report, &error) != ESKER_OK) fail("verify", error);
    esker_value_free(report);
    return 0;
}

/* ---- Cutting the power --------------------------------------------------------------------------------------------- */

/* What ext4 and xfs have for their own tests: the filesystem goes down at once, without writing its journal. */
static int cut_power(const char *directory) {
    uint32_t without_the_journal = 2;
    int fd = open(directory, O_RDONLY);
    if (fd < 0 || ioctl(fd, _IOR('X', 125, uint32_t), &without_the_journal) != 0) {
        perror(directory);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "cut-power") == 0) return cut_power(argv[2]);
    if (argc < 5) return 2;
    seed = strtoull(argv[3], NULL, 10);
    if (strcmp(argv[1], "script") == 0) return script(argv[2], strtoull(argv[4], NULL, 10));
    unsigned writers = (unsigned)strtoul(argv[4], NULL, 10);
    if (writers == 0 || writers > MAX_WRITERS) return 2;
    if (strcmp(argv[1], "write") == 0) return write_forever(argv[2], writers);
    if (strcmp(argv[1], "check") == 0 && (unsigned)argc == 5 + writers) return check(argv[2], writers, argv + 5);
    return 2;
}
