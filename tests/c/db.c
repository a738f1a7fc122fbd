/* Databases: open, close, reopen, read-only, and what a handle knows of itself. */
#include "xtest.h"

static esker_status open_with(const char *path, const char *name, const char *value, esker_db **db) {
    esker_options *options = esker_options_new();
    CHECK_OK(esker_options_set(options, name, value, &error));
    esker_status status = esker_open(path, options, db, NULL);
    esker_options_free(options);
    return status;
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_db *db = NULL, *second = NULL;
    esker_value *text = NULL;

    PHASE("nothing is created when it must not be");
    CHECK_PLAIN(ESKER_NOT_FOUND, open_with(path, "create_if_missing", "false", &db));
    CHECK(db == NULL);

    PHASE("a missing database is created");
    db = xtest_open(path);
    CHECK(!esker_is_closed(db));
    CHECK_OK(esker_poisoned(db, &error));
    CHECK_OK(esker_path(db, &text, &error));
    CHECK(strcmp((const char *)esker_value_data(text, NULL), path) == 0);
    esker_value_free(text);
    xtest_put(db, "key", "value");

    PHASE("it is open once");
    CHECK_STATUS(ESKER_LOCKED, esker_open(path, NULL, &second, &error));
    CHECK(second == NULL);

    PHASE("what was written is there after a close");
    CHECK_OK(esker_close(db, &error));
    CHECK(esker_is_closed(db));
    second = xtest_open(path);
    CHECK(xtest_has(second, "key", "value", NULL));
    CHECK_OK(esker_close(second, &error));

    PHASE("an existing one is refused when there must be none");
    CHECK_PLAIN(ESKER_INVALID_ARGUMENT, open_with(path, "error_if_exists", "true", &db));

    PHASE("read-only reads and refuses to write");
    CHECK_PLAIN(ESKER_OK, open_with(path, "read_only", "true", &db));
    CHECK(xtest_has(db, "key", "value", NULL));
    CHECK_STATUS(ESKER_READ_ONLY, esker_put(db, NULL, B("key"), B("other"), NULL, &error));
    CHECK_STATUS(ESKER_READ_ONLY, esker_delete(db, NULL, B("key"), NULL, &error));
    CHECK_STATUS(ESKER_READ_ONLY, esker_delete_range(db, NULL, B("a"), B("z"), NULL, &error));
    CHECK(xtest_has(db, "key", "value", NULL));
    CHECK_OK(esker_close(db, &error));

    PHASE("a path that cannot be a directory is an error that names it");
    esker_error *told = NULL;
    CHECK(esker_open("/dev/null/db", NULL, &db, &told) != ESKER_OK);
    CHECK(db == NULL && strstr(esker_error_message(told), "/dev/null") != NULL);
    esker_error_free(told);
    CHECK_STATUS(ESKER_INVALID_ARGUMENT, esker_open("", NULL, &db, &error));
    return 0;
}
