/* Versions and statuses: the numbers of the header are those of the library. */
#include "xtest.h"

int main(void) {
    char composed[32];

    PHASE("the macros of the header are the numbers of the library");
    CHECK(strcmp(esker_version(), ESKER_VERSION_STRING) == 0);
    CHECK(esker_version_number() == ESKER_VERSION_NUMBER);
    CHECK(esker_abi_version() == ESKER_ABI_VERSION);

    PHASE("the composed number is made of the parts, every one of them in its place");
    CHECK(ESKER_VERSION_NUMBER ==
          1000000 * ESKER_VERSION_MAJOR + 1000 * ESKER_VERSION_MINOR + ESKER_VERSION_PATCH);
    CHECK(ESKER_VERSION_MINOR < 1000 && ESKER_VERSION_PATCH < 1000);
    snprintf(composed, sizeof composed, "%d.%d.%d", ESKER_VERSION_MAJOR, ESKER_VERSION_MINOR, ESKER_VERSION_PATCH);
    CHECK(strcmp(esker_version(), composed) == 0);

    PHASE("every status has its name and its number for ever");
    static const char *const names[] = {
        "OK", "NOT_FOUND", "INVALID_ARGUMENT", "IO", "CORRUPTION", "CLOSED", "LOCKED", "CONFLICT", "READ_ONLY",
        "NO_SPACE", "POISONED", "FORKED", "UNSUPPORTED", "FORMAT", "BUSY", "BUFFER_TOO_SMALL", "CANCELLED", "PANIC",
    };
    for (int32_t status = 0; status < 18; status++) CHECK(strcmp(esker_status_name(status), names[status]) == 0);
    CHECK(ESKER_OK == 0 && ESKER_NOT_FOUND == 1 && ESKER_IO == 3 && ESKER_POISONED == 10 && ESKER_PANIC == 17);

    PHASE("a number that is no status has a name too");
    CHECK(strcmp(esker_status_name(18), "UNKNOWN") == 0);
    CHECK(strcmp(esker_status_name(-1), "UNKNOWN") == 0);
    CHECK(strcmp(esker_status_name(INT32_MIN), "UNKNOWN") == 0);
    return 0;
}
