/* A login's token, and a JAAS text: the first byte says which. Nobody gets in but with the one right token. */
#include "base/assert.h"
#include "fluss/security/jaas.h"
#include "fluss/security/sasl.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static fluss_config *
config_make(void)
{
    slu_error err;
    fluss_config *config = NULL;
    if (fluss_config_new(&config, &err) != SLU_OK ||
        fluss_config_set(config, "security.sasl.plain.jaas.config", FLUSS_JAAS_PLAIN " required user_a=\"bc\";", "fuzz", &err) !=
            SLU_OK)
        abort();
    return config;
}

static void
jaas_try(const char *text)
{
    slu_error err;
    char value[FLUSS_JAAS_VALUE_BYTES];
    const slu_status whole = fluss_jaas_check(text, &err);
    const slu_status found = fluss_jaas_find(text, FLUSS_JAAS_PLAIN, "user_a", value, &err);
    SLU_ASSERT(whole == SLU_OK || found == SLU_INVALID);
    SLU_ASSERT(found != SLU_OK || strlen(value) < sizeof value);
    const slu_status credentials = fluss_sasl_check_credentials(text, &err);
    SLU_ASSERT(credentials == SLU_OK || credentials == SLU_INVALID);
}

static void
token_try(const fluss_config *config, slu_view token)
{
    static const char right[] = "\0a\0bc";
    slu_error err;
    fluss_sasl sasl = {0};
    const slu_status status = fluss_sasl_step(&sasl, config, "L", "PLAIN", token, &err);
    const bool is_right = token.bytes >= 5 && memcmp(token.data + token.bytes - 5, right, 5) == 0;
    SLU_ASSERT((status == SLU_OK) == sasl.done);
    SLU_ASSERT(!sasl.done || is_right);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static fluss_config *config;
    if (config == NULL)
        config = config_make();
    if (bytes == 0 || bytes > 8192)
        return 0;
    if ((data[0] & 1) == 0) {
        token_try(config, slu_view_of(data + 1, bytes - 1));
        return 0;
    }
    char *text = malloc(bytes);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, bytes - 1);
    text[bytes - 1] = 0;
    jaas_try(text);
    free(text);
    return 0;
}
