/*
 * parse.c: recursive descent, loosest first:
 *
 *   or:       and { OR and }
 *   and:      not { AND not }
 *   not:      NOT not | predicate
 *   predicate: sum [ = sum | [NOT] IN (..) | [NOT] BETWEEN sum AND sum | [NOT] LIKE sum [ESCAPE 'c'] | IS [NOT] NULL|TRUE|FALSE ]...
 *   sum:      product { + - || product }
 *   product:  unary { * / % unary }
 *   unary:    - unary | + unary | primary
 *   primary:  literal | column | function(..) | CASE .. END | CAST(x AS type) | ( or )
 *
 * Nodes are typed as they are made (check.c), so the first mistake in reading order is the one reported.
 */
#include "lex.h"
#include "node.h"

#include <sluice/sdk/types.h>

#define LIST_MAX 4096

typedef struct parser {
    builder *b;
    lexer in;
    token t; /* the next token */
    int depth;
} parser;

static node *parse_or(parser *p);
static node *parse_sum(parser *p);

static void
advance(parser *p)
{
    p->t = lex_next(&p->in);
}

static node *
expected(parser *p, const char *what)
{
    if (p->t.kind == T_BAD)
        return build_fail(p->b, SLU_INVALID, p->t.at, "%s", p->in.error);
    if (p->t.kind == T_END)
        return build_fail(p->b, SLU_INVALID, p->t.at, "%s expected, but the expression ends", what);
    return build_fail(p->b, SLU_INVALID, p->t.at, "%s expected, not '%.*s'", what, p->t.bytes > 40 ? 40 : (int)p->t.bytes,
                      p->t.text);
}

static bool
take_word(parser *p, const char *word)
{
    if (!token_is_word(p->t, word))
        return false;
    advance(p);
    return true;
}

static bool
take_symbol(parser *p, const char *symbol)
{
    if (!token_is_symbol(p->t, symbol))
        return false;
    advance(p);
    return true;
}

/* A comma-separated list up to the closing parenthesis, which is taken. */
static node **
parse_list(parser *p, uint32_t *out_count)
{
    uint32_t capacity = 8, count = 0;
    node **list = expr_alloc(p->b->expr, capacity * sizeof *list);
    *out_count = 0;
    if (take_symbol(p, ")"))
        return list;
    for (;;) {
        if (list == NULL)
            return (node **)(void *)build_fail(p->b, SLU_NOMEM, p->t.at, "no memory");
        if (count == capacity) {
            node **wider = expr_alloc(p->b->expr, capacity * 2 * sizeof *list);
            if (wider != NULL)
                memcpy(wider, list, count * sizeof *list);
            list = wider;
            capacity *= 2;
            continue;
        }
        if (count == LIST_MAX)
            return (node **)(void *)build_fail(p->b, SLU_LIMIT, p->t.at, "a list of more than %d", LIST_MAX);
        if ((list[count] = parse_or(p)) == NULL)
            return NULL;
        count++;
        if (take_symbol(p, ")"))
            break;
        if (!take_symbol(p, ","))
            return (node **)(void *)expected(p, "',' or ')'");
    }
    *out_count = count;
    return list;
}

/* CASE's parts: pairs of when and then, and the else. A simple CASE compares its operand with each WHEN. */
static node *
parse_case(parser *p, int32_t at)
{
    node *operand = NULL;
    uint32_t count = 0, capacity = 0;
    node **parts = NULL;
    if (!token_is_word(p->t, "when") && (operand = parse_or(p)) == NULL)
        return NULL;
    while (take_word(p, "when")) {
        if (count + 3 > capacity) {
            capacity = capacity == 0 ? 9 : capacity * 2;
            node **wider = expr_alloc(p->b->expr, capacity * sizeof *parts);
            if (wider == NULL)
                return build_fail(p->b, SLU_NOMEM, at, "no memory");
            if (count != 0)
                memcpy(wider, parts, count * sizeof *parts);
            parts = wider;
        }
        const int32_t when_at = p->t.at;
        node *when = parse_or(p);
        if (when != NULL && operand != NULL)
            when = build_compare(p->b, when_at, CMP_EQ, operand, when);
        if (when == NULL)
            return NULL;
        if (!take_word(p, "then"))
            return expected(p, "THEN");
        parts[count++] = when;
        if ((parts[count++] = parse_or(p)) == NULL)
            return NULL;
    }
    if (count == 0)
        return expected(p, "WHEN");
    parts[count] = NULL;
    if (take_word(p, "else") && (parts[count] = parse_or(p)) == NULL)
        return NULL;
    if (!take_word(p, "end"))
        return expected(p, "END");
    return build_case(p->b, at, parts, count + 1);
}

