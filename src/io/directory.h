/* directory.h - directories that files are to lie in. */
#ifndef TG_DIRECTORY_H
#define TG_DIRECTORY_H

#include "graph/graph.h"

/* Makes the directory, and those above it, where they are not there yet. Those that are made have their names on the disk then. */
tg_status tg_directory_make(tg_tape *t, const char *function, const char *path);

/* fsync of a directory, so that the names in it are on the disk. false: errno says why not. Some file systems have none for directories, which is no
 * error. */
bool tg_directory_flush(int directory);

/* What errno says: "cannot VERB PATH: …". */
tg_status tg_path_error(tg_tape *t, const char *function, const char *verb, const char *path);

#endif
