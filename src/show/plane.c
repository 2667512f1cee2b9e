/* plane.c - pieces of the plane (heat map, contour lines, points and paths) and bars, as PNG through gnuplot, with CSV beside. */
#include "graph/graph.h"
#include "show/picture.h"

#include <math.h>
#include <stdio.h>

enum { MOST_ROWS = 1000, MOST_LEVELS = 32, MOST_SETS = 32, MOST_BARS = 1000, MOST_BAR_SERIES = 8 };

/* ---- the plane --------------------------------------------------------------------------------------------------------- */

static double x_of(const tg_plane *p, int64_t j) { return p->x_low + (p->x_high - p->x_low) * (double)j / (double)(p->columns - 1); }
static double y_of(const tg_plane *p, int64_t i) { return p->y_low + (p->y_high - p->y_low) * (double)i / (double)(p->rows - 1); }

static void csv_row(tg_out *o, const char *set, double x, double y, double value, const char *label)
{
    tg_csv_field(o, set);
    tg_out_string(o, ",");
    tg_out_number(o, x);
    tg_out_string(o, ",");
    tg_out_number(o, y);
    tg_out_string(o, ",");
    if (!isnan(value)) tg_out_number(o, value);
    tg_out_string(o, ",");
    if (label) tg_csv_field(o, label);
    tg_out_string(o, "\n");
}

static void plane_csv(tg_out *o, const void *what)
{
    const tg_plane *p = what;
    char            number[24];
    tg_out_string(o, "set,x,y,value,label\n");
    for (int64_t i = 0; p->values && i < p->rows && !o->error; i++)
        for (int64_t j = 0; j < p->columns; j++) csv_row(o, "value", x_of(p, j), y_of(p, i), p->values[i * p->columns + j], NULL);
    for (int k = 0; k < p->n_points && !o->error; k++) {
        const tg_points *s = &p->points[k];
        snprintf(number, sizeof number, "%d", k);
        for (int64_t i = 0; i < s->n; i++) csv_row(o, s->name ? s->name : number, s->x[i], s->y[i], NAN, s->labels ? s->labels[i] : NULL);
    }
}

/* The values as a block of data that gnuplot reads both as an image and as a surface: a blank line behind each row. */
static void write_values(tg_out *o, const tg_plane *p)
{
    tg_out_string(o, "$v << EOD\n");
    for (int64_t i = 0; i < p->rows && !o->error; i++) {
        for (int64_t j = 0; j < p->columns; j++) {
            const double v = p->values[i * p->columns + j];
            tg_out_text(o, "%.9g %.9g ", x_of(p, j), y_of(p, i));
            if (isfinite(v)) tg_out_number(o, v);
            else tg_out_string(o, "NaN");
            tg_out_string(o, "\n");
        }
        tg_out_string(o, "\n");
    }
    tg_out_string(o, "EOD\n");
}

/* The contour lines are computed by gnuplot, into a block of their own. */
static void write_levels(tg_out *o, const tg_plane *p)
{
    tg_out_string(o, "set contour base\nunset surface\nset cntrparam levels discrete ");
    for (int i = 0; i < p->n_levels; i++) {
        if (i) tg_out_string(o, ", ");
        tg_out_number(o, p->levels[i]);
    }
    tg_out_string(o, "\nset table $c\nsplot $v using 1:2:3\nunset table\nset surface\nunset contour\n");
}

/* The smallest and largest finite value. */
static void range_of(const tg_plane *p, double *low, double *high)
{
    *low = INFINITY, *high = -INFINITY;
    for (int64_t i = 0; i < p->rows * p->columns; i++)
        if (isfinite(p->values[i])) *low = fmin(*low, p->values[i]), *high = fmax(*high, p->values[i]);
}

