/*
 * What dlclose() does to a library that has threads: nothing that hurts. The program is not linked with libesker, as no
 * plugin is; it gets the library's path as its second argument.
 */
#define _XOPEN_SOURCE 700
#include "xtest.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>

/* A status by its number: its name is in the library. */
#define CHECK_CALL(status, call)                                                                                       \
    do {                                                                                                               \
        esker_status got = (call);                                                                                     \
        char number[16];                                                                                               \
        snprintf(number, sizeof number, "%d", got);                                                                    \
        if (got != (status)) xtest_fail(__FILE__, __LINE__, #call, number);                                            \
    } while (0)

/* The functions of the library that are used here. */
static struct {
    esker_options *(*options_new)(void);
    esker_status (*options_set)(esker_options *, const char *, const char *, esker_error **);
    void (*options_free)(esker_options *);
    esker_status (*open)(const char *, const esker_options *, esker_db **, esker_error **);
    esker_status (*close)(const esker_db *, esker_error **);
    esker_status (*put)(const esker_db *, const esker_cf *, const uint8_t *, size_t, const uint8_t *, size_t,
                        const esker_write_options *, esker_error **);
    esker_status (*get)(const esker_db *, const esker_cf *, const uint8_t *, size_t, const esker_read_options *,
                        esker_value **, esker_error **);
    const uint8_t *(*value_data)(const esker_value *, size_t *);
    void (*value_free)(esker_value *);
    esker_status (*flush)(const esker_db *, const esker_cf *, esker_error **);
    esker_status (*iter_new)(const esker_db *, const esker_cf *, const esker_read_options *, esker_iter **,
                             esker_error **);
    esker_status (*iter_seek_to_first)(esker_iter *);
    esker_status (*iter_next)(esker_iter *);
    uint8_t (*iter_valid)(const esker_iter *);
    void (*iter_free)(esker_iter *);
} lib;

static const char *library_path;

static void *load(void) {
    void *library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) xtest_fail(__FILE__, __LINE__, "dlopen", dlerror());
    return library;
}

/* A function as dlsym gives it: POSIX says that this works, and C does not let it be written otherwise. */
static void find(void *library, const char *name, void *function) {
    void *address = dlsym(library, name);
    if (address == NULL) xtest_fail(__FILE__, __LINE__, name, dlerror());
    memcpy(function, &address, sizeof address);
}

static void find_all(void *library) {
    find(library, "esker_options_new", &lib.options_new);
    find(library, "esker_options_set", &lib.options_set);
    find(library, "esker_options_free", &lib.options_free);
    find(library, "esker_open", &lib.open);
    find(library, "esker_close", &lib.close);
    find(library, "esker_put", &lib.put);
    find(library, "esker_get", &lib.get);
    find(library, "esker_value_data", &lib.value_data);
    find(library, "esker_value_free", &lib.value_free);
    find(library, "esker_flush", &lib.flush);
    find(library, "esker_iter_new", &lib.iter_new);
    find(library, "esker_iter_seek_to_first", &lib.iter_seek_to_first);
    find(library, "esker_iter_next", &lib.iter_next);
    find(library, "esker_iter_valid", &lib.iter_valid);
    find(library, "esker_iter_free", &lib.iter_free);
}

/* Whether the library is in memory, by what the kernel says. */
static int is_mapped(void) {
    char line[1024];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) found |= strstr(line, "libesker.so") != NULL;
    fclose(maps);
    return found;
}

static int threads(void) {
    int count = -2; /* . and .. */
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    while (readdir(tasks) != NULL) count++;
    closedir(tasks);
    return count;
}

static esker_db *open_small(const char *path) {
    esker_db *db = NULL;
    esker_options *options = lib.options_new();
    CHECK_CALL(ESKER_OK, lib.options_set(options, "memtable_size", "64KiB", NULL));
    CHECK_CALL(ESKER_OK, lib.open(path, options, &db, NULL));
    lib.options_free(options);
    return db;
}

