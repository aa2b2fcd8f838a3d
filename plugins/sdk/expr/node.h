/*
 * node.h: what the parts of the expression library share: the tree after checking, and the vectors it computes.
 *
 * Files    lex.c text to tokens; parse.c tokens to nodes, by recursive descent; check.c makes each node and decides its type; eval.c runs
 *          the tree block by block; kernels.c the loops over columns; convert.c CAST and its texts; text.c LIKE and the string functions.
 * Domains  a type is computed in one of five representations (domain): BOOL one byte 0/1, INT int64_t, DEC slu_i128 with the type's
 *          scale, F64 double, TEXT a view. A timestamp is an INT whose precision is read as a scale where units meet.
 * Nulls    a vector's nulls are bytes (1: null), or NULL when no row is null. (1) The value of a null BOOL is 0, so that
 *          BOOL values alone say "TRUE"; in the other domains it is anything.
 */
#ifndef SDK_EXPR_NODE_H
#define SDK_EXPR_NODE_H

#include <sluice/sdk/decimal.h>
#include <sluice/sdk/expr.h>

#define BLOCK_ROWS 1024
#define NODE_DEPTH_MAX 500 /* of the tree: a chain of ANDs is as deep as it is long */

typedef slu_i128_natural i128;

typedef enum domain { D_BOOL, D_INT, D_DEC, D_F64, D_TEXT, D_NULL } domain;

typedef struct text_view {
    const uint8_t *data;
    int64_t bytes;
} text_view;

typedef struct vec {
    const void *values;
    const uint8_t *nulls; /* NULL: none */
} vec;

typedef enum cmp_code { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE } cmp_code;

typedef enum op_code {
    OP_COLUMN,
    OP_CONST,
    OP_CMP,       /* args of one domain; DEC: scales may differ */
    OP_CMP_CONST, /* arg[0] against a number: INT and DEC through `bound`, F64 through `f64`, TEXT through `text` */
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_IS_NULL,
    OP_IS_TRUE, /* int_value: 1 TRUE, 0 FALSE */
    OP_IN,      /* arg[0] in a list of constants */
    OP_LIKE,    /* arg[0] like arg[1] */
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
    OP_NEG,
    OP_CAST, /* arg[0] to `type` */
    OP_CASE, /* when, then, when, then, ..., else */
    OP_COALESCE,
    OP_FUNCTION /* `function` */
} op_code;

typedef enum function_code {
    F_LOWER,
    F_UPPER,
    F_LENGTH,
    F_SUBSTR,
    F_TRIM,
    F_LTRIM,
    F_RTRIM,
    F_CONCAT,
    F_ABS,
    F_FLOOR,
    F_CEIL,
    F_ROUND,
    F_INSTANT /* the same 64 bits: milliseconds as a TIMESTAMP(3), and back */
} function_code;

typedef struct node node;
struct node {
    op_code op;
    int32_t at;    /* byte offset in the text */
    slu_type type; /* OTHER: the NULL literal */
    bool nullable;
    bool can_fail; /* evaluation may fail for some rows: such a part is evaluated only for rows that reach it */
    bool attempt;  /* TRY_CAST: null instead of failing */
    bool negated;  /* NOT IN, NOT LIKE, IS NOT ... */
    bool is_null;  /* CONST */
    bool list_has_null;
    bool always, never; /* CMP_CONST whose answer does not depend on the value */
    cmp_code cmp;
    function_code function;
    uint16_t depth;
    uint32_t arg_count;
    node **args;
    int64_t column;
    int64_t int_value; /* CONST INT, BOOL */
    i128 dec_value;    /* CONST DEC; CMP_CONST: the bound at the argument's scale */
    double f64_value;
    text_view text; /* CONST TEXT; memory of the expression */
    int32_t escape; /* LIKE: a byte; -1 none */
    /* IN */
    i128 *list_numbers; /* sorted */
    double *list_doubles;
    text_view *list_texts; /* sorted */
    uint32_t list_count;
    /* Scratch, made on first use. */
    void *values;
    uint8_t *nulls;
    int32_t *rows[4];
    uint8_t *bytes; /* texts made by this node in this block */
    size_t bytes_used, bytes_capacity;
    bool filled; /* CONST: the block holds its value */
};

struct sdk_expr {
    node *root;
    char *text;
    char format[32];
    void **memory; /* everything allocated for the tree */
    size_t memory_count, memory_capacity;
    uint32_t node_count;
    node **scratch_nodes; /* to free their `bytes` */
    size_t scratch_count;
};

/* ---- check.c: nodes and their types ---- */

typedef struct builder {
    sdk_expr *expr;
    const struct ArrowSchema *schema;
    slu_error *err;
    int32_t error_at;
    slu_status failed;
} builder;

void *expr_alloc(sdk_expr *expr, size_t bytes); /* zeroed; lives as long as the expression */
void *expr_alloc_raw(sdk_expr *expr, size_t bytes);
domain domain_of(slu_type type);
size_t domain_bytes(domain d);
int32_t type_scale(slu_type type); /* of a DEC, or the unit of a time */
bool type_is_int(slu_type type);
bool type_is_numeric(slu_type type);
const char *type_name(slu_type type, char out[64]);

