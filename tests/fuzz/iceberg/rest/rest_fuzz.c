/* Answers of a REST catalog from outside: the first byte chooses the decoder. */
#include "iceberg/rest/codec.h"
#include "iceberg/rest/staged.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static slu_status
name_see(void *to, const char *name, slu_error *err)
{
    *(size_t *)to += strlen(name);
    return SLU_OK;
}

static void
token_see(slu_view text, slu_arena *arena, slu_error *err)
{
    iceberg_rest_token token;
    if (iceberg_rest_token_decode(text, arena, &token, err) == SLU_OK && strpbrk(token.token, "\r\n") != NULL)
        abort(); /* it becomes a header */
}

static void
fault_see(slu_view text)
{
    iceberg_rest_fault fault;
    iceberg_rest_fault_decode(text, &fault);
    if (strpbrk(fault.message, "\r\n\033") != NULL || strpbrk(fault.type, "\r\n\033") != NULL)
        abort(); /* it becomes a line of a log */
}

static slu_status
staged_see(slu_view text, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf body = {0};
    slu_buf_init(&body, (size_t)1 << 20);
    return iceberg_rest_staged_encode(text, "a.b", "t", &body, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    SLU_AUTO(iceberg_rest_loaded_fini) iceberg_rest_loaded loaded = {0};
    iceberg_rest_config config;
    const char *next = NULL;
    size_t seen = 0;
    slu_error err = {0};
    if (bytes == 0)
        return 0;
    const slu_view text = slu_view_of(data + 1, bytes - 1);
    slu_arena_init(&arena, (size_t)1 << 20);
    slu_status status = SLU_OK;
    switch ((data[0] & 0x80) != 0 ? 6 : data[0] % 6) {
    case 0: status = iceberg_rest_config_decode(text, &arena, &config, &err); break;
    case 1: token_see(text, &arena, &err); break;
    case 2: fault_see(text); break;
    case 3: status = iceberg_rest_tables_decode(text, &arena, name_see, &seen, &next, &err); break;
    case 4: status = iceberg_rest_namespaces_decode(text, &arena, name_see, &seen, &next, &err); break;
    case 6: status = staged_see(text, &err); break;
    default: status = iceberg_rest_table_decode(text, &loaded, &err); break;
    }
    if (status != SLU_OK && err.message[0] == 0)
        abort(); /* a refusal has words */
    return 0;
}
