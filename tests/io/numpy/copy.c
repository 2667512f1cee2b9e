/* copy.c - copies the arrays of a file that NumPy wrote: copy FROM TO, each .npy or .npz; TO may be a .npz that is compressed: copy FROM TO deflated. */
#include <stdio.h>
#include <string.h>
#include <tapegrad.h>

enum { MOST = 64 };

int main(int argc, char **argv)
{
    tg_tape    *t = tg_tape_new(NULL);
    tg_archive *a = argc > 2 ? tg_archive_open(t, argv[1]) : NULL;
    const char *names[MOST];
    tg_tensor  *x[MOST];
    const int   n = tg_archive_count(a);
    if (!a || n > MOST) return 1;
    for (int i = 0; i < n; i++) {
        names[i] = tg_archive_name(a, i);
        x[i]     = tg_archive_read(a, names[i]);
        if (!x[i]) return 1;
    }
    const tg_npz_options options = {.compressed = argc > 3};
    const tg_status      s = strstr(argv[2], ".npz") ? tg_npz_write(argv[2], names, x, n, &options) : tg_npy_write(argv[2], x[0]);
    tg_tape_free(t);
    return s != TG_OK;
}
