/* verb_rules.c: the rules of a running job: replaced, listed, shown. */
#include "asking.h"

#include "base/file.h"
#include "plan/descriptor.h"
#include "plan/value_codec.h"
#include "plan/yaml.h"
#include "ruleset/ruleset.h"
#include "table.h"

#include <inttypes.h>
#include <stdlib.h>

#define APPLY_TIMEOUT_MS ((int64_t)600 * 1000)

/* ---- apply ----------------------------------------------------------------------------------------------------------------------- */

/* The list in a file: all of it, or what stands under `rules`. */
static slu_status
rules_parse(slu_view text, slu_arena *arena, slu_buf *out, slu_error *err)
{
    const slu_value *root = NULL;
    SLU_TRY(slu_yaml_parse(text, arena, &root, err));
    const slu_value *rules = root->kind == SLU_VALUE_MAP ? slu_value_get(root, SLU_RULESET_OPTION) : root;
    if (rules == NULL || rules->kind != SLU_VALUE_LIST)
        return slu_error_at(err, SLU_INVALID, rules == NULL ? root : rules, 0,
                            "a list of rules is expected, by itself or under `rules:`");
    if (root->kind == SLU_VALUE_MAP && root->count > 1)
        return slu_error_at(err, SLU_INVALID, &root->keys[strcmp(root->keys[0].text, SLU_RULESET_OPTION) == 0 ? 1 : 0], 0,
                            "a file of rules has nothing beside `rules:`");
    slu_value_pack(rules, out);
    return slu_buf_status(out, err);
}

/* What a task said of the file comes as LINE:COLUMN: words. */
static void
place_take(slu_error *err)
{
    char *end = NULL, *words = NULL;
    const unsigned long line = strtoul(err->message, &end, 10);
    if (line == 0 || *end != ':')
        return;
    const unsigned long column = strtoul(end + 1, &words, 10);
    if (words == end + 1 || words[0] != ':' || words[1] != ' ')
        return;
    err->line = (uint32_t)line;
    err->column = (uint32_t)column;
    memmove(err->message, words + 2, strlen(words + 2) + 1);
}

static int
refused(const char *path, slu_view text, slu_error *err)
{
    slu_buf report;
    slu_buf_init(&report, (size_t)1 << 16);
    slu_descriptor_report(path, text, err, &report);
    (void)fprintf(stderr, "%s", slu_buf_cstr(&report));
    slu_buf_fini(&report);
    return SLU_EXIT_FAILED;
}

static void
applied_print(slu_asking *a, const slu_message *applied)
{
    if (a->args->json)
        slu_asking_json(a, json_pack("{s:s, s:s, s:I, s:I, s:I}", "job", applied->job, "operator", applied->name, "version",
                                     (json_int_t)applied->value, "checkpoint", (json_int_t)applied->checkpoint, "duration_ms",
                                     (json_int_t)applied->duration_ms));
    else
        slu_buf_printf(&a->out, "Version %" PRId64 " of the rules of operator %s is in force from checkpoint %" PRId64 " on\n",
                       applied->value, applied->name, applied->checkpoint);
}

static int
apply_text(const slu_args *args, slu_view text, slu_view rules)
{
    slu_asking a;
    const slu_message *applied = NULL;
    const char *operator_id = slu_args_get(args, "operator");
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_apply_rules(a.client, slu_args_get(args, "job"), operator_id == NULL ? "" : operator_id, rules,
                                        APPLY_TIMEOUT_MS, &applied, &a.err);
    if (status == SLU_OK)
        applied_print(&a, applied);
    else
        place_take(&a.err);
    if (status == SLU_OK || a.err.line == 0)
        return slu_asking_close(&a, status);
    const int code = refused(args->words[0], text, &a.err);
    slu_client_close(&a.client);
    slu_buf_fini(&a.out);
    return code;
}

static int
apply(const slu_args *args)
{
    slu_error err = {0};
    slu_buf text, rules;
    slu_arena arena;
    int code;
    if (!slu_args_has(args, "job")) {
        (void)slu_error_set(&err, SLU_INVALID, "which job? --job JOB");
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_USAGE;
    }
    slu_buf_init(&text, SLU_GRAPH_TEXT_BYTES_MAX);
    slu_buf_init(&rules, SLU_RULESET_BYTES_MAX);
    slu_arena_init(&arena, SLU_GRAPH_BYTES_MAX);
    if (slu_file_read(args->words[0], SLU_GRAPH_TEXT_BYTES_MAX, &text, &err) != SLU_OK)
        code = slu_cli_fail(args, &err);
    else if (rules_parse(slu_buf_view(&text), &arena, &rules, &err) != SLU_OK)
        code = refused(args->words[0], slu_buf_view(&text), &err);
    else
        code = apply_text(args, slu_buf_view(&text), slu_buf_view(&rules));
    slu_arena_fini(&arena);
    slu_buf_fini(&rules);
    slu_buf_fini(&text);
    return code;
}

/* ---- list, show ------------------------------------------------------------------------------------------------------------------ */

static json_t *
value_json(const slu_value *value)
{
    if (value->kind == SLU_VALUE_SCALAR)
        return json_string(value->text);
    if (value->kind == SLU_VALUE_NULL)
        return json_null();
    json_t *made = value->kind == SLU_VALUE_LIST ? json_array() : json_object();
    for (uint32_t i = 0; i < value->count; i++) {
        if (value->kind == SLU_VALUE_LIST)
            json_array_append_new(made, value_json(&value->items[i]));
        else
            json_object_set_new(made, value->keys[i].text, value_json(&value->items[i]));
    }
    return made;
}