static void write_points(tg_out *o, const tg_points *s, int k)
{
    tg_out_text(o, "$p%d << EOD\n", k);
    for (int64_t i = 0; i < s->n && !o->error; i++) {
        if (!isfinite(s->x[i]) || !isfinite(s->y[i])) continue;
        tg_out_number(o, s->x[i]);
        tg_out_string(o, " ");
        tg_out_number(o, s->y[i]);
        tg_out_string(o, "\n");
    }
    tg_out_string(o, "EOD\n");
    for (int64_t i = 0; s->labels && i < s->n && !o->error; i++) {
        if (!s->labels[i] || !isfinite(s->x[i]) || !isfinite(s->y[i])) continue;
        tg_out_string(o, "set label ");
        tg_out_quoted(o, s->labels[i]);
        tg_out_text(o, " at %.9g,%.9g offset 0.6,0.5 left front font '" TG_PICTURE_FONT ",9' tc rgb '#333333'\n", s->x[i], s->y[i]);
    }
}

/* A set's points: on a heat map with a white rim. */
static void plot_points(tg_out *o, const tg_points *s, int k, bool rim)
{
    const char *colour = tg_picture_colours[k % TG_PICTURE_COLOURS];
    if (s->line) tg_out_text(o, "$p%d using 1:2 with lines lw 2.2 lc rgb '%s' notitle, $p%d using 1:2 every ::%lld", k, colour, k, (long long)(s->n - 1));
    else tg_out_text(o, "$p%d using 1:2", k);
    if (rim) {
        tg_out_text(o, " with points pt 7 ps 2 lc rgb 'white' notitle, $p%d using 1:2", k);
        if (s->line) tg_out_text(o, " every ::%lld", (long long)(s->n - 1));
    }
    tg_out_text(o, " with points pt 7 ps 1.3 lc rgb '%s' ", colour);
    if (s->name) {
        tg_out_string(o, "title ");
        tg_out_quoted(o, s->name);
    } else {
        tg_out_string(o, "notitle");
    }
}

static void write_range(tg_out *o, char axis, double low, double high)
{
    if (low == 0 && high == 0) return;
    tg_out_text(o, "set %crange [%.9g:%.9g]\n", axis, low, high);
}

static void plane_script(tg_out *o, const void *what)
{
    const tg_plane *p = what;
    bool            named = false;
    for (int k = 0; k < p->n_points; k++) {
        named |= p->points[k].name != NULL;
        write_points(o, &p->points[k], k);
    }
    tg_out_string(o, "set terminal pngcairo noenhanced size 900,760 font '" TG_PICTURE_FONT ",12' background rgb 'white'\n"
                     "set border lc rgb '#555555'\nset tics nomirror out scale 0.6 tc rgb '#333333'\n"
                     "set title font '" TG_PICTURE_FONT ",16' offset 0,0.3\n");
    tg_out_string(o, named ? "set key below center horizontal Left reverse samplen 1.5 spacing 1.3\n" : "unset key\n");
    tg_gnuplot_set(o, "title", p->title);
    tg_gnuplot_set(o, "xlabel", p->x_label);
    tg_gnuplot_set(o, "ylabel", p->y_label);
    if (p->equal) tg_out_string(o, "set size ratio -1\n");
    const char *before = "plot ";
    if (p->values) {
        double low = p->low, high = p->high;
        if (low == 0 && high == 0) range_of(p, &low, &high);
        write_values(o, p);
        if (p->n_levels > 0) write_levels(o, p);
        if (low < high) tg_out_text(o, "set cbrange [%.9g:%.9g]\n", low, high);
        tg_out_string(o, p->diverging ? "set palette defined (0 '#3b6fb5', 0.5 '#f7f7f7', 1 '#c94a53')\n"
                                      : "set palette defined (0 '#ffffff', 0.25 '#d3e3f2', 0.6 '#6fa3d3', 1 '#12467f')\n");
    } else {
        tg_out_string(o, "set grid lc rgb '#dddddd' lt 1 lw 1\n");
    }
    write_range(o, 'x', p->x_low, p->x_high);
    write_range(o, 'y', p->y_low, p->y_high);
    if (p->values) {
        tg_out_text(o, "%s$v using 1:2:3 with image notitle", before);
        before = ", ";
        if (p->n_levels > 0) tg_out_string(o, ", $c using 1:2 with lines lw 1 lc rgb '#555555' notitle");
    }
    for (int k = 0; k < p->n_points; k++) {
        if (p->points[k].n == 0) continue;
        tg_out_string(o, before);
        plot_points(o, &p->points[k], k, p->values != NULL);
        before = ", ";
    }
    tg_out_string(o, "\n");
}

