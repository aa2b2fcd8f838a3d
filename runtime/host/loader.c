#include "loader.h"

#include "base/crash.h"
#include "base/file.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

const char *
slu_kind_name(uint32_t kind)
{
    static const char *const names[] = {"?", "source", "operator", "sink", "lookup", "store"};
    return kind <= SLU_KIND_STORE ? names[kind] : "?";
}

/* ---- Checks ------------------------------------------------------------------------------------------------------------------ */

/* Where and which plugin, for messages. */
typedef struct place {
    const char *where;
    const slu_plugin *plugin;
} place;

static slu_status
name_check(const char *name, const char *what, const char *where, slu_error *err)
{
    if (name == NULL || name[0] == 0)
        return slu_error_set(err, SLU_INVALID, "%s: a %s without a name", where, what);
    if (strnlen(name, 65) > 64)
        return slu_error_set(err, SLU_INVALID, "%s: the name of a %s has more than 64 characters", where, what);
    for (const char *at = name; *at != 0; at++)
        if ((*at < 'a' || *at > 'z') && (*at < 'A' || *at > 'Z') && (*at < '0' || *at > '9') && strchr("_-.", *at) == NULL)
            return slu_error_set(err, SLU_INVALID, "%s: %s name \"%s\": only letters, digits and _ - . are allowed", where, what,
                                 name);
    return SLU_OK;
}

static uint32_t
option_width(uint32_t type)
{
    switch (type) {
    case SLU_OPTION_BOOL: return 4;
    case SLU_OPTION_I64:
    case SLU_OPTION_F64:
    case SLU_OPTION_DURATION:
    case SLU_OPTION_BYTES: return 8;
    case SLU_OPTION_STRING:
    case SLU_OPTION_CHOICE:
    case SLU_OPTION_LIST:
    case SLU_OPTION_MAP:
    case SLU_OPTION_VALUE: return sizeof(void *);
    default: return 0;
    }
}

static slu_status
option_check(const place *p, uint32_t index, slu_error *err)
{
    const slu_plugin *plugin = p->plugin;
    const slu_option *option = &plugin->options[index];
    if (option->size != sizeof *option)
        return slu_error_set(err, SLU_INVALID, "%s: plugin %s: option %u has %u bytes, ABI %d.%d has %zu", p->where, plugin->name,
                             index, option->size, SLU_ABI_MAJOR, SLU_ABI_MINOR, sizeof *option);
    SLU_TRY(name_check(option->name, "option", p->where, err));
    const uint32_t width = option_width(option->type);
    if (width == 0)
        return slu_error_set(err, SLU_INVALID, "%s: plugin %s: option %s has unknown type %u", p->where, plugin->name, option->name,
                             option->type);
    if (option->offset > plugin->options_bytes || plugin->options_bytes - option->offset < width || option->offset % width != 0)
        return slu_error_set(err, SLU_INVALID, "%s: plugin %s: option %s lies at byte %u of an options struct of %u bytes",
                             p->where, plugin->name, option->name, option->offset, plugin->options_bytes);
    if (option->type == SLU_OPTION_CHOICE && option->choices == NULL)
        return slu_error_set(err, SLU_INVALID, "%s: plugin %s: option %s is a choice without choices", p->where, plugin->name,
                             option->name);
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(plugin->options[i].name, option->name) == 0)
            return slu_error_set(err, SLU_INVALID, "%s: plugin %s: two options are called %s", p->where, plugin->name,
                                 option->name);
    return SLU_OK;
}

/* The sizes with which ABI 1.0 began: a table may be larger (newer), never smaller. */
static uint32_t
ops_bytes_min(uint32_t kind)
{
    switch (kind) {
    case SLU_KIND_SOURCE: return sizeof(slu_source_ops);
    case SLU_KIND_OPERATOR: return sizeof(slu_operator_ops);
    case SLU_KIND_SINK: return sizeof(slu_sink_ops);
    case SLU_KIND_LOOKUP: return sizeof(slu_lookup_ops);
    case SLU_KIND_STORE: return sizeof(slu_store_ops);
    default: return 0;
    }
}

static const char *
ops_missing(const slu_plugin *plugin)
{
    const slu_source_ops *source = plugin->ops;
    const slu_operator_ops *op = plugin->ops;
    const slu_sink_ops *sink = plugin->ops;
    const slu_lookup_ops *lookup = plugin->ops;
    const slu_store_ops *store = plugin->ops;
    switch (plugin->kind) {
    case SLU_KIND_SOURCE:
        return source->list_splits == NULL ? "list_splits"
               : source->open == NULL      ? "open"
               : source->assign == NULL    ? "assign"
               : source->poll == NULL      ? "poll"
               : source->snapshot == NULL  ? "snapshot"
               : source->close == NULL     ? "close"
                                           : NULL;
    case SLU_KIND_OPERATOR: return op->open == NULL ? "open" : op->process == NULL ? "process" : op->close == NULL ? "close" : NULL;
    case SLU_KIND_SINK:
        return sink->open == NULL      ? "open"
               : sink->write == NULL   ? "write"
               : sink->prepare == NULL ? "prepare"
               : sink->close == NULL   ? "close"
                                       : NULL;
    case SLU_KIND_LOOKUP:
        return lookup->open == NULL ? "open" : lookup->submit == NULL ? "submit" : lookup->close == NULL ? "close" : NULL;
    default:
        return store->open == NULL    ? "open"
               : store->get == NULL   ? "get"
               : store->put == NULL   ? "put"
               : store->close == NULL ? "close"
                                      : NULL;
    }
}

