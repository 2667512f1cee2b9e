/* demo_draw.h - what the demos share of their pictures: drawn into the output directory, with a line that says where.
 */
#ifndef DEMO_DRAW_H
#define DEMO_DRAW_H

#include "demo.h"
#include <tapegrad.h>
#include <tapegrad_show.h>

/* Curves as DIRECTORY/NAME.png, and .csv with the numbers. false after a sentence. */
static inline bool demo_curves(const char *directory, const char *name, const tg_curves *curves)
{
    char       path[DEMO_PATH];
    tg_picture made;
    tg_tape   *t  = tg_tape_new(NULL); /* where errors are told */
    const bool ok = t && !tg_plot_curves(t, demo_path(path, directory, name), curves, &made);
    tg_tape_free(t);
    if (ok) printf("picture: %s\n", made.path);
    return ok;
}

#endif
