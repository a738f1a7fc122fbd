#include <esker.h>
#include <stdio.h>

int main(int argc, char **argv) {
    esker_db *db = NULL;
    esker_value *value = NULL;
    esker_error *error = NULL;
    const uint8_t *key = (const uint8_t *)"greeting";
    size_t len = 0;

    if (esker_open(argc > 1 ? argv[1] : "data", NULL, &db, &error) != ESKER_OK) goto out;
    if (esker_put(db, NULL, key, 8, (const uint8_t *)"hello", 5, NULL, &error) != ESKER_OK) goto out;
    if (esker_get(db, NULL, key, 8, NULL, &value, &error) != ESKER_OK) goto out;
    const char *text = (const char *)esker_value_data(value, &len);
    printf("greeting = %.*s\n", (int)len, text);
    esker_close(db, &error); // everything is on the medium, or there is an error
out:
    if (error != NULL) fprintf(stderr, "%s\n", esker_error_message(error));
    int failed = error != NULL;
    esker_value_free(value);
    esker_close(db, NULL); // after a goto; a second close is harmless
    esker_error_free(error);
    return failed;
}