static slu_status
ops_check(const place *p, slu_error *err)
{
    const slu_plugin *plugin = p->plugin;
    const uint32_t wanted = ops_bytes_min(plugin->kind);
    if (wanted == 0)
        return slu_error_set(err, SLU_INVALID, "%s: plugin %s has unknown kind %u", p->where, plugin->name, plugin->kind);
    if (plugin->ops == NULL)
        return slu_error_set(err, SLU_INVALID, "%s: %s %s has no table of functions", p->where, slu_kind_name(plugin->kind),
                             plugin->name);
    const uint32_t size = *(const uint32_t *)plugin->ops;
    if (size < wanted)
        return slu_error_set(err, SLU_INVALID, "%s: %s %s has a table of functions of %u bytes, ABI %d.%d has %u", p->where,
                             slu_kind_name(plugin->kind), plugin->name, size, SLU_ABI_MAJOR, SLU_ABI_MINOR, wanted);
    const char *missing = ops_missing(plugin);
    if (missing != NULL)
        return slu_error_set(err, SLU_INVALID, "%s: %s %s lacks the function %s", p->where, slu_kind_name(plugin->kind),
                             plugin->name, missing);
    const slu_partitioner_ops *partitioner = plugin->partitioner;
    if (partitioner != NULL &&
        (partitioner->size < sizeof *partitioner || partitioner->open == NULL || partitioner->partition == NULL ||
         partitioner->close == NULL || partitioner->instance_bytes > SLU_PLUGIN_INSTANCE_BYTES_MAX))
        return slu_error_set(err, SLU_INVALID, "%s: %s %s has an incomplete partitioner", p->where, slu_kind_name(plugin->kind),
                             plugin->name);
    return SLU_OK;
}

static slu_status
counts_check(const place *p, slu_error *err)
{
    const slu_plugin *plugin = p->plugin;
    if (plugin->instance_bytes > SLU_PLUGIN_INSTANCE_BYTES_MAX || plugin->options_bytes > SLU_PLUGIN_INSTANCE_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "%s: plugin %s wants %u bytes per instance and %u for options: at most %u", p->where,
                             plugin->name, plugin->instance_bytes, plugin->options_bytes, SLU_PLUGIN_INSTANCE_BYTES_MAX);
    if (plugin->option_count > SLU_PLUGIN_OPTIONS_MAX || (plugin->option_count != 0 && plugin->options == NULL))
        return slu_error_set(err, SLU_INVALID, "%s: plugin %s claims %u options", p->where, plugin->name, plugin->option_count);
    if (plugin->input_min > plugin->input_max || plugin->input_max > 64 || plugin->output_count > 64)
        return slu_error_set(err, SLU_INVALID, "%s: plugin %s claims %u to %u inputs and %u outputs", p->where, plugin->name,
                             plugin->input_min, plugin->input_max, plugin->output_count);
    const bool takes = plugin->kind == SLU_KIND_OPERATOR || plugin->kind == SLU_KIND_SINK;
    const bool gives = plugin->kind == SLU_KIND_OPERATOR || plugin->kind == SLU_KIND_SOURCE;
    if (takes && plugin->input_max == 0)
        return slu_error_set(err, SLU_INVALID, "%s: %s %s takes no input", p->where, slu_kind_name(plugin->kind), plugin->name);
    if (gives && plugin->output_count == 0)
        return slu_error_set(err, SLU_INVALID, "%s: %s %s has no output", p->where, slu_kind_name(plugin->kind), plugin->name);
    return SLU_OK;
}

static slu_status
plugin_check(const slu_plugin *plugin, const char *where, slu_error *err)
{
    const place p = {where, plugin};
    if (plugin == NULL)
        return slu_error_set(err, SLU_INVALID, "%s: an empty place in the list of plugins", where);
    if (plugin->size < sizeof *plugin)
        return slu_error_set(err, SLU_INVALID, "%s: a plugin descriptor of %u bytes, ABI %d.%d has %zu", where, plugin->size,
                             SLU_ABI_MAJOR, SLU_ABI_MINOR, sizeof *plugin);
    SLU_TRY(name_check(plugin->name, "plugin", where, err));
    SLU_TRY(counts_check(&p, err));
    SLU_TRY(ops_check(&p, err));
    if (plugin->plan == NULL && plugin->kind != SLU_KIND_STORE)
        return slu_error_set(err, SLU_INVALID, "%s: %s %s lacks the function plan", where, slu_kind_name(plugin->kind),
                             plugin->name);
    for (uint32_t i = 0; i < plugin->option_count; i++)
        SLU_TRY(option_check(&p, i, err));
    return SLU_OK;
}

