/* Any text as columns and as a type: what is understood prints as a text that is understood as the same. */
#include "fluss/record/type_parse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
type_again(const char *text)
{
    slu_arena arena;
    slu_buf first;
    slu_buf second;
    fluss_type type;
    slu_arena_init(&arena, 1 << 22);
    slu_buf_init(&first, 1 << 20);
    slu_buf_init(&second, 1 << 20);
    if (fluss_type_parse(text, &arena, &type, NULL) == SLU_OK && type.id < FLUSS_TYPE_ARRAY) {
        fluss_type_print(&type, &first);
        if (fluss_type_parse(slu_buf_cstr(&first), &arena, &type, NULL) != SLU_OK)
            abort();
        fluss_type_print(&type, &second);
        if (strcmp(slu_buf_cstr(&first), slu_buf_cstr(&second)) != 0)
            abort();
    }
    slu_buf_fini(&first);
    slu_buf_fini(&second);
    slu_arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    slu_arena arena;
    fluss_schema schema;
    char *text = malloc(bytes + 1);
    memcpy(text, data, bytes);
    text[bytes] = 0;
    slu_arena_init(&arena, 1 << 22);
    if (fluss_columns_parse(text, &arena, &schema, NULL) == SLU_OK)
        fluss_schema_normalize(&schema);
    slu_arena_fini(&arena);
    type_again(text);
    free(text);
    return 0;
}
