#include "iceberg_care/tuple.h"

int
iceberg_tuple_compare(const iceberg_scan_file *a, const iceberg_scan_file *b)
{
    if (a->spec_id != b->spec_id)
        return a->spec_id < b->spec_id ? -1 : 1;
    for (uint32_t i = 0; i < a->file.partition_count && i < b->file.partition_count; i++) {
        const iceberg_value *left = &a->file.partition[i];
        const iceberg_value *right = &b->file.partition[i];
        if (left->is_null != right->is_null)
            return left->is_null ? -1 : 1;
        const size_t bytes = left->bytes.bytes < right->bytes.bytes ? left->bytes.bytes : right->bytes.bytes;
        const int order = left->is_null || bytes == 0 ? 0 : memcmp(left->bytes.data, right->bytes.data, bytes);
        if (order != 0)
            return order;
        if (!left->is_null && left->bytes.bytes != right->bytes.bytes)
            return left->bytes.bytes < right->bytes.bytes ? -1 : 1;
    }
    return 0;
}
