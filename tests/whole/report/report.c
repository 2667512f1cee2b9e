/* report.c - makes a run's log of known numbers and a report of it in the directory that is its argument: two sessions, the second of which
 * replaces steps of the first; names and texts that HTML and JSON have to escape; NaN. Run by test_report.sh. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tapegrad_show.h>
#include <time.h>

static const char nasty[] = "</script><b>\"&\\ übung";

/* A log of hyper-parameters and no texts: the report has no section of texts. */
static int without_texts(const char *dir, const char *html)
{
    tg_tape    *t = tg_tape_new(NULL);
    tg_run_log *log = tg_run_log_open(t, dir, 0);
    tg_run_log_scalar(log, 0, "loss", 1);
    tg_run_log_hyper(log, (const char *const[]){"rate"}, (double[]){0.5}, 1);
    const int failed = tg_run_report(t, dir, html, NULL) != TG_OK || tg_error(t);
    tg_tape_free(t);
    return failed;
}

static int first_session(const char *dir)
{
    tg_tape    *t = tg_tape_new(NULL);
    tg_run_log *log = tg_run_log_open(t, dir, 0);
    for (int i = 0; i < 10; i++) tg_run_log_scalar(log, i, "loss/train", 100 + i); /* what comes from 5 on is replaced */
    const int failed = tg_error(t) != NULL;
    tg_tape_free(t);
    return failed;
}

/* As many tags as parameters of large models have: a report of them takes seconds, not the square of that. */
static int many_tags(const char *dir)
{
    char        log_dir[500], html[500], tag[40];
    tg_tape    *t = tg_tape_new(NULL);
    snprintf(log_dir, sizeof log_dir, "%s/many", dir);
    snprintf(html, sizeof html, "%s/many.html", dir);
    tg_run_log *log = tg_run_log_open(t, log_dir, 0);
    for (int i = 0; i < 100000; i++) {
        snprintf(tag, sizeof tag, "layer%d/%d", i / 10, i % 10);
        tg_run_log_scalar(log, 1, tag, i);
    }
    tg_tensor *y = tg_zeros(t, TG_SHAPE(2)); /* Graphviz would take minutes for this graph: it is told as text */
    for (int i = 0; i < 2000; i++) y = tg_add(tg_mul(y, y), y);
    const clock_t began = clock();
    const int     failed = tg_run_report(t, log_dir, html, &(tg_report_options){.graph = &y, .n_graph = 1}) != TG_OK || clock() - began > 30 * CLOCKS_PER_SEC;
    tg_tape_free(t);
    return failed;
}

int main(int argc, char **argv)
{
    char dir[500], html[500];
    if (argc != 2) return 2;
    snprintf(dir, sizeof dir, "%s/log", argv[1]);
    snprintf(html, sizeof html, "%s/report.html", argv[1]);
    if (first_session(dir) || many_tags(argv[1])) return 1;
    char plain[500], plain_html[500];
    snprintf(plain, sizeof plain, "%s/plain", argv[1]);
    snprintf(plain_html, sizeof plain_html, "%s/plain.html", argv[1]);
    if (without_texts(plain, plain_html)) return 1;

    tg_tape    *t = tg_tape_new(&(tg_tape_options){.seed = 1});
    tg_run_log *log = tg_run_log_open(t, dir, 5);
    tg_tensor  *w = tg_param(t, "layer.weight", tg_ones(t, TG_SHAPE(3, 4)));
    for (int i = 5; i < 20; i++) {
        tg_run_log_scalar(log, i, "loss/train", i == 7 ? (double)NAN : 1. / i);
        if (i % 5 == 0) tg_run_log_scalar(log, i, "loss/test", 2. / i), tg_run_log_params(log, i, NULL, false);
        tg_run_log_scalar(log, i, nasty, -i);
    }
    for (int i = 0; i < 5000; i++) tg_run_log_scalar(log, i, "long", i);
    for (int i = 0; i < 3; i++) tg_run_log_scalar(log, (INT64_C(1) << 60) + 256 * i, "far", i); /* where k + 1 is k in a double */
    tg_run_log_text(log, 0, "note", nasty);
    tg_run_log_hyper(log, (const char *const[]){"rate", nasty}, (double[]){0.125, 2}, 2);
    tg_run_log_image(log, 3, "picture", tg_rand(t, TG_SHAPE(3, 5, 7)));

    tg_confusion *c = tg_confusion_new(t, 3);
    const int64_t is[] = {0, 1, 2, 2, 2}, taken[] = {0, 1, 1, 1, 2};
    tg_confusion_add(c, tg_from_i64(t, TG_SHAPE(5), taken), tg_from_i64(t, TG_SHAPE(5), is));
    const unsigned char      pixels[2][6] = {{0, 50, 100, 150, 200, 255}, {1, 2, 3, 4, 5, 6}};
    const char *const        captions[] = {nasty, NULL}, *const classes[] = {"zero", nasty, NULL};
    tg_tensor               *y = tg_mean_all(tg_square(w));
    const tg_report_options  o = {.title = nasty, .graph = &y, .n_graph = 1, .confusion = c, .class_names = classes,
                                  .examples = &(tg_images){.dtype = TG_U8, .pixels = pixels, .n = 2, .height = 2, .width = 3, .captions = captions}};
    int failed = tg_run_report(t, dir, html, &o) != TG_OK || tg_run_report(t, dir, html, &o) != TG_OK || tg_error(t);

    /* Wrong calls leave the page as it is, with a sentence each. */
    tg_set_error_handler(t, NULL, NULL);
    tg_images wrong = *o.examples;
    wrong.n = 0;
    const tg_report_options bad[] = {{.n_graph = -1}, {.examples = &wrong}};
    for (int i = 0; i < 4; i++) {
        const tg_status s = i < 2 ? tg_run_report(t, dir, html, &bad[i]) : tg_run_report(t, i == 2 ? "/no/such/log" : dir, i == 2 ? html : "/no/such/dir/x.html", NULL);
        if (s == TG_OK || !tg_error(t) || strncmp(tg_error(t), "tg_run_report: ", 15)) printf("wrong call %d: %s\n", i, tg_error(t) ? tg_error(t) : "no sentence"), failed = 1;
        tg_clear_error(t);
    }
    tg_tape_free(t);
    return failed;
}
