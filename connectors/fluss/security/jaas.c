#include "fluss/security/jaas.h"

#include <ctype.h>

typedef enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_MARK, TOKEN_BROKEN } token_kind;

typedef struct reader {
    const char *at;
    token_kind kind;
    char mark;
    char word[FLUSS_JAAS_VALUE_BYTES];
} reader;

static void
space_skip(reader *r)
{
    for (;;) {
        while (isspace((unsigned char)*r->at))
            r->at++;
        if (r->at[0] == '/' && r->at[1] == '/') {
            while (*r->at != 0 && *r->at != '\n')
                r->at++;
        } else if (r->at[0] == '/' && r->at[1] == '*') {
            const char *end = strstr(r->at + 2, "*/");
            r->at = end == NULL ? r->at + strlen(r->at) : end + 2;
        } else {
            return;
        }
    }
}

static bool
word_has(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '-' || c == '.' || (unsigned char)c >= 0x80;
}

static bool
word_put(reader *r, size_t *bytes, char c)
{
    if (*bytes + 1 >= sizeof r->word)
        return false;
    r->word[(*bytes)++] = c;
    r->word[*bytes] = 0;
    return true;
}

/* Behind a backslash. */
static char
escape_take(reader *r)
{
    static const char names[] = "abfnrtv";
    static const char means[] = "\a\b\f\n\r\t\v";
    const char c = *r->at;
    if (c >= '0' && c <= '7') {
        unsigned value = 0;
        const int digits_max = c <= '3' ? 3 : 2;
        for (int i = 0; i < digits_max && *r->at >= '0' && *r->at <= '7'; i++)
            value = value * 8 + (unsigned)(*r->at++ - '0');
        return (char)value;
    }
    r->at++;
    const char *name = strchr(names, c);
    return name == NULL || c == 0 ? c : means[name - names];
}

static token_kind
quoted_take(reader *r)
{
    const char quote = *r->at++;
    size_t bytes = 0;
    r->word[0] = 0;
    while (*r->at != quote) {
        if (*r->at == 0 || *r->at == '\n' || *r->at == '\r')
            return TOKEN_BROKEN;
        char c = *r->at++;
        if (c == '\\') {
            if (*r->at == 0)
                return TOKEN_BROKEN;
            c = escape_take(r);
        }
        if (c == 0 || !word_put(r, &bytes, c))
            return TOKEN_BROKEN;
    }
    r->at++;
    return TOKEN_WORD;
}

static token_kind
token_take(reader *r)
{
    size_t bytes = 0;
    space_skip(r);
    if (*r->at == 0)
        return r->kind = TOKEN_END;
    if (*r->at == '"' || *r->at == '\'')
        return r->kind = quoted_take(r);
    if (!word_has(*r->at)) {
        r->mark = *r->at++;
        return r->kind = TOKEN_MARK;
    }
    while (word_has(*r->at))
        if (!word_put(r, &bytes, *r->at++))
            return r->kind = TOKEN_BROKEN;
    return r->kind = TOKEN_WORD;
}

static bool
flag_is_known(const char *word)
{
    return strcasecmp(word, "required") == 0 || strcasecmp(word, "requisite") == 0 || strcasecmp(word, "sufficient") == 0 ||
           strcasecmp(word, "optional") == 0;
}

static slu_status
module_take(reader *r, char module[FLUSS_JAAS_VALUE_BYTES], slu_error *err)
{
    if (token_take(r) != TOKEN_WORD)
        return slu_error_set(err, SLU_INVALID, "Login module not specified in JAAS config");
    memcpy(module, r->word, sizeof r->word);
    if (token_take(r) != TOKEN_WORD)
        return slu_error_set(err, SLU_INVALID, "Login module control flag not specified in JAAS config");
    if (!flag_is_known(r->word))
        return slu_error_set(err, SLU_INVALID,
                             "Invalid jaas module control flag in JAAS config: it is required, requisite, sufficient "
                             "or optional");
    return SLU_OK;
}

/* The next name and its value. END: the semicolon. */
static slu_status
option_take(reader *r, char name[FLUSS_JAAS_VALUE_BYTES], slu_error *err)
{
    if (token_take(r) == TOKEN_MARK && r->mark == ';')
        return SLU_END;
    if (r->kind != TOKEN_WORD)
        return slu_error_set(err, SLU_INVALID, "JAAS config entry not terminated by semi-colon");
    memcpy(name, r->word, sizeof r->word);
    if (token_take(r) != TOKEN_MARK || r->mark != '=' || token_take(r) != TOKEN_WORD)
        return slu_error_set(err, SLU_INVALID, "Value not specified for an option in JAAS config");
    return SLU_OK;
}

/* To the semicolon; `option` may be NULL. The last value of a name counts. */
static slu_status
module_read(reader *r, const char *option, char out[FLUSS_JAAS_VALUE_BYTES], bool *found, slu_error *err)
{
    char name[FLUSS_JAAS_VALUE_BYTES];
    slu_status status;
    while ((status = option_take(r, name, err)) == SLU_OK) {
        if (option == NULL || strcmp(name, option) != 0)
            continue;
        memcpy(out, r->word, sizeof r->word);
        *found = true;
    }
    if (status == SLU_END && token_take(r) != TOKEN_END)
        status = slu_error_set(err, SLU_INVALID, "JAAS config property contains more than one jaas module, should be 1 module");
    explicit_bzero(r->word, sizeof r->word);
    return status == SLU_END ? SLU_OK : status;
}

slu_status
fluss_jaas_check(const char *text, slu_error *err)
{
    reader r = {.at = text};
    char module[FLUSS_JAAS_VALUE_BYTES];
    bool found = false;
    SLU_TRY(module_take(&r, module, err));
    return module_read(&r, NULL, NULL, &found, err);
}

slu_status
fluss_jaas_find(const char *text, const char *module, const char *option, char out[FLUSS_JAAS_VALUE_BYTES], slu_error *err)
{
    reader r = {.at = text};
    char is[FLUSS_JAAS_VALUE_BYTES];
    bool found = false;
    SLU_TRY(module_take(&r, is, err));
    SLU_TRY(module_read(&r, option, out, &found, err));
    if (strcmp(is, module) != 0)
        return slu_error_set(err, SLU_NOTFOUND, "the JAAS config is of another login module than %s", module);
    return found ? SLU_OK : slu_error_set(err, SLU_NOTFOUND, "the JAAS config has no %s", option);
}
