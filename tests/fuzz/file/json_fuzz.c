/* One JSON line of any bytes: every field lies within the record or the scratch memory. */
#include "rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct ArrowSchema schema;
    file_field fields[3] = {{0}};
    const char *problem = NULL;
    if (schema.release == NULL && sdk_schema_from_columns("a BIGINT, b STRING, c BOOLEAN", &schema, NULL) != SLU_OK)
        __builtin_trap();
    char *scratch = malloc(bytes + 1);
    if (scratch == NULL)
        return 0;
    const bool good = file_json_cut((const char *)data, bytes, &schema, scratch, fields, &problem);
    if (good != (problem == NULL))
        __builtin_trap();
    volatile unsigned sum = 0;
    for (int i = 0; good && i < 3; i++)
        for (size_t k = 0; fields[i].kind == FILE_FIELD_VALUE && k < fields[i].bytes; k++)
            sum += (unsigned char)fields[i].data[k];
    (void)sum;
    free(scratch);
    return 0;
}
