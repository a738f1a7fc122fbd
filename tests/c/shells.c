/*
 * What a closed database leaves behind: at most 4 KiB, and no thread and no file.
 *
 * Method: many databases are opened, filled, read and closed, and the process is measured before and after. A first few
 * rounds are not counted, because allocators and caches of the process itself grow then.
 */
#define _XOPEN_SOURCE 700
#include "xtest.h"

#include <dirent.h>
#include <malloc.h>
#include <unistd.h>

enum { WARM_UP = 20, ROUNDS = 100 };

static size_t entries_of(const char *directory) {
    size_t count = 0;
    DIR *dir = opendir(directory);
    CHECK(dir != NULL);
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

static size_t allocated(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void one_life(const char *path) {
    esker_db *db = xtest_open(path);
    esker_iter *iter = NULL;
    char key[16];
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "key%d", i);
        xtest_put(db, key, "a value of some length, so that tables and caches have something to hold");
        if (i == 150) CHECK_OK(esker_flush(db, NULL, &error));
    }
    CHECK_OK(esker_iter_new(db, NULL, NULL, &iter, &error));
    CHECK_PLAIN(ESKER_OK, esker_iter_seek_to_first(iter));
    while (esker_iter_valid(iter)) CHECK_PLAIN(ESKER_OK, esker_iter_next(iter));
    esker_iter_free(iter);
    CHECK_OK(esker_close(db, &error));
    CHECK_OK(esker_destroy(path, NULL, &error));
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    for (int i = 0; i < WARM_UP; i++) one_life(path);

    PHASE("memory, threads and files after many databases are those before");
    size_t bytes = allocated(), files = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    for (int i = 0; i < ROUNDS; i++) one_life(path);
    size_t grown = allocated() > bytes ? allocated() - bytes : 0;
    printf("    %zu bytes a database\n", grown / ROUNDS);
    CHECK(grown / ROUNDS <= 4096);
    CHECK(entries_of("/proc/self/fd") == files);
    CHECK(entries_of("/proc/self/task") == threads);
    return 0;
}
