/*
 * jaas.h: a login module as Java writes it: `CLASS required name="value" name="value";`.
 *
 * Shape    words are letters, digits, _ $ - . and what lies above ASCII; a value is a word or stands in single or double quotes, with
 *          Java's escapes (\n \t \" \\ \', three octal digits); comments are as in C. One module, ended by a semicolon.
 * Owns     a found value is copied out; it may be a secret, so wipe it.
 * Threads  any.
 * Errors   INVALID: what is missing, never what was there (it may be a password). NOTFOUND: no such option, or another module.
 */
#ifndef FLUSS_SECURITY_JAAS_H
#define FLUSS_SECURITY_JAAS_H

#include "base/bytes.h"

#define FLUSS_JAAS_PLAIN "org.apache.fluss.security.auth.sasl.plain.PlainLoginModule"
#define FLUSS_JAAS_VALUE_BYTES 1024 /* a name or value with its final zero */

/* Is it one whole module? */
SLU_CHECK slu_status fluss_jaas_check(const char *text, slu_error *err);
SLU_CHECK slu_status fluss_jaas_find(const char *text, const char *module, const char *option, char out[FLUSS_JAAS_VALUE_BYTES],
                                     slu_error *err);

#endif
