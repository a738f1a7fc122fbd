/* Errors: what an error object tells, and that it is the caller's own. */
#include "xtest.h"

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    esker_error *error = NULL, *other = NULL;
    esker_options *options = esker_options_new();

    PHASE("status and message travel together");
    CHECK(esker_options_set(options, "memory_buget", "1GiB", &error) == ESKER_INVALID_ARGUMENT);
    CHECK(esker_error_code(error) == ESKER_INVALID_ARGUMENT);
    CHECK(strstr(esker_error_message(error), "did you mean \"memory_budget\"?") != NULL);

    PHASE("an error that is about no file says so");
    CHECK(esker_error_file(error) == NULL);
    CHECK(esker_error_offset(error) == ESKER_NO_OFFSET);

    PHASE("later calls do not change it");
    CHECK(esker_options_set(options, "read_only", "perhaps", &other) == ESKER_INVALID_ARGUMENT);
    CHECK(strstr(esker_error_message(error), "memory_budget") != NULL);
    CHECK(strstr(esker_error_message(other), "perhaps") != NULL);
    esker_error_free(other);

    PHASE("*error is NULL after a success, whatever was there before the call");
    other = error;
    CHECK(esker_options_set(options, "read_only", "true", &error) == ESKER_OK);
    CHECK(error == NULL);
    esker_error_free(other);

    PHASE("who wants no error gets none");
    CHECK(esker_options_set(options, "no such option", "1", NULL) == ESKER_INVALID_ARGUMENT);

    PHASE("an error about a file names it");
    esker_db *db = NULL;
    CHECK(esker_open(path, options, &db, &error) == ESKER_NOT_FOUND);
    CHECK(db == NULL);
    CHECK(error != NULL && esker_error_file(error) != NULL);
    CHECK(strstr(esker_error_file(error), path) != NULL);
    CHECK(strstr(esker_error_message(error), path) != NULL);
    esker_error_free(error);

    PHASE("the getters tell of no error when there is none");
    CHECK(esker_error_code(NULL) == ESKER_OK);
    CHECK(strcmp(esker_error_message(NULL), "") == 0);
    CHECK(esker_error_file(NULL) == NULL);
    CHECK(esker_error_offset(NULL) == ESKER_NO_OFFSET);
    esker_error_free(NULL);
    esker_options_free(options);
    return 0;
}
