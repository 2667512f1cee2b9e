/* test_show.c - pictures: what is in the files, with gnuplot, without it, and with one that misbehaves. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tapegrad.h>
#include <tapegrad_show.h>

typedef struct fixture {
    tg_tape *tape;
    char     dir[64], old_path[4096];
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    strcpy(f->dir, "/tmp/tapegrad_show_XXXXXX");
    snprintf(f->old_path, sizeof f->old_path, "%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
    f->tape = tg_tape_new(&(tg_tape_options){.silent = true});
    *state = f;
    return f->tape && mkdtemp(f->dir) ? 0 : -1;
}

static char *in_dir(const fixture *f, const char *name)
{
    static char path[2][256];
    static int  turn;
    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", f->dir, name);
    return path[turn];
}

static int tear_down(void **state)
{
    fixture           *f = *state;
    static const char *made[] = {"p.png", "p.csv", "p.pgm", "err", "gnuplot"};
    setenv("PATH", f->old_path, 1);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) unlink(in_dir(f, made[i]));
    rmdir(f->dir);
    tg_tape_free(f->tape);
    free(f);
    return 0;
}

/* The whole file, terminated; the caller frees it. */
static char *slurp(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t n = fread(text, 1, (1 << 20) - 1, in);
    fclose(in);
    if (size) *size = n;
    return text;
}

static void assert_file(const char *path, const char *content)
{
    char *text = slurp(path, NULL);
    assert_string_equal(text, content);
    free(text);
}

/* A PNG that is complete and has this size in pixels. */
static void assert_png(const tg_picture *p, int width, int height)
{
    size_t         n;
    char          *text = slurp(p->path, &n);
    const uint8_t *bytes = (const uint8_t *)text;
    assert_true(n > 100);
    assert_memory_equal(bytes, "\x89PNG\r\n\x1a\n", 8);
    assert_int_equal(bytes[18] << 8 | bytes[19], width);
    assert_int_equal(bytes[22] << 8 | bytes[23], height);
    assert_memory_equal(bytes + n - 8, "IEND", 4);
    free(text);
}

static bool have_gnuplot(void) { return system("gnuplot --version >/dev/null 2>&1") == 0; }

/* Puts a shell script named gnuplot first in PATH. */
static void fake_gnuplot(const fixture *f, const char *script)
{
    char *name = in_dir(f, "gnuplot"), path[4200];
    FILE *out = fopen(name, "w");
    assert_non_null(out);
    fprintf(out, "#!/bin/sh\n%s\n", script);
    fclose(out);
    assert_int_equal(chmod(name, 0755), 0);
    snprintf(path, sizeof path, "%s:%s", f->dir, f->old_path);
    setenv("PATH", path, 1);
}

static const double    loss[] = {2.5, 1.25, 0.1}, accuracy[] = {NAN, 0.5, 1.0 / 3};
static const tg_series two[] = {{"loss, \"train\"", loss, false}, {"it's", accuracy, true}};
static const tg_curves curves = {.title = "T'1\nexit", .x_label = "step", .n = 3, .series = two, .n_series = 2};

/* ---- curves ------------------------------------------------------------------------------------------------------- */

static void test_curves_csv(void **state)
{
    fixture *f = *state;
    assert_int_equal(tg_plot_curves(f->tape, in_dir(f, "p.png"), &curves, NULL), TG_OK);
    assert_file(in_dir(f, "p.csv"), "step,\"loss, \"\"train\"\"\",it's\n"
                                    "1,2.5,nan\n2,1.25,0.5\n3,0.1,0.33333333333333331\n");
}

static void test_curves_png(void **state)
{
    fixture   *f = *state;
    tg_picture made;
    assert_int_equal(tg_plot_curves(f->tape, in_dir(f, "p"), &curves, &made), TG_OK);
    if (!have_gnuplot()) skip();
    assert_int_equal(made.kind, TG_PICTURE_PNG);
    assert_string_equal(made.path, in_dir(f, "p.png"));
    assert_png(&made, 1000, 900); /* two panels */
}

