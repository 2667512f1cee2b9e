/* tapegrad_show.h - watching a training: a progress bar in the terminal, and pictures (curves, images, matrices) as PNG.
 *
 * Pictures are drawn by gnuplot, started as a program. Where it is not installed nothing fails: the numbers are written as CSV, images as
 * PGM, and tg_picture says so. Decimal points are points in every locale.
 */
#ifndef TAPEGRAD_SHOW_H
#define TAPEGRAD_SHOW_H

#include <tapegrad.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- progress ------------------------------------------------------------------------------------------------------
 *
 *   tg_progress bar;
 *   tg_progress_start(&bar, "epoch 1", tg_loader_batches(data));
 *   while (tg_next(data, &x, &y)) {
 *       …
 *       tg_progress_update(&bar, tg_dim(y, 0), tg_item(loss), tg_item(accuracy));
 *   }
 *   tg_progress_finish(&bar);
 *
 * On a terminal: label, bar, batches, mean loss and accuracy so far, samples per second and the time left, on stderr, redrawn at most
 * ten times a second. Where stderr is something else, such as a file: whole lines, one at the end and one for each minute before it.
 *
 * Bars nest, epochs around batches:
 *
 *   tg_progress all, bar;
 *   tg_progress_start(&all, "epoch", epochs);
 *   for (int i = 0; i < epochs; i++) {
 *       tg_progress_start_within(&bar, &all, NULL, tg_loader_batches(data));
 *       …
 *       tg_progress_finish(&bar);
 *   }
 *   tg_progress_finish(&all);
 *
 * The inner one's line begins with the outer one's label and place, "epoch 3/10", and tells the time left of both; the outer one has a line at the end. */

typedef struct tg_progress {
    const char *label;         /* the caller's; has to stay until tg_progress_finish */
    int64_t     done, total;   /* batches */
    int64_t     samples;       /* so far */
    double      loss;          /* the mean per sample so far; NaN before the first batch */
    double      accuracy;      /* likewise; NaN when it was never given */
    double      seconds;       /* since the start, as of the last update */
    double      started, drawn;  /* inner state from here: clock readings in seconds */
    double      loss_sum, accuracy_sum;
    int64_t     accuracy_samples;
    bool        terminal;
    struct tg_progress *outer; /* NULL: there is none */
} tg_progress;

/* label: one line of text or NULL, of which 60 bytes are shown, control characters as '?'. batches: how many updates are expected, 0 when
 * that is not known. */
TG_API void tg_progress_start(tg_progress *p, const char *label, int64_t batches);

/* The same of a bar within another, which has to stay until tg_progress_finish, and which that takes one step further: with as many samples, and the loss
 * and accuracy of this one. outer NULL: there is none. */
TG_API void tg_progress_start_within(tg_progress *p, tg_progress *outer, const char *label, int64_t batches);

/* One batch more, of this many samples, with its mean loss and its accuracy between 0 and 1. accuracy NaN: not measured. */
TG_API void tg_progress_update(tg_progress *p, int64_t samples, double loss, double accuracy);

/* Ends the line. */
TG_API void tg_progress_finish(tg_progress *p);

/* ---- what a model consists of --------------------------------------------------------------------------------------- */

/* A table of the tape's parameters and buffers whose names match a pattern (as for tg_params_matching; NULL: all), in the order they were made: name,
 * shape, dtype, elements, bytes, whether it is trained ("yes", "frozen", "buffer"), and the 2-norm of its gradient, "-" where it has none;
 * below it the sums of elements and bytes. Gradients that have no value yet are computed. tg_summary writes it to stdout; tg_summary_format
 * into buf, always terminated where size is not 0, and returns its length, as snprintf does; -1 after an error. */
TG_API tg_status tg_summary(tg_tape *tape, const char *pattern);
TG_API int       tg_summary_format(tg_tape *tape, const char *pattern, char *buf, size_t size);

/* ---- pictures ------------------------------------------------------------------------------------------------------
 * path: where to, with or without ".png". Errors: TG_ERR_NULL, TG_ERR_ARG for a path that is too long or counts out of range,
 * TG_ERR_IO when a file cannot be written. */

