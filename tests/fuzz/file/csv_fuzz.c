/* One CSV record of any bytes: every field lies within the record or the scratch memory. */
#include "rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    file_field fields[64];
    const char *problem = NULL;
    char *scratch = malloc(bytes + 1);
    if (scratch == NULL)
        return 0;
    const int64_t count = file_csv_cut((const char *)data, bytes, ',', "NULL", scratch, fields, 64, &problem);
    if ((count < 0) != (problem != NULL))
        __builtin_trap();
    volatile unsigned sum = 0;
    for (int64_t i = 0; i < count; i++)
        for (size_t k = 0; k < fields[i].bytes; k++)
            sum += (unsigned char)fields[i].data[k];
    (void)sum;
    free(scratch);
    return 0;
}