slu_status
slu_module_check(const slu_module *module, const char *where, slu_error *err)
{
    if (module == NULL)
        return slu_error_set(err, SLU_INVALID, "%s: slu_plugin_entry answers nothing", where);
    const uint32_t major = module->abi >> 16;
    const uint32_t minor = module->abi & 0xffff;
    if (major != SLU_ABI_MAJOR || minor > SLU_ABI_MINOR)
        return slu_error_set(err, SLU_INVALID, "%s: built against plugin ABI %u.%u, this sluice has %d.%d: %s", where, major, minor,
                             SLU_ABI_MAJOR, SLU_ABI_MINOR,
                             major != SLU_ABI_MAJOR ? "the major versions differ, rebuild the plugin"
                                                    : "the plugin is newer, update sluice");
    if (module->size < sizeof *module)
        return slu_error_set(err, SLU_INVALID, "%s: a module descriptor of %u bytes, ABI %d.%d has %zu", where, module->size,
                             SLU_ABI_MAJOR, SLU_ABI_MINOR, sizeof *module);
    SLU_TRY(name_check(module->name, "module", where, err));
    if (module->plugin_count == 0 || module->plugin_count > SLU_MODULE_PLUGINS_MAX || module->plugins == NULL)
        return slu_error_set(err, SLU_INVALID, "%s: a module with %u plugins: 1 to %d are allowed", where, module->plugin_count,
                             SLU_MODULE_PLUGINS_MAX);
    for (uint32_t i = 0; i < module->plugin_count; i++) {
        SLU_TRY(plugin_check(module->plugins[i], where, err));
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(module->plugins[k]->name, module->plugins[i]->name) == 0)
                return slu_error_set(err, SLU_INVALID, "%s: two plugins are called %s", where, module->plugins[i]->name);
    }
    return SLU_OK;
}

/* ---- Files ------------------------------------------------------------------------------------------------------------------- */

slu_status
slu_module_load(const char *path, const slu_module **out, slu_error *err)
{
    if (!slu_path_exists(path))
        return slu_errno_set(err, ENOENT, "open", path);
    const slu_crash_note before = slu_crash_enter(path, NULL);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    slu_crash_leave(before);
    if (handle == NULL)
        return slu_error_set(err, SLU_INVALID, "%s", dlerror());
    /* POSIX wants this detour from an object pointer to a function pointer. */
    const slu_module *(*entry)(void) = NULL;
    *(void **)&entry = dlsym(handle, "slu_plugin_entry");
    if (entry == NULL) {
        /* Nothing of it has run but its constructors: it is the one case where closing is safe. */
        (void)dlclose(handle);
        return slu_error_set(err, SLU_INVALID, "%s: not a sluice module: it exports no slu_plugin_entry", path);
    }
    const slu_module *module = entry();
    SLU_TRY(slu_module_check(module, path, err));
    *out = module;
    return SLU_OK;
}

static slu_status
digest_file(int fd, const char *path, EVP_MD_CTX *digest, slu_error *err)
{
    uint8_t piece[1 << 16];
    for (size_t total = 0;;) {
        const ssize_t bytes = read(fd, piece, sizeof piece);
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0)
            return slu_errno_set(err, errno, "read", path);
        if (bytes == 0)
            return SLU_OK;
        total += (size_t)bytes;
        if (total > SLU_MODULE_BYTES_MAX)
            return slu_error_set(err, SLU_LIMIT, "%s: more than %zu bytes", path, SLU_MODULE_BYTES_MAX);
        if (EVP_DigestUpdate(digest, piece, (size_t)bytes) != 1)
            return slu_error_set(err, SLU_IO, "%s: SHA-256 failed", path);
    }
}

slu_status
slu_file_sha256(const char *path, char hex[SLU_SHA256_HEX_BYTES], slu_error *err)
{
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned sum_bytes = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", path);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    slu_status status = SLU_OK;
    if (digest == NULL || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
        status = slu_error_set(err, SLU_NOMEM, "no memory for SHA-256");
    if (status == SLU_OK)
        status = digest_file(fd, path, digest, err);
    if (status == SLU_OK && (EVP_DigestFinal_ex(digest, sum, &sum_bytes) != 1 || sum_bytes != 32))
        status = slu_error_set(err, SLU_IO, "%s: SHA-256 failed", path);
    for (unsigned i = 0; status == SLU_OK && i < 32; i++)
        (void)snprintf(hex + (size_t)i * 2, 3, "%02x", sum[i]);
    EVP_MD_CTX_free(digest);
    (void)close(fd);
    return status;
}
