/* demo_draw.h - what the demos share of their pictures: drawn into the output directory, with a line that says where.
 */
#ifndef DEMO_DRAW_H
#define DEMO_DRAW_H

#include "demo.h"
#include <tapegrad.h>
#include <tapegrad_show.h>

/* What the functions below share: the tape where errors are told, the path, and the line. */
#define DEMO_DRAWN(function, directory, name, what)                                                                    \
    char       path[DEMO_PATH];                                                                                        \
    tg_picture made;                                                                                                   \
    tg_tape   *t  = tg_tape_new(NULL);                                                                                 \
    const bool ok = t && !function(t, demo_path(path, directory, name), what, &made);                                  \
    tg_tape_free(t);                                                                                                   \
    if (ok) printf("picture: %s\n", made.path);                                                                        \
    return ok

/* DIRECTORY/NAME.png, and .csv with the numbers. false after a sentence. */
static inline bool demo_curves(const char *directory, const char *name, const tg_curves *curves)
{
    DEMO_DRAWN(tg_plot_curves, directory, name, curves);
}

static inline bool demo_plane(const char *directory, const char *name, const tg_plane *plane)
{
    DEMO_DRAWN(tg_plot_plane, directory, name, plane);
}

static inline bool demo_images(const char *directory, const char *name, const tg_images *images)
{
    DEMO_DRAWN(tg_plot_images, directory, name, images);
}

static inline bool demo_bars(const char *directory, const char *name, const tg_bars *bars)
{
    DEMO_DRAWN(tg_plot_bars, directory, name, bars);
}

#endif