/* What is wrong with the description; NULL: nothing. */
static const char *plane_mistake(const tg_plane *p)
{
    if (!isfinite(p->x_low) || !isfinite(p->x_high) || !isfinite(p->y_low) || !isfinite(p->y_high)) return "the limits of the axes are not finite";
    if (p->x_low > p->x_high || p->y_low > p->y_high) return "an axis must rise: low below high";
    if (p->n_points < 0 || p->n_points > MOST_SETS || p->n_levels < 0 || p->n_levels > MOST_LEVELS) return "there may be 0 to 32 sets of points and 0 to 32 levels";
    if (p->values && (p->rows < 2 || p->rows > MOST_ROWS || p->columns < 2 || p->columns > MOST_ROWS)) return "rows and columns of the values must be 2 to 1000";
    if (p->values && !(p->x_low < p->x_high && p->y_low < p->y_high)) return "with values x_low, x_high, y_low and y_high must be given";
    if (p->n_levels > 0 && !p->values) return "levels are of values, which are missing";
    int64_t points = 0;
    for (int k = 0; k < p->n_points; k++) {
        if (p->points[k].n < 0) return "a set has a negative number of points";
        points += p->points[k].n;
    }
    return p->values || points > 0 ? NULL : "there are no values and no points";
}

tg_status tg_plot_plane(tg_tape *tape, const char *path, const tg_plane *p, tg_picture *made)
{
    tg_picture_is(made, TG_PICTURE_NONE, "");
    TG_CALL(tape);
    if (!tape || !path || !p || (p->n_points > 0 && !p->points) || (p->n_levels > 0 && !p->levels))
        return tg_fail_on(tape, TG_ERR_NULL, __func__, "an argument is NULL");
    if (!tg_may(tape, TG_IN_FUNCTION, __func__)) return TG_ERR_ARG;
    const char *mistake = plane_mistake(p);
    if (mistake) return tg_fail_on(tape, TG_ERR_ARG, __func__, "%s", mistake);
    for (int k = 0; k < p->n_points; k++)
        if (p->points[k].n > 0 && (!p->points[k].x || !p->points[k].y))
            return tg_fail_on(tape, TG_ERR_NULL, __func__, "points %d have no x or no y", k);
    tg_picture_files f;
    tg_status        s = tg_name_picture(&f, tape, __func__, path, ".png", "csv");
    return s != TG_OK ? s : tg_make_picture(&f, plane_csv, plane_script, p, made);
}

/* ---- bars -------------------------------------------------------------------------------------------------------------- */

static const char *bar_name(const tg_bars *b, int64_t i, char number[24])
{
    if (b->names && b->names[i]) return b->names[i];
    snprintf(number, 24, "%lld", (long long)i);
    return number;
}

static void bars_csv(tg_out *o, const void *what)
{
    const tg_bars *b = what;
    char           number[24];
    tg_out_string(o, b->edges ? "from,to" : "name");
    for (int k = 0; k < b->n_series; k++) {
        tg_out_string(o, ",");
        tg_csv_field(o, b->series[k].name ? b->series[k].name : "y");
    }
    tg_out_string(o, "\n");
    for (int64_t i = 0; i < b->n && !o->error; i++) {
        if (b->edges) {
            tg_out_number(o, b->edges[i]);
            tg_out_string(o, ",");
            tg_out_number(o, b->edges[i + 1]);
        } else {
            tg_csv_field(o, bar_name(b, i, number));
        }
        for (int k = 0; k < b->n_series; k++) {
            tg_out_string(o, ",");
            tg_out_number(o, b->series[k].y[i]);
        }
        tg_out_string(o, "\n");
    }
}

