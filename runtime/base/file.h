/*
 * file.h: whole files and directories, with bounded reads and crash-safe writes.
 *
 * Errors   NOTFOUND: no such file; CONFLICT: exclusive creation met an existing file; LIMIT: larger than the caller's bound;
 *          IO: errno is in err->code and its text in the message, which names the path.
 * Threads  any.
 */
#ifndef SLU_BASE_FILE_H
#define SLU_BASE_FILE_H

#include "bytes.h"

#include <stdatomic.h>

/* Appends the file's bytes to `out`; more than bytes_max is LIMIT. */
SLU_CHECK slu_status slu_file_read(const char *path, size_t bytes_max, slu_buf *out, slu_error *err);
/* Its bytes without a copy, for files that are never changed once they are there; given back by unmap. More than bytes_max is LIMIT. */
SLU_CHECK slu_status slu_file_map(const char *path, size_t bytes_max, slu_view *out, slu_error *err);
void slu_file_unmap(slu_view *mapped); /* an empty view is OK */
/* Writes beside the path and renames over it: readers see the old or the new file. `sync` also survives power loss. */
SLU_CHECK slu_status slu_file_write(const char *path, slu_view data, bool sync, slu_error *err);
/* Creates the file with its content at once and only if it does not exist (link()): CONFLICT otherwise. */
SLU_CHECK slu_status slu_file_create(const char *path, slu_view data, bool sync, slu_error *err);
/* Copies into a new file; one that is there already stays as it is (IO, EEXIST). CLOSED: *stop became true on the way (NULL: never);
 * the half is left for the caller to remove. */
SLU_CHECK slu_status slu_file_copy(const char *source, const char *target, const atomic_bool *stop, bool sync, int64_t *out_bytes,
                                   slu_error *err);
SLU_CHECK slu_status slu_file_remove(const char *path, slu_error *err); /* missing is OK */
SLU_CHECK slu_status slu_dir_make(const char *path, slu_error *err);    /* with parents; existing is OK */
/* Also survives power loss, as far as it was made here: whoever met it existing relies on whoever made it. */
SLU_CHECK slu_status slu_dir_make_sync(const char *path, slu_error *err);
/* The names in a directory survive power loss. */
SLU_CHECK slu_status slu_dir_sync(const char *path, slu_error *err);
/* Removes a directory with all below it; missing is OK; does not follow links. */
SLU_CHECK slu_status slu_dir_remove(const char *path, slu_error *err);
bool slu_path_exists(const char *path);
/* A place as users write it: /path, path, file:/path or file:///path. *out is within `given`. UNSUPPORTED: another scheme. */
SLU_CHECK slu_status slu_path_local(const char *given, const char **out, slu_error *err);
/* write() until all is out, across EINTR and short writes. */
SLU_CHECK slu_status slu_fd_write_all(int fd, const void *data, size_t bytes, slu_error *err);
/* An error that carries errno: "open /x/y: No such file or directory". ENOENT is NOTFOUND, ENOMEM is NOMEM, the rest IO. */
slu_status slu_errno_set(slu_error *err, int number, const char *what, const char *path);

#endif