/* The type after AS: its text up to the parenthesis that closes the CAST. */
static node *
parse_cast(parser *p, int32_t at, bool attempt)
{
    if (!take_symbol(p, "("))
        return expected(p, "'('");
    node *arg = parse_or(p);
    if (arg == NULL)
        return NULL;
    if (!take_word(p, "as"))
        return expected(p, "AS");
    const int32_t type_at = p->t.at;
    char sql[128];
    size_t bytes = 0;
    for (int open = 0; open > 0 || !token_is_symbol(p->t, ")"); advance(p)) {
        if (p->t.kind == T_END || p->t.kind == T_BAD)
            return expected(p, "')'");
        open += token_is_symbol(p->t, "(") - token_is_symbol(p->t, ")");
        if (bytes + p->t.bytes + 2 > sizeof sql)
            return build_fail(p->b, SLU_INVALID, type_at, "a type name that is too long");
        memcpy(sql + bytes, p->t.text, p->t.bytes);
        bytes += p->t.bytes;
        sql[bytes++] = ' ';
    }
    sql[bytes] = 0;
    advance(p);
    struct ArrowSchema field;
    slu_error err;
    const slu_status status = sdk_schema_from_sql(sql, "", &field, &err);
    if (status != SLU_OK)
        return build_fail(p->b, status, type_at, "%s", err.message);
    const slu_type type = slu_type_of(field.format);
    slu_schema_release(&field);
    return build_cast(p->b, at, arg, type, attempt);
}

static node *
parse_call(parser *p, token name)
{
    uint32_t count;
    node **args = parse_list(p, &count);
    return args == NULL ? NULL : build_function(p->b, name.at, name.text, name.bytes, args, count);
}

static node *
parse_text(parser *p)
{
    const token t = p->t;
    char *text = expr_alloc_raw(p->b->expr, t.bytes);
    if (text == NULL)
        return build_fail(p->b, SLU_NOMEM, t.at, "no memory");
    advance(p);
    return build_text(p->b, t.at, text, lex_unquote(t, text));
}

/* DATE '...', TIMESTAMP '...': a word followed by a text. */
static node *
parse_typed(parser *p, token word, slu_type type)
{
    char text[64];
    if (p->t.bytes > sizeof text)
        return build_fail(p->b, SLU_INVALID, p->t.at, "a %.*s that is too long", (int)word.bytes, word.text);
    const size_t bytes = lex_unquote(p->t, text);
    const int32_t at = p->t.at;
    advance(p);
    return build_typed(p->b, at, type, text, bytes);
}

