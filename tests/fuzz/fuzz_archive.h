/* fuzz_archive.h - an archive is opened, and all of it read. */
#ifndef FUZZ_ARCHIVE_H
#define FUZZ_ARCHIVE_H

#include "fuzz.h"

/* A tensor that an archive names and can't read: no dtype has its numbers, or it has too many axes, or its bytes are wrong. */
static inline void fuzz_entry(tg_tape *t, tg_archive *a, int i)
{
    tg_tensor *x = tg_archive_read(a, tg_archive_name(a, i));
    REQUIRE(x ? !tg_error(t) : tg_error_status(t) == TG_ERR_UNSUPPORTED || tg_error_status(t) == TG_ERR_FORMAT);
    fuzz_look(x);
    tg_clear_error(t);
    if (!x || tg_shape_of(x)->rank == 0) return;
    tg_tensor *rows = tg_archive_read_rows(a, tg_archive_name(a, i), tg_shape_of(x)->dim[0] / 2, tg_shape_of(x)->dim[0] - tg_shape_of(x)->dim[0] / 2);
    REQUIRE(rows);
    fuzz_look(rows);
}

/* most: the memory that opening may take where it fails. */
static inline void fuzz_archive(const char *path, size_t most)
{
    tg_tape     *t      = fuzz_tape();
    const size_t before = memory.held;
    tg_archive  *a      = tg_archive_open(t, path);
    fuzz_read(t, a != NULL, before, most);
    for (int i = 0; i < tg_archive_count(a); i++) fuzz_entry(t, a, i);
    for (int i = 0; i < tg_archive_metadata_count(a); i++) REQUIRE(tg_archive_metadata(a, tg_archive_metadata_key(a, i)));
    tg_archive_close(a);
    fuzz_done(t);
}

#endif