static void test_curves_without_gnuplot(void **state)
{
    fixture   *f = *state;
    tg_picture made;
    setenv("PATH", "/nonexistent", 1);
    assert_int_equal(tg_plot_curves(f->tape, in_dir(f, "p"), &curves, &made), TG_OK);
    assert_int_equal(made.kind, TG_PICTURE_CSV);
    assert_string_equal(made.path, in_dir(f, "p.csv"));
    assert_int_equal(access(in_dir(f, "p.png"), F_OK), -1);
    assert_null(tg_error(f->tape));
}

/* What gnuplot is told: texts are single-quoted, their quotes doubled, their line ends gone. */
static void test_curves_commands(void **state)
{
    fixture   *f = *state;
    tg_picture made;
    fake_gnuplot(f, "exec cat");
    assert_int_equal(tg_plot_curves(f->tape, in_dir(f, "p"), &curves, &made), TG_OK);
    assert_int_equal(made.kind, TG_PICTURE_PNG);
    char *text = slurp(made.path, NULL);
    assert_non_null(strstr(text, "set title 'T''1 exit'\n"));
    assert_non_null(strstr(text, "plot $d0 using 1:2 with linespoints ls 1 title 'loss, \"train\"'\n")); /* each series in its panel */
    assert_non_null(strstr(text, "plot $d1 using 1:2 with linespoints ls 2 title 'it''s'\n"));
    assert_non_null(strstr(text, "set xtics 1\n")); /* whole numbers of epochs */
    assert_null(strstr(text, "\nexit"));
    assert_non_null(strstr(text, "$d1 << EOD\n2 0.5\n3 0.33333333333333331\nEOD\n")); /* the missing point is left out */
    free(text);
}

/* It ends before it has read what we write: no SIGPIPE, no error, the numbers are there. */
static void test_gnuplot_that_dies(void **state)
{
    enum { N = 200000 };
    fixture   *f = *state;
    tg_picture made;
    double    *y = calloc(N, sizeof *y);
    assert_non_null(y);
    fake_gnuplot(f, "exit 0");
    tg_series one = {"zeros", y, false};
    assert_int_equal(tg_plot_curves(f->tape, in_dir(f, "p"), &(tg_curves){.n = N, .series = &one, .n_series = 1}, &made), TG_OK);
    assert_int_equal(made.kind, TG_PICTURE_CSV);
    assert_int_equal(access(in_dir(f, "p.png"), F_OK), -1);
    free(y);
}

static void test_gnuplot_that_fails(void **state)
{
    fixture   *f = *state;
    tg_picture made;
    fake_gnuplot(f, "cat; exit 1");
    assert_int_equal(tg_plot_curves(f->tape, in_dir(f, "p"), &curves, &made), TG_OK);
    assert_int_equal(made.kind, TG_PICTURE_CSV);
    assert_int_equal(access(in_dir(f, "p.png"), F_OK), -1);
}

/* The host closed its standard streams: our files then get their numbers. */
static void test_closed_standard_streams(void **state)
{
    fixture   *f = *state;
    tg_picture made;
    int        saved[3];
    fake_gnuplot(f, "exec cat");
    for (int i = 0; i < 3; i++) saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < 3; i++) close(i);
    tg_status s = tg_plot_curves(f->tape, in_dir(f, "p"), &curves, &made);
    for (int i = 0; i < 3; i++) {
        if (saved[i] >= 0) dup2(saved[i], i), close(saved[i]);
    }
    assert_int_equal(s, TG_OK);
    assert_int_equal(made.kind, TG_PICTURE_PNG);
    char *text = slurp(made.path, NULL);
    assert_non_null(strstr(text, "plot $d0"));
    free(text);
}

/* ---- images and matrices ------------------------------------------------------------------------------------------ */

static void test_images(void **state)
{
    fixture          *f = *state;
    tg_picture        made;
    const uint8_t     u8[2 * 2 * 3] = {0, 50, 100, 150, 200, 255, 255, 200, 150, 100, 50, 0};
    const char *const captions[] = {"a 'b'", NULL};
    const tg_images   im = {.dtype = TG_U8, .pixels = u8, .n = 2, .height = 2, .width = 3, .captions = captions, .zoom = 20};
    assert_int_equal(tg_plot_images(f->tape, in_dir(f, "p"), &im, &made), TG_OK);
    if (!have_gnuplot()) skip();
    assert_int_equal(made.kind, TG_PICTURE_PNG);
    assert_png(&made, 150, 80);
}