static bool
is_reserved(token t)
{
    static const char *const words[] = {"and",  "or",   "not", "in", "between", "like", "is",  "when",
                                        "then", "else", "end", "as", "escape",  "case", "cast"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (token_is_word(t, words[i]))
            return true;
    return false;
}

static node *
parse_word(parser *p)
{
    const token word = p->t;
    if (is_reserved(word) && !token_is_word(word, "case") && !token_is_word(word, "cast"))
        return expected(p, "a value");
    advance(p);
    if (token_is_word(word, "case"))
        return parse_case(p, word.at);
    if (token_is_word(word, "cast") || token_is_word(word, "try_cast"))
        return parse_cast(p, word.at, word.bytes != 4);
    if (token_is_word(word, "null"))
        return build_null(p->b, word.at);
    if (token_is_word(word, "true") || token_is_word(word, "false"))
        return build_bool(p->b, word.at, token_is_word(word, "true"));
    if (p->t.kind == T_TEXT && token_is_word(word, "date"))
        return parse_typed(p, word, slu_type_of("tdD"));
    if (p->t.kind == T_TEXT && token_is_word(word, "timestamp"))
        return parse_typed(p, word, slu_type_of("tsn:"));
    if (take_symbol(p, "("))
        return parse_call(p, word);
    return build_column(p->b, word.at, word.text, word.bytes);
}

static node *
parse_quoted_name(parser *p)
{
    const token t = p->t;
    char *name = expr_alloc_raw(p->b->expr, t.bytes);
    if (name == NULL)
        return build_fail(p->b, SLU_NOMEM, t.at, "no memory");
    advance(p);
    return build_column(p->b, t.at, name, lex_unquote(t, name));
}

static node *
parse_primary(parser *p)
{
    const token t = p->t;
    if (t.kind == T_NUMBER) {
        advance(p);
        return build_number(p->b, t.at, t.text, t.bytes);
    }
    if (t.kind == T_TEXT)
        return parse_text(p);
    if (t.kind == T_QUOTED)
        return parse_quoted_name(p);
    if (t.kind == T_WORD)
        return parse_word(p);
    if (!take_symbol(p, "("))
        return expected(p, "a value");
    node *inner = parse_or(p);
    if (inner == NULL)
        return NULL;
    return take_symbol(p, ")") ? inner : expected(p, "')'");
}

static bool
enter(parser *p)
{
    if (++p->depth <= SDK_EXPR_DEPTH_MAX)
        return true;
    (void)build_fail(p->b, SLU_LIMIT, p->t.at, "nested deeper than %d", SDK_EXPR_DEPTH_MAX);
    return false;
}

static node *
parse_unary(parser *p)
{
    const int32_t at = p->t.at;
    const bool minus = token_is_symbol(p->t, "-");
    if (!minus && !token_is_symbol(p->t, "+"))
        return parse_primary(p);
    advance(p);
    if (!enter(p))
        return NULL;
    node *arg = parse_unary(p);
    p->depth--;
    return arg == NULL || !minus ? arg : build_negate(p->b, at, arg);
}

static node *
parse_product(parser *p)
{
    node *left = parse_unary(p);
    while (left != NULL) {
        const int32_t at = p->t.at;
        const op_code which = token_is_symbol(p->t, "*") ? OP_MUL : token_is_symbol(p->t, "/") ? OP_DIV : OP_MOD;
        if (which == OP_MOD && !token_is_symbol(p->t, "%"))
            return left;
        advance(p);
        node *right = parse_unary(p);
        left = right == NULL ? NULL : build_arithmetic(p->b, at, which, left, right);
    }
    return NULL;
}

static node *
parse_sum(parser *p)
{
    node *left = parse_product(p);
    while (left != NULL) {
        const int32_t at = p->t.at;
        const bool plus = token_is_symbol(p->t, "+"), minus = token_is_symbol(p->t, "-");
        if (!plus && !minus && !token_is_symbol(p->t, "||"))
            return left;
        advance(p);
        node *right = parse_product(p);
        if (right == NULL)
            return NULL;
        left =
            plus || minus ? build_arithmetic(p->b, at, plus ? OP_ADD : OP_SUB, left, right) : build_concat(p->b, at, left, right);
    }
    return NULL;
}

static bool
take_compare(parser *p, cmp_code *out)
{
    static const struct {
        const char *symbol;
        cmp_code op;
    } symbols[] = {{"=", CMP_EQ},  {"==", CMP_EQ}, {"<>", CMP_NE}, {"!=", CMP_NE},
                   {"<=", CMP_LE}, {">=", CMP_GE}, {"<", CMP_LT},  {">", CMP_GT}};
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        if (take_symbol(p, symbols[i].symbol)) {
            *out = symbols[i].op;
            return true;
        }
    }
    return false;
}

static node *
parse_between(parser *p, int32_t at, node *left, bool negated)
{
    node *low = parse_sum(p);
    if (low == NULL)
        return NULL;
    if (!take_word(p, "and"))
        return expected(p, "AND");
    node *high = parse_sum(p);
    if (high == NULL)
        return NULL;
    node *from = build_compare(p->b, at, CMP_GE, left, low);
    node *to = from == NULL ? NULL : build_compare(p->b, at, CMP_LE, left, high);
    node *both = to == NULL ? NULL : build_logic(p->b, at, OP_AND, from, to);
    return both == NULL || !negated ? both : build_not(p->b, at, both);
}

