/* A process that closed its standard streams, as daemons do: no file of the database takes their numbers, or the next message
 * anybody prints would go into it. */
#define _XOPEN_SOURCE 700
#include "xtest.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child cannot print: its exit code is the number of the phase that failed. */
#define EXPECT(phase, condition)                                                                                       \
    do {                                                                                                               \
        if (!(condition)) _exit(phase);                                                                                \
    } while (0)

/* Whether no standard stream is a file, while everybody prints. (A directory may pass through while it is synced.) */
static int no_stream_is_a_file(void) {
    for (int fd = 0; fd <= 2; fd++) {
        struct stat stat;
        if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)) return 0;
        if (write(fd, "printed by mistake\n", 19) > 0) return 0;
    }
    return 1;
}

static void without_streams(const char *path) {
    esker_db *db = NULL;
    esker_options *options = esker_options_new();
    close(0);
    close(1);
    close(2);
    EXPECT(1, esker_open(path, options, &db, NULL) == ESKER_OK && no_stream_is_a_file());
    for (int i = 0; i < 300; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "key%03d", i);
        EXPECT(2, esker_put(db, NULL, (const uint8_t *)key, (size_t)len, B("value"), NULL, NULL) == ESKER_OK);
        if (i % 100 == 50) EXPECT(3, esker_flush(db, NULL, NULL) == ESKER_OK && no_stream_is_a_file());
    }
    EXPECT(4, esker_sync(db, NULL) == ESKER_OK && no_stream_is_a_file());
    EXPECT(5, esker_compact_range(db, NULL, NULL, 0, NULL, 0, NULL) == ESKER_OK && no_stream_is_a_file());
    EXPECT(6, xtest_has(db, "key000", "value", NULL) && no_stream_is_a_file());
    EXPECT(7, esker_close(db, NULL) == ESKER_OK);
    esker_options_free(options);
    _exit(0);
}

int main(int argc, char **argv) {
    char *path = xtest_path(xtest_dir(argc, argv), "db");
    int status = 0;
    esker_value *report = NULL;

    PHASE("a process without standard streams writes, flushes and compacts");
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) without_streams(path);
    CHECK(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fprintf(stderr, "phase %d\n", WEXITSTATUS(status));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    PHASE("nothing that was printed is in the database");
    CHECK_OK(esker_verify(path, NULL, &report, &error));
    esker_value_free(report);
    esker_db *db = xtest_open(path);
    CHECK(xtest_has(db, "key299", "value", NULL));
    CHECK_OK(esker_close(db, &error));
    return 0;
}
