/* temp.h - where tests write their files. */
#ifndef TESTS_TEMP_H
#define TESTS_TEMP_H

#include <stdio.h>
#include <stdlib.h>

enum { TEMP_PATH = 400 };

/* The path of `name` in the directory that TMPDIR names, /tmp without. */
static inline char *temp_path(char to[TEMP_PATH], const char *name)
{
    const char *dir = getenv("TMPDIR");
    snprintf(to, TEMP_PATH, "%s/%s", dir && *dir ? dir : "/tmp", name);
    return to;
}

#endif