/* Two float images side by side, 10 pixels of paper around them; black and white are the extremes, NaN is black. */
static void test_images_pgm(void **state)
{
    fixture        *f = *state;
    tg_picture      made;
    const float     x[2 * 1 * 2] = {-1, 0, 1, NAN};
    const tg_images im = {.dtype = TG_F32, .pixels = x, .n = 2, .height = 1, .width = 2, .columns = 2, .zoom = 1};
    setenv("PATH", "/nonexistent", 1);
    assert_int_equal(tg_plot_images(f->tape, in_dir(f, "p"), &im, &made), TG_OK);
    assert_int_equal(made.kind, TG_PICTURE_PGM);
    size_t         n;
    char          *text = slurp(made.path, &n);
    const char    *head = "P5\n34 21\n255\n";
    const uint8_t *row = (const uint8_t *)text + strlen(head) + 10 * 34;
    assert_int_equal(n, strlen(head) + 34 * 21);
    assert_memory_equal(text, head, strlen(head));
    assert_int_equal(row[9], 255);
    assert_int_equal(row[10], 0);
    assert_int_equal(row[11], 128);
    assert_int_equal(row[12], 255);
    assert_int_equal(row[22], 255);
    assert_int_equal(row[23], 0);
    assert_int_equal(row[24], 255);
    free(text);
}

static void test_matrix(void **state)
{
    fixture          *f = *state;
    tg_picture        made;
    const double      v[] = {10, 0, 1.5, 3, NAN, 7};
    const char *const rows[] = {"cat", "a,b"};
    const tg_matrix   m = {.title = "M", .values = v, .rows = 2, .columns = 3, .row_names = rows};
    assert_int_equal(tg_plot_matrix(f->tape, in_dir(f, "p"), &m, &made), TG_OK);
    assert_file(in_dir(f, "p.csv"), ",0,1,2\ncat,10,0,1.5\n\"a,b\",3,nan,7\n");
    if (!have_gnuplot()) skip();
    assert_int_equal(made.kind, TG_PICTURE_PNG);
    assert_png(&made, 298, 206);
}

/* ---- the plane, bars ---------------------------------------------------------------------------------------------- */

static const double      grid[6] = {0, 1, 2, 3, NAN, 5}, px[] = {0.5, NAN}, py[] = {1.5, 2}, half = 0.5;
static const char *const point_names[] = {"a, b", NULL};
static const tg_points   sets[] = {{.name = "it's", .x = px, .y = py, .n = 2, .labels = point_names}, {.x = py, .y = px, .n = 2, .line = true}};
static const tg_plane    plane = {.title = "P", .x_low = -1, .x_high = 1, .y_low = 0, .y_high = 2, .values = grid, .rows = 2, .columns = 3,
                                  .levels = &half, .n_levels = 1, .points = sets, .n_points = 2};

static void test_plane(void **state)
{
    fixture   *f = *state;
    tg_picture made;
    assert_int_equal(tg_plot_plane(f->tape, in_dir(f, "p"), &plane, &made), TG_OK);
    assert_file(in_dir(f, "p.csv"), "set,x,y,value,label\nvalue,-1,0,0,\nvalue,0,0,1,\nvalue,1,0,2,\nvalue,-1,2,3,\nvalue,0,2,,\nvalue,1,2,5,\n"
                                    "it's,0.5,1.5,,\"a, b\"\nit's,nan,2,,\n1,1.5,0.5,,\n1,2,nan,,\n");
    if (!have_gnuplot()) skip();
    assert_int_equal(made.kind, TG_PICTURE_PNG);
    assert_png(&made, 900, 760);
    const tg_plane bare = {.points = sets, .n_points = 1, .equal = true}; /* points alone choose what is shown */
    assert_int_equal(tg_plot_plane(f->tape, in_dir(f, "p"), &bare, &made), TG_OK);
    assert_int_equal(made.kind, TG_PICTURE_PNG);
}

