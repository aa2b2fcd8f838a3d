/*
 * zone.h: how far the clocks of a time zone are ahead of UTC at an instant.
 *
 * Source   the system's zone files (TZif, RFC 8536), and the rule of their footer for times behind the last transition.
 * Shape    no state: each call reads the zone's file. Names are Java's: "Europe/Berlin", "UTC", "Z", "GMT+8", "UTC+08:00", "+0800".
 * Threads  any.
 * Errors   none: Java takes a name it does not know for GMT, and so does a file that is none; *out_known says which it was.
 */
#ifndef FLUSS_SERVER_ZONE_H
#define FLUSS_SERVER_ZONE_H

#include "base/bytes.h"

/* Seconds to add to UTC. `name` NULL or "": the zone of this machine (TZ, else /etc/localtime). */
int32_t fluss_zone_offset(const char *name, int64_t utc_seconds, bool *out_known);
/* The same from the bytes of a zone file; false: they are none. */
bool fluss_zone_file_offset(slu_view file, int64_t utc_seconds, int32_t *out);
/* From a rule such as "CET-1CEST,M3.5.0,M10.5.0/3"; false: it is none. */
bool fluss_zone_rule_offset(const char *rule, int64_t utc_seconds, int32_t *out);

#endif
