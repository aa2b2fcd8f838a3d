/* s3_stand_in_main.c: the small S3 as a process, for scripts: says where it is, then does what each line of its input says, to its end.
 *
 *   mood STATUS      what it answers from now on; 0: as it should
 *   slow MS          how long it thinks before each answer
 *   names TEXT       the objects with this in their name, one a line, then a line with a dot */
#include "support/s3_stand_in.h"

#include <stdio.h>

static void
names_print(s3_stand_in *s, const char *text)
{
    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < STAND_IN_OBJECTS_MAX; i++)
        if (s->objects[i].path != NULL && strstr(s->objects[i].path, text) != NULL)
            (void)printf("%s\n", s->objects[i].path);
    (void)pthread_mutex_unlock(&s->mutex);
    (void)printf(".\n");
}

int
main(void)
{
    char line[1024];
    s3_stand_in *s = stand_in_open();
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)printf("%s\n", s->endpoint);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "mood ", 5) == 0)
            atomic_store(&s->mood, atoi(line + 5));
        else if (strncmp(line, "slow ", 5) == 0)
            atomic_store(&s->slow_ms, atoi(line + 5));
        else if (strncmp(line, "names ", 6) == 0)
            names_print(s, line + 6);
    }
    stand_in_close(s);
    return 0;
}
