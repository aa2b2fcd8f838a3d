/* sink_promise.c: what the Fluss sink promises of a table, in the words of `explain`. */
#include "sink.h"

#include "fluss/record/descriptor.h"

#include <stdio.h>
#include <strings.h>

#define AGAIN_TEXT "rows since the last whole checkpoint are written again after a failure"

static const char *
keyed_promise(const fluss_descriptor *descriptor)
{
    const char *engine = fluss_descriptor_get(descriptor, "table.merge-engine");
    if (engine != NULL && strcasecmp(engine, "aggregation") == 0)
        return "at least once: the table aggregates, and " AGAIN_TEXT ", so that they count twice. Nothing is undone";
    if (engine != NULL && strcasecmp(engine, "first_row") == 0)
        return "converges: the first row of a key stays, however often it is written. Needs rows of a key in one order, replayed "
               "or not";
    if (engine != NULL && strcasecmp(engine, "versioned") == 0)
        return "converges: the row of a key with the highest version stays, however often it is written";
    if (descriptor->schema.auto_increment_column != NULL)
        return "at least once: " AGAIN_TEXT ", and what the table counts up may have gaps";
    return "converges: each key ends with its last row; the changelog of the table may show those since the last whole checkpoint "
           "twice. Needs checkpoints and a source that replays";
}

void
sink_promise(const fluss_face *face, const slu_value *identity)
{
    const fluss_table *table = fluss_target_table(face->target);
    char text[1024];
    size_t bytes = 0;
    if (table->key_column_count != 0) {
        slu_promise_say(face->host, keyed_promise(table->descriptor));
        return;
    }
    if (identity == NULL) {
        slu_promise_say(face->host,
                        "at least once: " AGAIN_TEXT ". `identity` (columns that are unique for each row) makes it exactly once");
        return;
    }
    bytes += (size_t)snprintf(text, sizeof text, "exactly once by identity (");
    for (uint32_t i = 0; i < identity->count && bytes < 400; i++)
        bytes += (size_t)snprintf(text + bytes, sizeof text - bytes, "%s%.60s", i == 0 ? "" : ", ", identity->items[i].text);
    (void)snprintf(
        text + bytes, sizeof text - bytes,
        "): what was appended since the last whole checkpoint is read back after a failure and left out of the replay. Needs "
        "checkpoints, an identity that no two rows share, a job that gives the same rows when it is replayed, and a retention "
        "of the table that is longer than a failure may last: where a record is gone, the job fails and says so");
    slu_promise_say(face->host, text);
}
