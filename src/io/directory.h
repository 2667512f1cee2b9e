/* directory.h - directories that files are to lie in. */
#ifndef TG_DIRECTORY_H
#define TG_DIRECTORY_H

#include "graph/graph.h"

/* Makes the directory, and those above it, where they are not there yet. */
tg_status tg_directory_make(tg_tape *t, const char *function, const char *path);

/* What errno says: "cannot VERB PATH: …". */
tg_status tg_path_error(tg_tape *t, const char *function, const char *verb, const char *path);

#endif