static void test_plane_commands(void **state)
{
    fixture   *f = *state;
    tg_picture made;
    fake_gnuplot(f, "exec cat");
    assert_int_equal(tg_plot_plane(f->tape, in_dir(f, "p"), &plane, &made), TG_OK);
    char *text = slurp(made.path, NULL);
    assert_non_null(strstr(text, "set cbrange [0:5]\n")); /* NaN is no value */
    assert_non_null(strstr(text, "set cntrparam levels discrete 0.5\n"));
    assert_non_null(strstr(text, "set label 'a, b' at 0.5,1.5 "));
    assert_non_null(strstr(text, "plot $v using 1:2:3 with image notitle, $c using 1:2 with lines"));
    assert_non_null(strstr(text, "$p0 << EOD\n0.5 1.5\nEOD\n"));
    free(text);
}

static void test_bars(void **state)
{
    fixture          *f = *state;
    tg_picture        made;
    const double      edges[] = {0, 0.5, 2}, y[] = {3, 4};
    const char *const names[] = {"one", NULL};
    const tg_series   series[] = {{.name = "n", .y = y}, {.y = y}};
    assert_int_equal(tg_plot_bars(f->tape, in_dir(f, "p"), &(tg_bars){.n = 2, .edges = edges, .series = series, .n_series = 2}, &made), TG_OK);
    assert_file(in_dir(f, "p.csv"), "from,to,n,y\n0,0.5,3,3\n0.5,2,4,4\n");
    assert_int_equal(tg_plot_bars(f->tape, in_dir(f, "p"), &(tg_bars){.n = 2, .names = names, .series = series, .n_series = 2}, &made), TG_OK);
    assert_file(in_dir(f, "p.csv"), "name,n,y\none,3,3\n1,4,4\n");
    if (!have_gnuplot()) skip();
    assert_int_equal(made.kind, TG_PICTURE_PNG);
    assert_png(&made, 1000, 600);
    const double falling[] = {0, 0, 1};
    assert_int_equal(tg_plot_bars(f->tape, in_dir(f, "p"), &(tg_bars){.n = 2, .edges = falling, .series = series, .n_series = 1}, &made), TG_ERR_ARG);
    assert_non_null(strstr(tg_error(f->tape), "edge 1 does not"));
}

static void test_bars_begin_at_zero(void **state)
{
    fixture        *f = *state;
    tg_picture      made;
    const double    y[] = {71, 78};
    const tg_series series = {.y = y};
    fake_gnuplot(f, "exec cat");
    assert_int_equal(tg_plot_bars(f->tape, in_dir(f, "p"), &(tg_bars){.n = 2, .series = &series, .n_series = 1}, &made), TG_OK);
    char *text = slurp(made.path, NULL);
    assert_non_null(strstr(text, "set yrange [*<0:0<*]\n"));
    free(text);
}

/* ---- errors ------------------------------------------------------------------------------------------------------- */

static void test_no_directory(void **state)
{
    fixture        *f = *state;
    tg_picture      made;
    const uint8_t   pixel = 0;
    const double    v = 1;
    const tg_images im = {.dtype = TG_U8, .pixels = &pixel, .n = 1, .height = 1, .width = 1};
    const tg_matrix m = {.values = &v, .rows = 1, .columns = 1};
    assert_int_equal(tg_plot_curves(f->tape, in_dir(f, "none/p"), &curves, &made), TG_ERR_IO);
    assert_int_equal(made.kind, TG_PICTURE_NONE);
    assert_non_null(strstr(tg_error(f->tape), "none/p.csv: No such file or directory"));
    assert_int_equal(tg_plot_images(f->tape, in_dir(f, "none/p"), &im, &made), TG_ERR_IO);
    assert_int_equal(tg_plot_matrix(f->tape, in_dir(f, "none/p"), &m, &made), TG_ERR_IO);
}

static void test_full_disk(void **state)
{
    fixture *f = *state;
    if (access("/dev/full", W_OK) != 0) skip();
    assert_int_equal(symlink("/dev/full", in_dir(f, "p.csv")), 0);
    assert_int_equal(tg_plot_curves(f->tape, in_dir(f, "p"), &curves, NULL), TG_ERR_IO);
    assert_non_null(strstr(tg_error(f->tape), "No space left"));
}