/* A histogram's bars fill their bins, one series before the other, half transparent; bars with names stand side by side. */
static void bars_script(tg_out *o, const void *what)
{
    const tg_bars *b = what;
    char           number[24];
    bool           named = b->n_series > 1;
    tg_out_string(o, "$d << EOD\n");
    for (int64_t i = 0; i < b->n && !o->error; i++) {
        if (b->edges) tg_out_text(o, "%.9g %.9g", b->edges[i], b->edges[i + 1]);
        else tg_out_text(o, "%lld 0", (long long)i);
        for (int k = 0; k < b->n_series; k++) tg_out_text(o, " %.9g", isfinite(b->series[k].y[i]) ? b->series[k].y[i] : 0);
        tg_out_string(o, "\n");
    }
    tg_out_string(o, "EOD\nset terminal pngcairo noenhanced size 1000,600 font '" TG_PICTURE_FONT ",12' background rgb 'white'\n"
                     "set border 3 lc rgb '#555555'\nset tics nomirror out scale 0.6 tc rgb '#333333'\nset grid y lc rgb '#dddddd' lt 1 lw 1\n"
                     "set key below center horizontal Left reverse samplen 1.5 spacing 1.3\nset title font '" TG_PICTURE_FONT ",16' offset 0,0.3\n");
    for (int k = 0; k < b->n_series; k++) named |= b->series[k].name != NULL;
    if (!named) tg_out_string(o, "unset key\n");
    tg_gnuplot_set(o, "title", b->title);
    tg_gnuplot_set(o, "xlabel", b->x_label);
    tg_gnuplot_set(o, "ylabel", b->y_label);
    for (int64_t i = 0; !b->edges && i < b->n; i++) {
        tg_out_string(o, i ? "set xtics add (" : "set xtics (");
        tg_out_quoted(o, bar_name(b, i, number));
        tg_out_text(o, " %lld)\n", (long long)i);
    }
    tg_out_text(o, "set style fill %s noborder\n", b->edges && b->n_series > 1 ? "transparent solid 0.5" : "solid");
    if (!b->edges) tg_out_text(o, "set xrange [-0.6:%lld.6]\n", (long long)b->n - 1);
    tg_out_string(o, "set yrange [*<0:0<*]\n"); /* with 0: a bar's length says how much it is */
    const double width = 0.8 / b->n_series;
    for (int k = 0; k < b->n_series; k++) {
        tg_out_string(o, k ? ", " : "plot ");
        if (b->edges) tg_out_text(o, "$d using (($1+$2)/2):(0):1:2:(0):%d with boxxyerror", k + 3);
        else tg_out_text(o, "$d using ($1%+.9g):%d:(%.9g) with boxes", (k + 0.5) * width - 0.4, k + 3, width * 0.95);
        tg_out_text(o, " lc rgb '%s' title ", tg_picture_colours[k]);
        tg_out_quoted(o, b->series[k].name);
    }
    tg_out_string(o, "\n");
}

tg_status tg_plot_bars(tg_tape *tape, const char *path, const tg_bars *b, tg_picture *made)
{
    tg_picture_is(made, TG_PICTURE_NONE, "");
    TG_CALL(tape);
    if (!tape || !path || !b || !b->series) return tg_fail_on(tape, TG_ERR_NULL, __func__, "an argument is NULL");
    if (!tg_may(tape, TG_IN_FUNCTION, __func__)) return TG_ERR_ARG;
    if (b->n < 1 || b->n > MOST_BARS || b->n_series < 1 || b->n_series > MOST_BAR_SERIES)
        return tg_fail_on(tape, TG_ERR_ARG, __func__, "%lld bars of %d series; there may be 1 to %d bars of 1 to %d series", (long long)b->n, b->n_series,
                          MOST_BARS, MOST_BAR_SERIES);
    for (int k = 0; k < b->n_series; k++)
        if (!b->series[k].y) return tg_fail_on(tape, TG_ERR_NULL, __func__, "series %d has no values", k);
    for (int64_t i = 0; b->edges && i < b->n; i++)
        if (!(b->edges[i] < b->edges[i + 1])) return tg_fail_on(tape, TG_ERR_ARG, __func__, "the edges must rise; edge %lld does not", (long long)i + 1);
    tg_picture_files f;
    tg_status        s = tg_name_picture(&f, tape, __func__, path, ".png", "csv");
    return s != TG_OK ? s : tg_make_picture(&f, bars_csv, bars_script, b, made);
}