static json_t *
rules_json(const slu_message *m, slu_error *err)
{
    SLU_AUTO(slu_ruleset_unref) slu_ruleset *set = NULL;
    return slu_ruleset_new(m->name, m->value, m->data, &set, err) == SLU_OK ? value_json(slu_ruleset_value(set)) : NULL;
}

static json_t *
set_json(const slu_message *m)
{
    slu_error err = {0};
    json_t *rules = rules_json(m, &err);
    return json_pack("{s:s, s:I, s:s, s:I, s:I, s:o}", "operator", m->name, "version", (json_int_t)m->value, "state", m->state,
                     "checkpoint", (json_int_t)m->checkpoint, "applied_ms", (json_int_t)m->start_ms, "rules",
                     rules == NULL ? json_null() : rules);
}

static slu_status
list_text(slu_asking *a, const slu_message *all)
{
    char when[32];
    slu_table table;
    slu_table_init(&table, "OPERATOR|>VERSION|STATE|>FROM CHECKPOINT|APPLIED|>RULES");
    for (uint32_t i = 0; i < all->item_count; i++) {
        const slu_message *m = &all->items[i];
        json_t *rules = rules_json(m, &a->err);
        slu_table_cell(&table, "%s", m->name);
        slu_table_cell(&table, "%" PRId64, m->value);
        slu_table_cell(&table, "%s", m->state);
        slu_table_cell(&table, "%" PRId64, m->checkpoint);
        slu_table_cell(&table, "%s", slu_time_text(m->start_ms, when));
        slu_table_cell(&table, "%zu", json_array_size(rules));
        json_decref(rules);
    }
    const slu_status status = slu_table_print(&table, slu_terminal_columns(), &a->out, &a->err);
    slu_table_fini(&table);
    return status;
}

static int
list(const slu_args *args)
{
    slu_asking a;
    const slu_message *all = NULL;
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_rulesets(a.client, args->words[0], &all, &a.err);
    if (status == SLU_OK && args->json) {
        json_t *array = json_array();
        for (uint32_t i = 0; i < all->item_count; i++)
            json_array_append_new(array, set_json(&all->items[i]));
        slu_asking_json(&a, array);
    } else if (status == SLU_OK) {
        status = list_text(&a, all);
    }
    return slu_asking_close(&a, status);
}

/* One of them, as JSON, which `rules apply` takes again. */
static slu_status
show_one(slu_asking *a, const slu_message *all)
{
    const char *wanted = slu_args_get(a->args, "version"), *operator_id = slu_args_get(a->args, "operator");
    for (uint32_t i = 0; i < all->item_count; i++) {
        const slu_message *m = &all->items[i];
        if (operator_id != NULL && strcmp(operator_id, m->name) != 0)
            continue;
        if (wanted != NULL ? strtoll(wanted, NULL, 10) != m->value : strcmp(m->state, "IN_FORCE") != 0)
            continue;
        json_t *rules = rules_json(m, &a->err);
        if (rules == NULL)
            return a->err.status;
        slu_asking_json(a, a->args->json ? set_json(m) : json_pack("{s:O}", SLU_RULESET_OPTION, rules));
        json_decref(rules);
        return SLU_OK;
    }
    return slu_error_set(&a->err, SLU_NOTFOUND, "job %s has no such set of rules: sluice rules list %s", a->args->words[0],
                         a->args->words[0]);
}

static int
show(const slu_args *args)
{
    slu_asking a;
    const slu_message *all = NULL;
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_rulesets(a.client, args->words[0], &all, &a.err);
    if (status == SLU_OK)
        status = show_one(&a, all);
    return slu_asking_close(&a, status);
}

/* ---- The verbs ------------------------------------------------------------------------------------------------------------------- */

static const slu_flag apply_flags[] = {SLU_JOBMANAGER_FLAG,
                                       {"job", 'j', "JOB", "the running job"},
                                       {"operator", 'o', "ID", "whose rules they are, where several operators have some"}};
static const slu_flag list_flags[] = {SLU_JOBMANAGER_FLAG};
static const slu_flag show_flags[] = {SLU_JOBMANAGER_FLAG,
                                      {"operator", 'o', "ID", "of this operator"},
                                      {"version", 'v', "N", "this one (default: the one in force)"}};

const slu_verb slu_verb_rules_apply = {
    .name = "rules apply",
    .summary = "gives a running job other rules",
    .usage = "FILE --job JOB",
    .more = "FILE holds the new list of rules, all of it. Every task looks at it first: one that is\n"
            "not good changes nothing. Then all switch to it at one barrier; a rule that stays,\n"
            "by its id, goes on with what it waits for. `shadow: true` rules only count.\n",
    SLU_VERB_FLAGS(apply_flags),
    .words_min = 1,
    .words_max = 1,
    .json = true,
    .run = apply};
const slu_verb slu_verb_rules_list = {.name = "rules list",
                                      .summary = "the sets of rules of a job",
                                      .usage = "JOB",
                                      SLU_VERB_FLAGS(list_flags),
                                      .words_min = 1,
                                      .words_max = 1,
                                      .json = true,
                                      .run = list};
const slu_verb slu_verb_rules_show = {.name = "rules show",
                                      .summary = "one of them, as a file for rules apply",
                                      .usage = "JOB",
                                      SLU_VERB_FLAGS(show_flags),
                                      .words_min = 1,
                                      .words_max = 1,
                                      .json = true,
                                      .run = show};
