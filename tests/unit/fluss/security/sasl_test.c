/* SASL/PLAIN: users, tokens, and the texts that Fluss's clients show; listeners and who must log in where. */
#include "fluss/config/listeners.h"
#include "fluss/security/jaas.h"
#include "fluss/security/sasl.h"
#include "fluss/wire/error.h"
#include "support/check.h"

#include <string.h>

#define JAAS                                                                                                                       \
    "org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required user_admin=\"s3cret\" user_bob='it\\'s; \"fine\"' "       \
    "user_plain=word-1.2_$;"

static fluss_config *
config_with(const char *const *pairs)
{
    fluss_config *config = NULL;
    slu_error err;
    CHECK_OK(fluss_config_new(&config, &err));
    for (size_t i = 0; pairs != NULL && pairs[i] != NULL; i += 2)
        CHECK_OK(fluss_config_set(config, pairs[i], pairs[i + 1], "here", &err));
    return config;
}

static void
a_login_module_is_read_as_java_reads_it(void **state)
{
    (void)state;
    slu_error err;
    char value[FLUSS_JAAS_VALUE_BYTES];
    CHECK_OK(fluss_jaas_check(JAAS, &err));
    CHECK_OK(fluss_jaas_find(JAAS, FLUSS_JAAS_PLAIN, "user_admin", value, &err));
    CHECK_TEXT(value, "s3cret");
    CHECK_OK(fluss_jaas_find(JAAS, FLUSS_JAAS_PLAIN, "user_bob", value, &err));
    CHECK_TEXT(value, "it's; \"fine\"");
    CHECK_OK(fluss_jaas_find(JAAS, FLUSS_JAAS_PLAIN, "user_plain", value, &err));
    CHECK_TEXT(value, "word-1.2_$");
    CHECK_OK(
        fluss_jaas_find("/* a */ " FLUSS_JAAS_PLAIN " // b\n REQUIRED u = \"\\101\\tb\" ;", FLUSS_JAAS_PLAIN, "u", value, &err));
    CHECK_TEXT(value, "A\tb");
    CHECK_STATUS(fluss_jaas_find(JAAS, FLUSS_JAAS_PLAIN, "user_eve", value, &err), SLU_NOTFOUND);
    CHECK_STATUS(fluss_jaas_find("a.Module required user_admin=x;", FLUSS_JAAS_PLAIN, "user_admin", value, &err), SLU_NOTFOUND);
}

static void
a_broken_login_module_is_refused_without_its_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {{"", "Login module not specified"},
                 {";", "Login module not specified"},
                 {"a.B", "control flag not specified"},
                 {"a.B maybe;", "Invalid jaas module control flag"},
                 {"a.B required", "semi-colon"},
                 {"a.B required u=s3cret", "semi-colon"},
                 {"a.B required u;", "Value not specified"},
                 {"a.B required u=;", "Value not specified"},
                 {"a.B required u=\"s3cret;", "Value not specified"},
                 {"a.B required u=\"s3\ncret\";", "Value not specified"},
                 {"a.B required u=\"s3cret\\", "Value not specified"},
                 {"a.B required u=\"\\0s3cret\";", "Value not specified"},
                 {"a.B required u=x; c.D required;", "more than one"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slu_error err;
        CHECK_STATUS(fluss_jaas_check(wrong[i].text, &err), SLU_INVALID);
        CHECK_MESSAGE(err, wrong[i].says);
        assert_null(strstr(err.message, "s3"));
    }
    char big[2 * FLUSS_JAAS_VALUE_BYTES];
    slu_error err;
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = 0;
    CHECK_STATUS(fluss_jaas_check(big, &err), SLU_INVALID);
}

#define TOKEN(text) slu_view_of(text, sizeof(text) - 1)

static void
the_right_password_lets_in(void **state)
{
    (void)state;
    slu_error err;
    fluss_sasl sasl = {0};
    static const char *const pairs[] = {"security.sasl.plain.jaas.config", JAAS, NULL};
    SLU_AUTO(fluss_config_free) fluss_config *config = config_with(pairs);
    SLU_AUTO(slu_buf_fini) slu_buf token = {0};
    slu_buf_init(&token, 1024);
    CHECK_STATUS(fluss_sasl_step(&sasl, config, "CLIENT", "PLAIN", TOKEN("\0admin\0wrong"), &err), SLU_INVALID);
    assert_false(sasl.done);
    CHECK_OK(fluss_sasl_client_token("admin", "s3cret", &token, &err));
    CHECK_OK(fluss_sasl_step(&sasl, config, "CLIENT", "plain", slu_buf_view(&token), &err));
    assert_true(sasl.done);
    CHECK_TEXT(sasl.user, "admin");
    /* Whoever is in stays who he is. */
    CHECK_OK(fluss_sasl_step(&sasl, config, "CLIENT", "PLAIN", TOKEN("\0bob\0x"), &err));
    CHECK_TEXT(sasl.user, "admin");
    fluss_sasl other = {0};
    CHECK_OK(fluss_sasl_step(&other, config, "CLIENT", "PLAIN", TOKEN("bob\0bob\0it's; \"fine\""), &err));
    CHECK_TEXT(other.user, "bob");
}

