#include "fluss/remote/layout.h"

#include "base/sizes.h"

#include <inttypes.h>
#include <stddef.h>

static slu_status
layout_done(int written, const char *what, slu_error *err)
{
    return written >= 0 && written < SLU_PATH_BYTES_MAX ? SLU_OK
                                                        : slu_error_set(err, SLU_LIMIT, "the remote path of %s is too long", what);
}

slu_status
fluss_remote_table_dir(const char *root, const char *kind, const fluss_remote_place *place, char *out, slu_error *err)
{
    return layout_done(snprintf(out, SLU_PATH_BYTES_MAX, "%s%s%s/%s/%s-%" PRId64, root, root[0] != 0 ? "/" : "", kind,
                                place->database, place->table, place->table_id),
                       place->table, err);
}

slu_status
fluss_remote_partition_dir(const char *root, const char *kind, const fluss_remote_place *place, char *out, slu_error *err)
{
    char table[SLU_PATH_BYTES_MAX];
    SLU_TRY(fluss_remote_table_dir(root, kind, place, table, err));
    return layout_done(place->partition_id < 0
                           ? snprintf(out, SLU_PATH_BYTES_MAX, "%s", table)
                           : snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s-p%" PRId64, table, place->partition, place->partition_id),
                       place->table, err);
}

slu_status
fluss_remote_bucket_dir(const char *root, const char *kind, const fluss_remote_place *place, char *out, slu_error *err)
{
    char parent[SLU_PATH_BYTES_MAX];
    SLU_TRY(fluss_remote_partition_dir(root, kind, place, parent, err));
    return layout_done(snprintf(out, SLU_PATH_BYTES_MAX, "%s/%" PRId32, parent, place->bucket), place->table, err);
}

slu_status
fluss_remote_segment_file(const char *bucket_dir, const char *segment_id, int64_t offset, const char *suffix, char *out,
                          slu_error *err)
{
    return layout_done(snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s/%020" PRId64 "%s", bucket_dir, segment_id, offset, suffix),
                       segment_id, err);
}

slu_status
fluss_remote_manifest_file(const char *bucket_dir, const char *manifest_id, char *out, slu_error *err)
{
    return layout_done(snprintf(out, SLU_PATH_BYTES_MAX, "%s/" FLUSS_REMOTE_METADATA "/%s.manifest", bucket_dir, manifest_id),
                       manifest_id, err);
}

bool
fluss_uuid_is(const char *text)
{
    for (size_t i = 0; i < FLUSS_UUID_BYTES - 1; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const bool hex =
            (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f') || (text[i] >= 'A' && text[i] <= 'F');
        if (dash ? text[i] != '-' : !hex)
            return false;
    }
    return text[FLUSS_UUID_BYTES - 1] == 0;
}

slu_status
fluss_remote_local_path(const char *uri, const char **out_path, slu_error *err)
{
    const char *path = uri;
    if (strncmp(uri, "file:", 5) == 0) {
        path = uri + 5;
        if (strncmp(path, "//localhost/", 12) == 0)
            path += 11;
        else if (strncmp(path, "//", 2) == 0)
            path += 2;
    }
    if (path[0] == '/') {
        *out_path = path;
        return SLU_OK;
    }
    const char *colon = strstr(uri, "://");
    if (colon != NULL && path == uri)
        return slu_error_set(
            err, SLU_UNSUPPORTED,
            "'%s': remote files of the scheme '%.*s' cannot be read here; set remote.data.dir of the table server to "
            "a directory that this machine can see",
            uri, (int)SLU_MIN(colon - uri, (ptrdiff_t)32), uri);
    return slu_error_set(err, SLU_INVALID, "'%s' is not the absolute path of a directory", uri);
}