/* Each returns NULL after failing the builder. */
SLU_PRINTF(4, 5) node *build_fail(builder *b, slu_status status, int32_t at, const char *format, ...);
node *build_column(builder *b, int32_t at, const char *name, size_t name_bytes);
node *build_number(builder *b, int32_t at, const char *text, size_t bytes);
node *build_text(builder *b, int32_t at, const char *text, size_t bytes);
node *build_bool(builder *b, int32_t at, bool value);
node *build_null(builder *b, int32_t at);
node *build_typed(builder *b, int32_t at, slu_type type, const char *text, size_t bytes);
node *build_compare(builder *b, int32_t at, cmp_code op, node *left, node *right);
node *build_logic(builder *b, int32_t at, op_code which, node *left, node *right);
node *build_not(builder *b, int32_t at, node *arg);
node *build_is_null(builder *b, int32_t at, node *arg, bool negated);
node *build_is_truth(builder *b, int32_t at, node *arg, bool truth, bool negated);
node *build_in(builder *b, int32_t at, node *arg, node **list, uint32_t count, bool negated);
node *build_like(builder *b, int32_t at, node *arg, node *pattern, int32_t escape, bool negated);
node *build_arithmetic(builder *b, int32_t at, op_code which, node *left, node *right);
node *build_negate(builder *b, int32_t at, node *arg);
node *build_concat(builder *b, int32_t at, node *left, node *right);
node *build_cast(builder *b, int32_t at, node *arg, slu_type type, bool attempt);
node *build_case(builder *b, int32_t at, node **parts, uint32_t count); /* when, then, ..., else (may be NULL: NULL) */
node *build_coalesce(builder *b, int32_t at, node **args, uint32_t count);
node *build_function(builder *b, int32_t at, const char *name, size_t name_bytes, node **args, uint32_t count);

/* ---- parse.c ---- */
node *expr_parse(builder *b, const char *text);

/* ---- eval.c ---- */

typedef struct run {
    sdk_expr *expr;
    const slu_column *columns; /* of the batch, by index; filled lazily through `batch` */
    const slu_batch *batch;
    slu_error *err;
} run;

/* Rows to compute: array rows rows[0..count), or base .. base+count when rows is NULL. */
typedef struct span {
    const int32_t *rows;
    int64_t base;
    int32_t count;
} span;

SLU_CHECK slu_status eval_node(run *r, node *n, span s, vec *out);
SLU_CHECK slu_status eval_fail(run *r, const node *n, slu_status status, const char *what);
bool node_scratch(run *r, node *n); /* values and nulls */
uint8_t *node_bytes(run *r, node *n,
                    size_t bytes); /* room for `bytes` more of text; views made before stay valid until the block ends */

/* ---- convert.c ---- */
SLU_CHECK slu_status eval_cast(run *r, node *n, span s, vec *out);
/* Reads a text as a value of a type: numbers, booleans, dates, times, timestamps. Fills by domain. */
typedef struct scalar {
    int64_t int_value;
    i128 dec_value;
    double f64_value;
} scalar;
SLU_CHECK slu_status scalar_from_text(slu_type type, const uint8_t *text, int64_t bytes, scalar *out, slu_error *err);
size_t scalar_to_text(slu_type type, const scalar *value, char out[64]);
/* One value from a type to another (both not TEXT). */
SLU_CHECK slu_status scalar_convert(slu_type from, slu_type to, const scalar *in, scalar *out);
bool int_fits(int64_t value, slu_type type);

/* ---- text.c ---- */
SLU_CHECK slu_status eval_like(run *r, node *n, span s, vec *out);
SLU_CHECK slu_status eval_function(run *r, node *n, span s, vec *out);
int text_compare(text_view a, text_view b);
bool text_like(text_view text, text_view pattern, int32_t escape);

/* ---- kernels.c: loops over columns; `count` rows, results one byte each ---- */
void kernel_cmp_i64(uint8_t *out, const int64_t *a, int64_t b, cmp_code op, int32_t count);
void kernel_cmp_i32(uint8_t *out, const int32_t *a, int32_t b, cmp_code op, int32_t count);
void kernel_cmp_dec_low(uint8_t *out, const slu_i128 *a, int64_t b, cmp_code op, int32_t count); /* values that fit 64 bits */
void kernel_cmp_dec(uint8_t *out, const slu_i128 *a, i128 b, cmp_code op, int32_t count);
void kernel_cmp_f64(uint8_t *out, const double *a, double b, cmp_code op, int32_t count);
void kernel_cmp_i64s(uint8_t *out, const int64_t *a, const int64_t *b, cmp_code op, int32_t count);
void kernel_cmp_decs(uint8_t *out, const slu_i128 *a, const slu_i128 *b, cmp_code op, int32_t count);
void kernel_cmp_f64s(uint8_t *out, const double *a, const double *b, cmp_code op, int32_t count);
void kernel_and(uint8_t *out, const uint8_t *a, const uint8_t *b, int32_t count);
void kernel_or(uint8_t *out, const uint8_t *a, const uint8_t *b, int32_t count);
void kernel_and_not(uint8_t *out, const uint8_t *a, const uint8_t *b, int32_t count); /* a & !b */
void kernel_not(uint8_t *out, const uint8_t *a, int32_t count);
/* nulls[i] = bit (first + i) is 0; true when any is null. */
bool kernel_nulls(uint8_t *nulls, const uint8_t *validity, int64_t first, int32_t count);
void kernel_bools(uint8_t *out, const uint8_t *bits, int64_t first, int32_t count);
/* rows[k] = base + i for each i with truth[i]; returns how many. */
int64_t kernel_select(int32_t *rows, const uint8_t *truth, int32_t base, int32_t count);
int64_t kernel_select_rows(int32_t *out, const uint8_t *truth, const int32_t *rows, int32_t count);

#endif