typedef enum tg_picture_kind {
    TG_PICTURE_NONE = 0,
    TG_PICTURE_PNG,
    TG_PICTURE_CSV, /* gnuplot is not there, or refused: the numbers only */
    TG_PICTURE_PGM, /* the same for images: grey, without captions */
    TG_PICTURE_SVG,
    TG_PICTURE_DOT, /* of a graph, where Graphviz is not there */
} tg_picture_kind;

/* What was made. */
typedef struct tg_picture {
    tg_picture_kind kind;
    char            path[1024];
} tg_picture;

typedef struct tg_series {
    const char   *name;  /* for the legend and the CSV's head */
    const double *y;     /* n values; NaN: no point there */
    bool          lower; /* in a second panel below, over the same x */
} tg_series;

typedef struct tg_curves {
    const char      *title, *x_label, *y_label, *lower_label; /* NULL: none */
    const double    *x; /* n positions; NULL: 1, 2, … n */
    int64_t          n;
    const tg_series *series;
    int              n_series; /* 1 … 64 */
    bool             log_y;    /* the upper panel's y axis is logarithmic */
} tg_curves;

/* Curves over a shared x: <path>.png, and always <path>.csv with the same numbers. made may be NULL. */
TG_API tg_status tg_plot_curves(tg_tape *tape, const char *path, const tg_curves *curves, tg_picture *made);

/* Points of the plane: marks, or a line through them in their order. */
typedef struct tg_points {
    const char        *name; /* for the legend; NULL: not in it */
    const double      *x, *y;
    int64_t            n;
    bool               line;   /* a path; its last point is marked */
    const char *const *labels; /* n texts beside the points; NULL: none */
} tg_points;

/* A piece of the plane: a heat map of a function's values, contour lines, and points and paths over it; each may be missing. */
typedef struct tg_plane {
    const char      *title, *x_label, *y_label;
    double           x_low, x_high, y_low, y_high; /* what is shown; both 0: what the points need. With values they must be given */
    const double    *values;        /* [rows, columns], at evenly spaced places, both ends included: row 0 at y_low, column 0 at x_low */
    int64_t          rows, columns; /* 2 … 1,000 */
    double           low, high;     /* the values at the ends of the colours; both 0: smallest and largest */
    bool             diverging;     /* blue over white to red instead of white to blue: white is the middle of low and high */
    const double    *levels;        /* contour lines of the values at these */
    int              n_levels;      /* 0 … 32 */
    const tg_points *points;
    int              n_points; /* 0 … 32 sets */
    bool             equal;    /* the same scale on both axes */
} tg_plane;

/* <path>.png, and always <path>.csv with the columns set, x, y, value, label: the values under the name "value", then each set of points. */
TG_API tg_status tg_plot_plane(tg_tape *tape, const char *path, const tg_plane *plane, tg_picture *made);

/* Bars side by side, from 0: a histogram, or figures with names. */
typedef struct tg_bars {
    const char        *title, *x_label, *y_label;
    int64_t            n;     /* 1 … 1,000 bars of each series */
    const double      *edges; /* n + 1 of a histogram's, rising; NULL: bars with names */
    const char *const *names; /* n, for bars without edges; NULL: 0, 1, … */
    const tg_series   *series; /* .lower is not looked at */
    int                n_series; /* 1 … 8 */
} tg_bars;

/* <path>.png, and always <path>.csv with the same numbers. */
TG_API tg_status tg_plot_bars(tg_tape *tape, const char *path, const tg_bars *bars, tg_picture *made);

typedef struct tg_images {
    const char        *title;
    tg_dtype           dtype;   /* TG_U8 or TG_F32 */
    const void        *pixels;  /* [n, height, width], row-major */
    int64_t            n, height, width; /* n up to 10,000; sizes up to 4,096 */
    const char *const *captions; /* n of them, below the images; NULL: none; entries may be NULL */
    int64_t            columns;  /* 0: about a square */
    int64_t            zoom;     /* screen pixels per pixel; 0: so that an image is about 90 wide */
    double             low, high; /* values that are black and white; both 0: 0 and 255 of u8, smallest and largest of f32 */
    bool               invert;   /* dark on light */
} tg_images;

