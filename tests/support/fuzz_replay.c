/*
 * fuzz_replay.c: runs a fuzz target over files or folders given as arguments, plus a few mutations of each (truncations and
 * flipped bytes from a fixed seed), so that the corpus is part of the ordinary tests in every preset.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define MUTATIONS 64

static unsigned replayed;

/* The exact size is allocated, so that the sanitizer sees one byte too far. */
static void
run(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    if (copy == NULL)
        return;
    copy[0] = 0;
    memcpy(copy, data, bytes);
    (void)LLVMFuzzerTestOneInput(copy, bytes);
    free(copy);
}

static void
mutate(uint8_t *data, size_t bytes)
{
    uint64_t seed = bytes * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (int i = 0; i < MUTATIONS && bytes > 0; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const size_t at = (size_t)(seed >> 33) % bytes;
        const uint8_t kept = data[at];
        data[at] ^= (uint8_t)(1u << ((seed >> 8) & 7));
        run(data, bytes);
        data[at] = (uint8_t)(seed >> 16);
        run(data, bytes);
        data[at] = kept;
        run(data, at);
    }
}

static int
replay(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        (void)fprintf(stderr, "no corpus at %s\n", path);
        return 1;
    }
    if (S_ISDIR(info.st_mode)) {
        DIR *folder = opendir(path);
        int failed = folder == NULL;
        for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL; entry = readdir(folder)) {
            char child[4096];
            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
            failed |= replay(child);
        }
        if (folder != NULL)
            (void)closedir(folder);
        return failed;
    }
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc((size_t)info.st_size + 1);
    if (file == NULL || data == NULL)
        return 1;
    const size_t bytes = fread(data, 1, (size_t)info.st_size, file);
    (void)fclose(file);
    run(data, bytes);
    mutate(data, bytes);
    free(data);
    replayed++;
    return 0;
}

int
main(int count, char **arguments)
{
    int failed = 0;
    run((const uint8_t *)"", 0);
    for (int i = 1; i < count; i++)
        failed |= replay(arguments[i]);
    (void)printf("%u corpus files replayed\n", replayed);
    return failed || (count > 1 && replayed == 0);
}
