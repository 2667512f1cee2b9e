/* plot.c - curves and matrices as PNG through gnuplot, with CSV beside. */
#include "graph/graph.h"
#include "show/picture.h"

#include <math.h>
#include <stdio.h>

enum { MAX_SERIES = 64, MAX_POINTS_WITH_MARKS = 40, MAX_MATRIX = 64 };

/* ---- curves ------------------------------------------------------------------------------------------------------- */

static double x_at(const tg_curves *c, int64_t i) { return c->x ? c->x[i] : (double)(i + 1); }

static void curves_csv(tg_out *o, const void *what)
{
    const tg_curves *c = what;
    tg_csv_field(o, c->x_label ? c->x_label : "x");
    for (int k = 0; k < c->n_series; k++) {
        tg_out_string(o, ",");
        tg_csv_field(o, c->series[k].name ? c->series[k].name : "y");
    }
    tg_out_string(o, "\n");
    for (int64_t i = 0; i < c->n && !o->error; i++) {
        tg_out_number(o, x_at(c, i));
        for (int k = 0; k < c->n_series; k++) {
            tg_out_string(o, ",");
            tg_out_number(o, c->series[k].y[i]);
        }
        tg_out_string(o, "\n");
    }
}

/* One data block per curve, without the missing points, so that lines go on across them. */
static void curve_data(tg_out *o, const tg_curves *c, int k)
{
    int64_t points = 0;
    tg_out_text(o, "$d%d << EOD\n", k);
    for (int64_t i = 0; i < c->n && !o->error; i++) {
        double x = x_at(c, i), y = c->series[k].y[i];
        if (!isfinite(x) || !isfinite(y)) continue;
        points++;
        tg_out_number(o, x);
        tg_out_string(o, " ");
        tg_out_number(o, y);
        tg_out_string(o, "\n");
    }
    tg_out_text(o, "EOD\nm%d = %d\n", k, points <= MAX_POINTS_WITH_MARKS);
}

/* One panel's axes and curves. The two panels of a picture have the same margins, so that their x axes lie above each other. */
static void panel(tg_out *o, const tg_curves *c, bool lower, const char *x_label, const char *y_label)
{
    tg_gnuplot_set(o, "ylabel", y_label ? y_label : "");
    tg_gnuplot_set(o, "xlabel", x_label ? x_label : "");
    tg_out_string(o, c->log_y && !lower ? "set logscale y\nset grid mytics lc rgb '#eeeeee' lt 1 lw 1\n" : "unset logscale y\n");
    const char *before = "plot ";
    for (int k = 0; k < c->n_series; k++) {
        if (c->series[k].lower != lower) continue;
        tg_out_text(o, "%s$d%d using 1:2 with linespoints ls %d title ", before, k, k + 1);
        tg_out_quoted(o, c->series[k].name);
        before = ", ";
    }
    tg_out_string(o, "\n");
}

/* Where x counts whole things, such as epochs, tics are at whole numbers. */
static bool counts(const tg_curves *c)
{
    for (int64_t i = 0; i < c->n; i++)
        if (x_at(c, i) != rint(x_at(c, i))) return false;
    return c->n > 0 && x_at(c, c->n - 1) - x_at(c, 0) <= 12;
}

static void curves_script(tg_out *o, const void *what)
{
    const tg_curves *c = what;
    bool             upper = false, lower = false, named = c->n_series > 1;
    for (int k = 0; k < c->n_series; k++) {
        upper |= !c->series[k].lower;
        lower |= c->series[k].lower;
        named |= c->series[k].name != NULL;
        curve_data(o, c, k);
    }
    tg_out_text(o, "set terminal pngcairo noenhanced size 1000,%d font '" TG_PICTURE_FONT ",12' background rgb 'white'\n", upper && lower ? 900 : 600);
    tg_out_string(o, "set border 3 lc rgb '#555555'\nset tics nomirror out scale 0.6 tc rgb '#333333'\n"
                     "set grid lc rgb '#dddddd' lt 1 lw 1\nset style data lines\nset lmargin 11\n"
                     "set key below center horizontal Left reverse samplen 2.5 spacing 1.3\n"
                     "set autoscale xfix\nset offsets graph 0.01, graph 0.01, 0, 0\n");
    if (!named) tg_out_string(o, "unset key\n");
    if (counts(c)) tg_out_string(o, "set xtics 1\n");
    for (int k = 0; k < c->n_series; k++) {
        tg_out_text(o, "set style line %d lw 2.2 pt 7 ps (m%d ? 0.9 : 0) lc rgb '%s'\n", k + 1, k, tg_picture_colours[k % TG_PICTURE_COLOURS]);
    }
    if (upper && lower) tg_out_string(o, "set multiplot layout 2,1\n");
    tg_out_string(o, "set title font '" TG_PICTURE_FONT ",16' offset 0,0.3\n");
    tg_gnuplot_set(o, "title", c->title);
    if (upper) panel(o, c, false, lower ? NULL : c->x_label, c->y_label);
    if (upper && lower) tg_out_string(o, "unset title\n");
    if (lower) panel(o, c, true, c->x_label, c->lower_label);
    if (upper && lower) tg_out_string(o, "unset multiplot\n");
}

