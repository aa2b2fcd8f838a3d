/* fake_plugins.h: a module that plans like real ones and cannot run: rows (source), pass, rule (keyed), join, out (sink), names (lookup). */
#ifndef SLUICE_TESTS_FAKE_PLUGINS_H
#define SLUICE_TESTS_FAKE_PLUGINS_H

#include <sluice/plugin.h>

extern const slu_module fake_module;

#endif
