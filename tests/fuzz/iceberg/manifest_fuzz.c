/* A manifest and a manifest list from outside; the first byte of nothing: both decoders see every input. */
#include "iceberg/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static iceberg_partition_field fields[] = {
        {1, 1000, "a", {ICEBERG_TRANSFORM_IDENTITY, 0, "identity"}},
        {2, 1001, "b", {ICEBERG_TRANSFORM_BUCKET, 4, "bucket[4]"}},
    };
    static const iceberg_partition_spec spec = {0, 2, fields};
    static const iceberg_type types[] = {{.kind = ICEBERG_DECIMAL, .precision = 9, .scale = 2}, {.kind = ICEBERG_INT}};
    const iceberg_manifest_file listed = {.path = "m", .sequence_number = 3, .snapshot_id = 4};
    iceberg_manifest manifest;
    iceberg_manifest_file *files = NULL;
    size_t count = 0;
    slu_error err = {0};
    slu_arena arena;
    slu_arena_init(&arena, (size_t)64 << 20);
    (void)!iceberg_manifest_decode(slu_view_of(data, bytes), &listed, &spec, types, true, &arena, &manifest, &err);
    (void)!iceberg_list_decode(slu_view_of(data, bytes), &arena, &files, &count, &err);
    slu_arena_fini(&arena);
    return 0;
}