tg_status tg_plot_curves(tg_tape *tape, const char *path, const tg_curves *c, tg_picture *made)
{
    tg_picture_is(made, TG_PICTURE_NONE, "");
    TG_CALL(tape);
    if (!tape || !path || !c || !c->series) return tg_fail_on(tape, TG_ERR_NULL, __func__, "an argument is NULL");
    if (!tg_may(tape, TG_IN_FUNCTION, __func__)) return TG_ERR_ARG;
    if (c->n < 0 || c->n_series < 1 || c->n_series > MAX_SERIES)
        return tg_fail_on(tape, TG_ERR_ARG, __func__, "%lld points of %d series; the limit is %d series", (long long)c->n,
                          c->n_series, MAX_SERIES);
    for (int k = 0; k < c->n_series; k++)
        if (!c->series[k].y && c->n > 0)
            return tg_fail_on(tape, TG_ERR_NULL, __func__, "series %d has no values", k);
    tg_picture_files f;
    tg_status s = tg_name_picture(&f, tape, __func__, path, ".png", "csv");
    return s != TG_OK ? s : tg_make_picture(&f, curves_csv, curves_script, c, made);
}

/* ---- matrices ----------------------------------------------------------------------------------------------------- */

/* A row's or column's name: the caller's, or its number. */
static const char *name_of(const char *const *names, int64_t i, char number_text[24])
{
    if (names && names[i]) return names[i];
    snprintf(number_text, 24, "%lld", (long long)i);
    return number_text;
}

static void matrix_csv(tg_out *o, const void *what)
{
    const tg_matrix *m = what;
    char             text[24];
    for (int64_t j = 0; j < m->columns; j++) {
        tg_out_string(o, ",");
        tg_csv_field(o, name_of(m->column_names, j, text));
    }
    tg_out_string(o, "\n");
    for (int64_t i = 0; i < m->rows; i++) {
        tg_csv_field(o, name_of(m->row_names, i, text));
        for (int64_t j = 0; j < m->columns; j++) {
            tg_out_string(o, ",");
            tg_out_number(o, m->values[i * m->columns + j]);
        }
        tg_out_string(o, "\n");
    }
}

static double largest(const tg_matrix *m)
{
    double most = 0;
    for (int64_t i = 0; i < m->rows * m->columns; i++)
        if (isfinite(m->values[i])) most = fmax(most, fabs(m->values[i]));
    return most;
}

static void matrix_names(tg_out *o, const char *axis, const char *const *names, int64_t n)
{
    char text[24];
    tg_out_text(o, "set %s (", axis);
    for (int64_t i = 0; i < n; i++) {
        if (i) tg_out_string(o, ", ");
        tg_out_quoted(o, name_of(names, i, text));
        tg_out_text(o, " %lld", (long long)i);
    }
    tg_out_string(o, ")\n");
}

static void matrix_script(tg_out *o, const void *what)
{
    const tg_matrix *m = what;
    double           most = largest(m);
    long long        w = 46 * (long long)m->columns + 160, h = 38 * (long long)m->rows + 130;
    tg_out_text(o, "set terminal pngcairo noenhanced size %lld,%lld font '" TG_PICTURE_FONT ",11' background rgb 'white'\n", w, h);
    tg_out_text(o, "set xrange [-0.5:%lld.5]\nset yrange [%lld.5:-0.5]\n", (long long)m->columns - 1, (long long)m->rows - 1);
    tg_out_string(o, "unset key\nunset colorbox\nset border lc rgb '#999999'\n"
                     "set tics scale 0 nomirror tc rgb '#333333'\nset cbrange [0:1]\n"
                     "set palette defined (0 '#ffffff', 0.25 '#d3e3f2', 0.6 '#6fa3d3', 1 '#12467f')\nset title font '" TG_PICTURE_FONT ",14'\n");
    tg_gnuplot_set(o, "title", m->title);
    tg_gnuplot_set(o, "xlabel", m->x_label);
    tg_gnuplot_set(o, "ylabel", m->y_label);
    matrix_names(o, "xtics", m->column_names, m->columns);
    matrix_names(o, "ytics", m->row_names, m->rows);
    tg_out_string(o, "$d << EOD\n");
    for (int64_t i = 0; i < m->rows; i++)
        for (int64_t j = 0; j < m->columns; j++) {
            double v = m->values[i * m->columns + j];
            tg_out_text(o, "%lld %lld %.9g\n", (long long)j, (long long)i,
                        isfinite(v) && most > 0 ? sqrt(fabs(v) / most) : 0.0);
        }
    tg_out_string(o, "EOD\n");
    for (int64_t i = 0; i < m->rows; i++)
        for (int64_t j = 0; j < m->columns; j++) {
            double v = m->values[i * m->columns + j], shade = most > 0 ? sqrt(fabs(v) / most) : 0;
            tg_out_text(o, "set label '%.4g' at %lld,%lld center front tc rgb '%s'\n", v, (long long)j, (long long)i,
                        v == 0 ? "#bbbbbb" : shade > 0.55 ? "#ffffff" : "#222222");
        }
    tg_out_string(o, "plot $d using 1:2:3 with image pixels\n");
}

tg_status tg_plot_matrix(tg_tape *tape, const char *path, const tg_matrix *m, tg_picture *made)
{
    tg_picture_is(made, TG_PICTURE_NONE, "");
    TG_CALL(tape);
    if (!tape || !path || !m || !m->values) return tg_fail_on(tape, TG_ERR_NULL, __func__, "an argument is NULL");
    if (!tg_may(tape, TG_IN_FUNCTION, __func__)) return TG_ERR_ARG;
    if (m->rows < 1 || m->rows > MAX_MATRIX || m->columns < 1 || m->columns > MAX_MATRIX)
        return tg_fail_on(tape, TG_ERR_ARG, __func__, "a matrix of %lld by %lld; both must be 1 to %d", (long long)m->rows,
                          (long long)m->columns, MAX_MATRIX);
    tg_picture_files f;
    tg_status s = tg_name_picture(&f, tape, __func__, path, ".png", "csv");
    return s != TG_OK ? s : tg_make_picture(&f, matrix_csv, matrix_script, m, made);
}