/* A grid of grey images: <path>.png, without gnuplot <path>.pgm. */
TG_API tg_status tg_plot_images(tg_tape *tape, const char *path, const tg_images *images, tg_picture *made);

typedef struct tg_matrix {
    const char        *title, *x_label, *y_label;
    const double      *values; /* [rows, columns] */
    int64_t            rows, columns; /* 1 … 64 */
    const char *const *row_names, *const *column_names; /* NULL: 0, 1, … */
} tg_matrix;

/* A heat map with the numbers in it, such as a confusion matrix: <path>.png, and always <path>.csv. The shade grows with the square
 * root of the value's share of the largest, so that rare confusions show. */
TG_API tg_status tg_plot_matrix(tg_tape *tape, const char *path, const tg_matrix *matrix, tg_picture *made);

/* ---- the recorded graph ------------------------------------------------------------------------------------------------
 * What n >= 1 tensors of a tape are computed from, as it is recorded; nothing is computed. tg_plan_print shows how it would be computed, fused. */

/* A line for each node, inputs before what reads them, and the tensors at the end:
 *
 *     w: parameter  float32 [2,8], requires grad
 *     %1: data  float32 [4,2]
 *     %2 = matmul(%1, w)  float32 [4,8], requires grad
 *     gives %2
 *
 * Constants stand where they are read. tg_graph_format writes into buf, always terminated where size is not 0, and returns the length of the whole
 * text, as snprintf does; -1 after an error. tg_graph_print writes to stdout. */
TG_API int       tg_graph_format(tg_tensor *const *t, int n, char *buf, size_t size);
TG_API tg_status tg_graph_print(tg_tensor *const *t, int n);

typedef struct tg_graph_options {
    const char *title;
    bool        gradients; /* with the gradients by all leaves that require them; t are losses. What they need is recorded, as by tg_grad, and not computed */
    bool        png;       /* instead of SVG */
} tg_graph_options;

/* <path>.dot, always, and <path>.svg where Graphviz's program dot is there: ops as boxes, leaves as ellipses, shapes on the edges, parameters and the ops that
 * read them within the boxes of their scopes of names ("encoder.0.weight" in box 0 of box encoder). options may be NULL. TG_ERR_GRAD: gradients of what is no number
 * that requires them. */
TG_API tg_status tg_graph_draw(const char *path, tg_tensor *const *t, int n, const tg_graph_options *options, tg_picture *made);

/* ---- a run's report ----------------------------------------------------------------------------------------------------- */

typedef struct tg_report_options {
    const char          *title;       /* NULL: the directory */
    tg_tensor *const    *graph;       /* tensors of the recording, such as the loss, whose graph, drawn up to 1,000 nodes, and fused plan are shown */
    int                  n_graph;
    const tg_confusion  *confusion;
    const char *const   *class_names; /* of each class; NULL: numbers */
    const tg_images     *examples;    /* such as those that were misread, each with its caption */
} tg_report_options;

/* Writes one HTML file that needs nothing else, no network either: the scalars of a run's log (run_log.h) as curves, "loss/train" and "loss/test" in one chart, with a cursor for
 * pointer and arrow keys, a logarithmic axis and the numbers as a table; histograms over time, pictures, texts and hyper-parameters of the log; the table of parameters
 * (tg_summary); what options give; command and machine. For wide and narrow windows, light and dark. The log may be open for writing: call it after each epoch and look at the page
 * meanwhile. The file is complete or the old one stays. options may be NULL. Errors as of tg_run_log_csv; TG_ERR_ARG for a number that is out of range. */
TG_API tg_status tg_run_report(tg_tape *tape, const char *directory, const char *path, const tg_report_options *options);

#ifdef __cplusplus
}
#endif
#endif
