/*
 * template.h: the files of plugins/template/, built into the program.
 *
 * Shape    slu_template_files ends with a NULL name. The word my_plugin, in names and in texts, stands for the new plugin's name.
 */
#ifndef SLU_CLI_TEMPLATE_H
#define SLU_CLI_TEMPLATE_H

#include <stddef.h>

typedef struct slu_template_file {
    const char *name; /* relative, with '/' */
    const unsigned char *bytes;
    size_t count;
} slu_template_file;

extern const slu_template_file slu_template_files[];

#endif