static node *
parse_in(parser *p, int32_t at, node *left, bool negated)
{
    uint32_t count;
    if (!take_symbol(p, "("))
        return expected(p, "'('");
    node **list = parse_list(p, &count);
    if (list == NULL)
        return NULL;
    if (count == 0)
        return build_fail(p->b, SLU_INVALID, at, "IN needs at least one value");
    return build_in(p->b, at, left, list, count, negated);
}

static node *
parse_like(parser *p, int32_t at, node *left, bool negated)
{
    int32_t escape = -1;
    node *pattern = parse_sum(p);
    if (pattern == NULL)
        return NULL;
    if (take_word(p, "escape")) {
        if (p->t.kind != T_TEXT || p->t.bytes != 3)
            return expected(p, "a text of one character");
        escape = (unsigned char)p->t.text[1];
        advance(p);
    }
    return build_like(p->b, at, left, pattern, escape, negated);
}

static node *
parse_is(parser *p, int32_t at, node *left)
{
    const bool negated = take_word(p, "not");
    if (take_word(p, "null"))
        return build_is_null(p->b, at, left, negated);
    if (take_word(p, "true"))
        return build_is_truth(p->b, at, left, true, negated);
    if (take_word(p, "false"))
        return build_is_truth(p->b, at, left, false, negated);
    return expected(p, "NULL, TRUE or FALSE");
}

static node *
parse_predicate(parser *p)
{
    node *left = parse_sum(p);
    while (left != NULL) {
        const int32_t at = p->t.at;
        cmp_code compare;
        if (take_compare(p, &compare)) {
            node *right = parse_sum(p);
            left = right == NULL ? NULL : build_compare(p->b, at, compare, left, right);
            continue;
        }
        if (take_word(p, "is")) {
            left = parse_is(p, at, left);
            continue;
        }
        const bool negated = take_word(p, "not");
        if (take_word(p, "between"))
            left = parse_between(p, at, left, negated);
        else if (take_word(p, "in"))
            left = parse_in(p, at, left, negated);
        else if (take_word(p, "like"))
            left = parse_like(p, at, left, negated);
        else
            return negated ? expected(p, "IN, LIKE or BETWEEN") : left;
    }
    return NULL;
}

static node *
parse_not(parser *p)
{
    const int32_t at = p->t.at;
    if (!take_word(p, "not"))
        return parse_predicate(p);
    if (!enter(p))
        return NULL;
    node *arg = parse_not(p);
    p->depth--;
    return arg == NULL ? NULL : build_not(p->b, at, arg);
}

static node *
parse_and(parser *p)
{
    node *left = parse_not(p);
    while (left != NULL && token_is_word(p->t, "and")) {
        const int32_t at = p->t.at;
        advance(p);
        node *right = parse_not(p);
        left = right == NULL ? NULL : build_logic(p->b, at, OP_AND, left, right);
    }
    return left;
}

static node *
parse_or(parser *p)
{
    if (!enter(p))
        return NULL;
    node *left = parse_and(p);
    while (left != NULL && token_is_word(p->t, "or")) {
        const int32_t at = p->t.at;
        advance(p);
        node *right = parse_and(p);
        left = right == NULL ? NULL : build_logic(p->b, at, OP_OR, left, right);
    }
    p->depth--;
    return left;
}

node *
expr_parse(builder *b, const char *text)
{
    parser p = {.b = b, .in = {text, strlen(text), 0, NULL}};
    if (p.in.bytes > SDK_EXPR_BYTES_MAX)
        return build_fail(b, SLU_LIMIT, 0, "an expression of more than %d bytes", SDK_EXPR_BYTES_MAX);
    advance(&p);
    node *root = parse_or(&p);
    if (root != NULL && p.t.kind != T_END)
        return expected(&p, "an operator or the end");
    return root;
}