static void test_misuse(void **state)
{
    fixture       *f = *state;
    const uint8_t  pixel = 0;
    const double   v = 1;
    char           long_path[2000], *p = in_dir(f, "p");
    const tg_series hollow = {"hollow", NULL, false};
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = 0;

    assert_int_equal(tg_plot_curves(NULL, p, &curves, NULL), TG_ERR_NULL);
    assert_int_equal(tg_plot_curves(f->tape, NULL, &curves, NULL), TG_ERR_NULL);
    assert_int_equal(tg_plot_curves(f->tape, p, NULL, NULL), TG_ERR_NULL);
    assert_int_equal(tg_plot_curves(f->tape, long_path, &curves, NULL), TG_ERR_ARG);
    assert_int_equal(tg_plot_curves(f->tape, "", &curves, NULL), TG_ERR_ARG);
    assert_int_equal(tg_plot_curves(f->tape, p, &(tg_curves){.n = 1, .series = &hollow, .n_series = 1}, NULL), TG_ERR_NULL);
    assert_int_equal(tg_plot_curves(f->tape, p, &(tg_curves){.n = -1, .series = two, .n_series = 1}, NULL), TG_ERR_ARG);
    assert_int_equal(tg_plot_curves(f->tape, p, &(tg_curves){.n = 1, .series = two, .n_series = 65}, NULL), TG_ERR_ARG);

    tg_images im = {.dtype = TG_I64, .pixels = &pixel, .n = 1, .height = 1, .width = 1};
    assert_int_equal(tg_plot_images(f->tape, p, &im, NULL), TG_ERR_DTYPE);
    im.dtype = TG_U8;
    im.n = INT64_MAX;
    assert_int_equal(tg_plot_images(f->tape, p, &im, NULL), TG_ERR_ARG);
    im.n = 1;
    im.zoom = 4096;
    im.width = 4096;
    assert_int_equal(tg_plot_images(f->tape, p, &im, NULL), TG_ERR_ARG);
    im.pixels = NULL;
    assert_int_equal(tg_plot_images(f->tape, p, &im, NULL), TG_ERR_NULL);

    assert_int_equal(tg_plot_matrix(f->tape, p, &(tg_matrix){.values = &v, .rows = 65, .columns = 1}, NULL), TG_ERR_ARG);
    assert_int_equal(tg_plot_matrix(f->tape, p, &(tg_matrix){.values = &v, .rows = 1}, NULL), TG_ERR_ARG);
    assert_int_equal(tg_plot_matrix(f->tape, p, NULL, NULL), TG_ERR_NULL);

    assert_int_equal(tg_plot_plane(f->tape, p, NULL, NULL), TG_ERR_NULL);
    assert_int_equal(tg_plot_plane(f->tape, p, &(tg_plane){0}, NULL), TG_ERR_ARG);
    tg_plane bad[5] = {plane, plane, plane, plane, plane};
    bad[0].x_high = -2, bad[1].rows = 1, bad[2].y_low = NAN, bad[3].n_points = 33, bad[4].values = NULL;
    for (int i = 0; i < 5; i++) assert_int_equal(tg_plot_plane(f->tape, p, &bad[i], NULL), TG_ERR_ARG);
    assert_int_equal(tg_plot_plane(f->tape, p, &(tg_plane){.points = &(tg_points){.n = 1}, .n_points = 1}, NULL), TG_ERR_NULL);
    assert_int_equal(tg_plot_bars(f->tape, p, &(tg_bars){.n = 0, .series = two, .n_series = 1}, NULL), TG_ERR_ARG);
    assert_int_equal(tg_plot_bars(f->tape, p, &(tg_bars){.n = 1, .series = &hollow, .n_series = 1}, NULL), TG_ERR_NULL);
    assert_int_equal(access(in_dir(f, "p.csv"), F_OK), -1); /* nothing was written */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_curves_csv), T(test_curves_png), T(test_curves_without_gnuplot), T(test_curves_commands),
        T(test_gnuplot_that_dies), T(test_gnuplot_that_fails), T(test_closed_standard_streams), T(test_images),
        T(test_images_pgm), T(test_matrix), T(test_plane), T(test_plane_commands), T(test_bars), T(test_bars_begin_at_zero), T(test_no_directory), T(test_full_disk), T(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
