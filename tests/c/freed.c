/*
 * A handle used after its own free: the caller's error, which a debug build of the library detects. This program commits
 * the one its second argument names, and must be ended by abort() with a sentence. Driven by ffi/tests/it/c_programs.rs.
 */
#include "xtest.h"

int main(int argc, char **argv) {
    esker_db *db = xtest_open(xtest_path(xtest_dir(argc, argv), "db"));
    const char *what = argc > 2 ? argv[2] : "";
    esker_iter *iter = NULL;
    esker_batch *batch = esker_batch_new();
    CHECK_OK(esker_iter_new(db, NULL, NULL, &iter, &error));
    if (strcmp(what, "iter") == 0) {
        esker_iter_free(iter);
        esker_iter_next(iter);
    } else if (strcmp(what, "twice") == 0) {
        esker_batch_free(batch);
        esker_batch_free(batch);
    } else if (strcmp(what, "type") == 0) {
        esker_iter_next((esker_iter *)(void *)batch);
    } else if (strcmp(what, "foreign") == 0) {
        esker_batch_clear((esker_batch *)(void *)&iter);
    }
    return 0;
}
