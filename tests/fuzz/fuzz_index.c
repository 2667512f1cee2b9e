/* fuzz_index.c - any bytes as the index of two files, a and b, that lie beside it. */
#define _GNU_SOURCE
#include "fuzz_archive.h"

#include <fcntl.h>

static char directory[] = "/dev/shm/tapegrad_fuzz_XXXXXX";
static char path[sizeof directory + 2];
static int  file = -1;

static void put(const char *name, const char *header, size_t n)
{
    char           at[sizeof directory + 8], bytes[200] = {0};
    const uint64_t length = strlen(header);
    snprintf(at, sizeof at, "%s/%s", directory, name);
    FILE *f = fopen(at, "wb");
    memcpy(bytes, header, length);
    REQUIRE(f && fwrite(&length, 8, 1, f) == 1 && fwrite(bytes, length + n, 1, f) == 1 && fclose(f) == 0);
}

static void remove_all(void)
{
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    (void)!system(command);
}

static void prepare(void)
{
    REQUIRE(mkdtemp(directory) && atexit(remove_all) == 0);
    put("a", "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"y\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]}}", 9);
    put("b", "{\"z\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2);
    snprintf(path, sizeof path, "%s/i", directory);
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (file < 0) prepare();
    fill_file(file, data, size);
    fuzz_archive(path, size + FUZZ_SLACK);
    return 0;
}