static void
a_wrong_token_is_refused_in_fluss_words(void **state)
{
    (void)state;
    static const char *const pairs[] = {"security.sasl.plain.jaas.config", JAAS, NULL};
    SLU_AUTO(fluss_config_free) fluss_config *config = config_with(pairs);
    static char long_name[400];
    memset(long_name, 'a', sizeof long_name);
    long_name[0] = long_name[300] = 0;
    const struct {
        slu_view token;
        const char *says;
    } wrong[] = {{TOKEN("\0admin\0wrong"), "Authentication failed: Invalid username or password"},
                 {TOKEN("\0admin\0s3cre"), "Invalid username or password"},
                 {TOKEN("\0admin\0s3crets3cret"), "Invalid username or password"},
                 {TOKEN("\0eve\0s3cret"), "Invalid username or password"},
                 {TOKEN("\0\0s3cret"), "Authentication failed: username not specified"},
                 {TOKEN("\0admin\0"), "Authentication failed: password not specified"},
                 {TOKEN("eve\0admin\0s3cret"), "Client requested an authorization id that is different from username"},
                 {TOKEN(""), "Invalid SASL/PLAIN response: expected 3 tokens, got 1"},
                 {TOKEN("admin\0s3cret"), "expected 3 tokens, got 2"},
                 {TOKEN("\0admin\0s3cret\0"), "expected 3 tokens, got 4"},
                 {TOKEN("\0\0\0\0\0\0"), "expected 3 tokens, got 4"},
                 {slu_view_of(long_name, sizeof long_name), "Invalid username or password"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slu_error err;
        fluss_sasl sasl = {0};
        uint8_t *guarded = guarded_copy(wrong[i].token.data, wrong[i].token.bytes);
        CHECK_STATUS(fluss_sasl_step(&sasl, config, "CLIENT", "PLAIN", slu_view_of(guarded, wrong[i].token.bytes), &err),
                     SLU_INVALID);
        CHECK_MESSAGE(err, wrong[i].says);
        assert_int_equal(err.code, FLUSS_ERROR_AUTHENTICATE_EXCEPTION);
        assert_null(strstr(err.message, "s3cret"));
        assert_false(sasl.done);
    }
    slu_error err;
    fluss_sasl sasl = {0};
    CHECK_STATUS(fluss_sasl_step(&sasl, config, "CLIENT", "SCRAM-SHA-256", TOKEN("\0admin\0s3cret"), &err), SLU_INVALID);
    CHECK_TEXT(err.message, "SASL server enables [PLAIN] while protocol of client is 'SCRAM-SHA-256'");
}

static void
users_of_a_listener_and_credentials(void **state)
{
    (void)state;
    slu_error err;
    fluss_sasl sasl = {0};
    static const char *const pairs[] = {"security.sasl.plain.jaas.config",
                                        JAAS,
                                        "security.sasl.listener.name.inner.plain.jaas.config",
                                        FLUSS_JAAS_PLAIN " required user_in=side;",
                                        "security.sasl.plain.credentials",
                                        "root:toor, admin:changed",
                                        NULL};
    SLU_AUTO(fluss_config_free) fluss_config *config = config_with(pairs);
    CHECK_OK(fluss_sasl_check_users(config, "INNER", &err));
    CHECK_STATUS(fluss_sasl_step(&sasl, config, "INNER", "PLAIN", TOKEN("\0admin\0s3cret"), &err), SLU_INVALID);
    CHECK_STATUS(fluss_sasl_step(&sasl, config, "INNER", "PLAIN", TOKEN("\0root\0toor"), &err), SLU_INVALID);
    CHECK_OK(fluss_sasl_step(&sasl, config, "INNER", "PLAIN", TOKEN("\0in\0side"), &err));
    fluss_sasl outer = {0};
    CHECK_STATUS(fluss_sasl_step(&outer, config, "OUTER", "PLAIN", TOKEN("\0admin\0s3cret"), &err), SLU_INVALID);
    CHECK_STATUS(fluss_sasl_step(&outer, config, "OUTER", "PLAIN", TOKEN("\0roo\0toor"), &err), SLU_INVALID);
    CHECK_OK(fluss_sasl_step(&outer, config, "OUTER", "PLAIN", TOKEN("\0admin\0changed"), &err));
    fluss_sasl third = {0};
    CHECK_OK(fluss_sasl_step(&third, config, "OUTER", "PLAIN", TOKEN("\0plain\0word-1.2_$"), &err));
    static const char *const bad[] = {"a-b:c", "a:", ":b", "a:b;c", "a:\"b\"", "a", "a:b:c"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_STATUS(fluss_sasl_check_credentials(bad[i], &err), SLU_INVALID);
    CHECK_OK(fluss_sasl_check_credentials("a_1:b-c,root:x y", &err));
}

static void
listeners_are_read(void **state)
{
    (void)state;
    slu_error err;
    size_t count;
    fluss_listener_spec specs[FLUSS_LISTENERS_MAX];
    static const char *const pairs[] = {"bind.listeners",
                                        "INTERNAL://127.0.0.1:9123, CLIENT://0.0.0.0:0,SIX://[::1]:9125",
                                        "advertised.listeners",
                                        "CLIENT://db.example:9124",
                                        "security.protocol.map",
                                        "CLIENT:sasl, INTERNAL:PLAINTEXT, ELSEWHERE:SASL",
                                        "security.sasl.enabled.mechanisms",
                                        "PLAIN",
                                        "security.sasl.plain.jaas.config",
                                        JAAS,
                                        "internal.listener.name",
                                        "INTERNAL",
                                        NULL};
    SLU_AUTO(fluss_config_free) fluss_config *config = config_with(pairs);
    CHECK_OK(fluss_listeners_read(config, "ignored", 1, specs, &count, &err));
    assert_int_equal(count, 3);
    CHECK_TEXT(specs[0].name, "INTERNAL");
    assert_true(specs[0].internal && !specs[0].sasl && specs[0].port == 9123);
    CHECK_TEXT(specs[1].advertised_host, "db.example");
    assert_true(specs[1].sasl && !specs[1].internal && specs[1].port == 0 && specs[1].advertised_port == 9124);
    CHECK_TEXT(specs[2].host, "::1");
    CHECK_OK(fluss_listeners_check_open(config, specs, count, &err));
    specs[1].sasl = false;
    CHECK_STATUS(fluss_listeners_check_open(config, specs, count, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "listener CLIENT at 0.0.0.0 can be reached from other machines");

    SLU_AUTO(fluss_config_free) fluss_config *plain = config_with(NULL);
    CHECK_OK(fluss_listeners_read(plain, "127.0.0.1", 7, specs, &count, &err));
    assert_true(count == 1 && specs[0].port == 7 && !specs[0].sasl && !specs[0].internal);
    CHECK_TEXT(specs[0].name, "FLUSS");
}

static void
wrong_listeners_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[9];
        const char *says;
    } wrong[] = {
        {{"bind.listeners", "127.0.0.1:1"}, "Invalid endpoint format: 127.0.0.1:1"},
        {{"bind.listeners", "A://h:65536"}, "Invalid endpoint format"},
        {{"bind.listeners", "A://h:-1"}, "Invalid endpoint format"},
        {{"bind.listeners", "A://:1"}, "Invalid endpoint format"},
        {{"bind.listeners", "://h:1"}, "Invalid endpoint format"},
        {{"bind.listeners", "A://h:1,A://h:2"}, "must have a different name"},
        {{"bind.listeners", "A://h:1,B://h:1"}, "more than one endpoint with the same port"},
        {{"bind.listeners", " "}, "Invalid endpoint format"},
        {{"bind.listeners", "A://h:1", "listen", "h:1"}, "only one of the two"},
        {{"bind.listeners", "A://h:1", "advertised.listeners", "B://x:1"}, "advertised listener name B is not included"},
        {{"bind.listeners", "A://h:1", "advertised.listeners", "x"}, "advertised.listeners: Invalid endpoint"},
        {{"bind.listeners", "A://h:1", "internal.listener.name", "B"}, "Internal listener name B is not included"},
        {{"internal.listener.name", "FLUSS"}, "cannot be set without 'bind.listeners'"},
        {{"bind.listeners", "A://h:1", "security.protocol.map", "A:TLS"}, "the protocol 'TLS' is not known"},
        {{"bind.listeners", "A://h:1", "security.protocol.map", "A:SASL"}, "No SASL mechanisms are enabled"},
        {{"bind.listeners", "A://h:1", "security.protocol.map", "A:SASL", "security.sasl.enabled.mechanisms", "PLAIN"},
         "listener A has no users"},
        {{"bind.listeners", "A://h:1", "security.protocol.map", "A:SASL", "security.sasl.enabled.mechanisms", "PLAIN,SCRAM"},
         "Mechanism 'SCRAM' is not supported"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slu_error err;
        size_t count;
        fluss_listener_spec specs[FLUSS_LISTENERS_MAX];
        SLU_AUTO(fluss_config_free) fluss_config *config = config_with(wrong[i].pairs);
        CHECK_STATUS(fluss_listeners_read(config, "127.0.0.1", 1, specs, &count, &err), SLU_INVALID);
        CHECK_MESSAGE(err, wrong[i].says);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_module_is_read_as_java_reads_it),
        cmocka_unit_test(a_broken_login_module_is_refused_without_its_secrets),
        cmocka_unit_test(the_right_password_lets_in),
        cmocka_unit_test(a_wrong_token_is_refused_in_fluss_words),
        cmocka_unit_test(users_of_a_listener_and_credentials),
        cmocka_unit_test(listeners_are_read),
        cmocka_unit_test(wrong_listeners_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
