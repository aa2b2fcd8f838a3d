/* Small JSON from outside: bucket offsets, a schema, the fields of a partition spec. */
#include "iceberg/lake_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_offsets offsets;
    iceberg_schema schema;
    iceberg_partition_spec spec;
    slu_error err = {0};
    slu_arena_init(&arena, (size_t)16 << 20);
    (void)!iceberg_offsets_parse(slu_view_of(data, bytes), &arena, &offsets, &err);
    (void)!iceberg_schema_parse(slu_view_of(data, bytes), &arena, &schema, &err);
    (void)!iceberg_spec_fields_parse(slu_view_of(data, bytes), 0, &arena, &spec, &err);
    return 0;
}