enum { KEYS = 4000 };

/* Enough for flushes and compactions in the background. */
static void put_many(esker_db *db, char letter) {
    char key[32], value[128];
    memset(value, letter, sizeof value);
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "%c%05d", letter, i);
        CHECK_CALL(ESKER_OK, lib.put(db, NULL, B(key), BYTES(value), NULL, NULL));
    }
}

static unsigned count(esker_iter *iter) {
    unsigned found = 0;
    CHECK_CALL(ESKER_OK, lib.iter_seek_to_first(iter));
    for (; lib.iter_valid(iter); found++) CHECK_CALL(ESKER_OK, lib.iter_next(iter));
    return found;
}

/* A thread that has been in the library, and ends after dlclose: what the library keeps for it is freed then. */
static pthread_barrier_t used, unloaded;

static void *outlive(void *db) {
    CHECK_CALL(ESKER_OK, lib.put(db, NULL, B("from a thread"), B("value"), NULL, NULL));
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&unloaded);
    return NULL;
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    CHECK(argc > 2);
    library_path = argv[2];

    PHASE("a plugin opens a database");
    CHECK(!is_mapped());
    void *library = load();
    find_all(library);
    CHECK(threads() == 1); /* loading starts nothing */
    esker_db *db = open_small(path);
    esker_value *value = NULL;
    esker_iter *iter = NULL;
    pthread_t thread;
    put_many(db, 'a');
    CHECK_CALL(ESKER_OK, lib.get(db, NULL, B("a00007"), NULL, &value, NULL));
    CHECK_CALL(ESKER_OK, lib.iter_new(db, NULL, NULL, &iter, NULL));
    CHECK(threads() > 1);
    CHECK(pthread_barrier_init(&used, NULL, 2) == 0 && pthread_barrier_init(&unloaded, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, outlive, db) == 0);
    pthread_barrier_wait(&used);

    PHASE("dlclose while its threads run: it stays, and so does everything that is open");
    CHECK(dlclose(library) == 0);
    CHECK(is_mapped());
    pthread_barrier_wait(&unloaded);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(threads() > 1);
    put_many(db, 'b');
    CHECK_CALL(ESKER_OK, lib.flush(db, NULL, NULL)); /* which a thread of the library does */
    CHECK(count(iter) == KEYS);
    size_t len = 0;
    CHECK(lib.value_data(value, &len)[0] == 'a' && len == 128);

    PHASE("dlopen finds the same library, with the database open in it");
    struct { void *before, *after; } address = {NULL, NULL};
    memcpy(&address.before, &lib.put, sizeof lib.put);
    library = load();
    find_all(library);
    memcpy(&address.after, &lib.put, sizeof lib.put);
    CHECK(address.before == address.after);
    esker_db *second = NULL;
    CHECK_CALL(ESKER_LOCKED, lib.open(path, NULL, &second, NULL));
    CHECK(count(iter) == KEYS);
    put_many(db, 'c');

    PHASE("after the close its threads are gone, and after the next dlclose it still stays");
    CHECK_CALL(ESKER_OK, lib.close(db, NULL));
    CHECK(threads() == 1);
    CHECK(dlclose(library) == 0);
    CHECK(is_mapped());
    CHECK_CALL(ESKER_CLOSED, lib.put(db, NULL, B("k"), B("v"), NULL, NULL));
    CHECK_CALL(ESKER_CLOSED, lib.iter_next(iter));
    CHECK(lib.value_data(value, &len)[0] == 'a' && len == 128);
    lib.value_free(value);
    lib.iter_free(iter);

    PHASE("and the next plugin finds the data");
    find_all(load());
    db = open_small(path);
    CHECK_CALL(ESKER_OK, lib.iter_new(db, NULL, NULL, &iter, NULL));
    CHECK(count(iter) == 3 * KEYS + 1);
    lib.iter_free(iter);
    CHECK_CALL(ESKER_OK, lib.close(db, NULL));
    return 0;
}
