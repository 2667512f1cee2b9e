/* report.c - a run's report: one HTML file that needs nothing else. */
#define _GNU_SOURCE
#include <tapegrad_show.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "io/atomic_file.h"
#include "io/input_file.h"
#include "io/png.h"
#include "show/graph_view.h"
#include "show/page.h"
#include "show/picture.h"
#include "show/report_log.h"

/* What a report is made of. */
typedef struct report {
    tg_tape                 *tape;
    const char              *function, *directory, *path;
    const tg_report_options *options;
    tg_report_log            log;
    tg_wire                  page;
} report;

static void put_term(report *r, const char *term, const char *text, size_t n)
{
    tg_page_put(&r->page, "<dt>");
    tg_page_put(&r->page, term);
    tg_page_put(&r->page, "</dt><dd>");
    tg_page_text(&r->page, text, n);
    tg_page_put(&r->page, "</dd>\n");
}

/* ---- where it ran ------------------------------------------------------------------------------------------------------ */

/* The beginning of a small file of the system's; its length. */
static size_t read_system(const char *path, char *to, size_t size)
{
    FILE *f = fopen(path, "rbe");
    if (!f) return 0;
    const size_t n = fread(to, 1, size - 1, f);
    fclose(f);
    to[n] = 0;
    return n;
}

static void put_command(report *r)
{
    char   text[4096];
    size_t n = read_system("/proc/self/cmdline", text, sizeof text);
    while (n && !text[n - 1]) n--;
    for (size_t i = 0; i < n; i++)
        if (!text[i]) text[i] = ' ';
    if (n) put_term(r, "command", text, n);
}

static void put_machine(report *r)
{
    char           info[8192], text[400];
    struct utsname system;
    const char    *cpu = read_system("/proc/cpuinfo", info, sizeof info) ? strstr(info, "model name") : NULL;
    const char    *name = cpu ? strchr(cpu, ':') : NULL;
    if (uname(&system) != 0) return;
    const int n = snprintf(text, sizeof text, "%.*s%s%ld processors, %s %s %s", name ? (int)strcspn(name + 1, "\n") : 0, name ? name + 1 : "", name ? ", " : "",
                           sysconf(_SC_NPROCESSORS_ONLN), system.sysname, system.release, system.machine);
    put_term(r, "machine", text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

static void put_head(report *r)
{
    const char *title = r->options->title ? r->options->title : r->directory;
    char        when[64];
    struct tm   parts;
    time_t      now = time(NULL);
    tg_page_put(&r->page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    tg_page_text(&r->page, title, strlen(title));
    tg_page_put(&r->page, "</title>\n<style>\n");
    tg_page_style(&r->page);
    tg_page_put(&r->page, "</style>\n</head>\n<body>\n<header>\n<h1>");
    tg_page_text(&r->page, title, strlen(title));
    tg_page_put(&r->page, "</h1>\n<dl>\n");
    if (gmtime_r(&now, &parts) && strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &parts)) put_term(r, "written", when, strlen(when));
    put_command(r);
    put_machine(r);
    tg_wire library = {.tape = r->tape};
    tg_page_put(&library, "tapegrad " TG_VERSION ", evaluator ");
    tg_page_put(&library, tg_stats(r->tape).evaluator);
    if (!library.failed) put_term(r, "library", library.bytes, library.n);
    tg_wire_free(&library);
    tg_report_hyper(&r->page, &r->log);
    tg_page_put(&r->page, "</dl>\n");
}

/* ---- sections ------------------------------------------------------------------------------------------------------------- */

/* The sections that a report can have, in their order; which it has is asked twice, for the list of links and for the sections. */
typedef enum section { CURVES, CONFUSION, EXAMPLES, HISTOGRAMS, PICTURES, GRAPH, PLAN, PARAMETERS, TEXTS, SECTIONS } section;

static const char *const ids[SECTIONS] = {"curves", "confusion", "examples", "histograms", "pictures", "graph", "plan", "parameters", "texts"};
static const char *const names[SECTIONS] = {"Curves", "Confusion matrix", "Examples", "Histograms over time", "Pictures", "Recorded graph", "Fused plan", "Parameters", "Texts"};

static bool has(const report *r, section s)
{
    const tg_report_options *o = r->options;
    switch (s) {
    case CURVES: return tg_report_has(&r->log, TG_VALUE_NUMBER);
    case CONFUSION: return o->confusion != NULL;
    case EXAMPLES: return o->examples != NULL;
    case HISTOGRAMS: return tg_report_has(&r->log, TG_VALUE_HISTOGRAM);
    case PICTURES: return tg_report_has(&r->log, TG_VALUE_IMAGE);
    case GRAPH: return o->n_graph > 0;
    case PLAN: return o->n_graph > 0 && !strcmp(tg_stats(r->tape).evaluator, "fused");
    case PARAMETERS: return tg_param_count(r->tape) > 0;
    default: return tg_report_has_texts(&r->log);
    }
}

/* A text of the library's own functions, which tell its length first. */
typedef int (*format_fn)(const report *r, char *buf, size_t size);

static int format_plan(const report *r, char *buf, size_t size) { return tg_plan_format(r->tape, r->options->graph, r->options->n_graph, buf, size); }
static int format_graph(const report *r, char *buf, size_t size) { return tg_graph_format(r->options->graph, r->options->n_graph, buf, size); }
static int format_parameters(const report *r, char *buf, size_t size) { return tg_summary_format(r->tape, NULL, buf, size); }

static tg_status put_formatted(report *r, format_fn format)
{
    const int n = format(r, NULL, 0);
    if (n < 0) return tg_failure(r->tape, TG_ERR_ARG);
    char *text = tg_tape_alloc(r->tape, (size_t)n + 1);
    if (!text) return TG_ERR_MEMORY;
    format(r, text, (size_t)n + 1);
    tg_page_put(&r->page, "<pre tabindex=\"0\">");
    tg_page_text(&r->page, text, (size_t)n);
    tg_page_put(&r->page, "</pre>\n");
    tg_tape_free_bytes(r->tape, text, (size_t)n + 1);
    return TG_OK;
}

/* How many nodes the graph has; Graphviz takes more than seconds for large ones. */
enum { MOST_DRAWN = 1000 };
static tg_status count_nodes(const report *r, size_t *n)
{
    tg_graph_view   v;
    const tg_status s = tg_graph_view_make(&v, r->options->graph, r->options->n_graph);
    *n = v.n;
    tg_graph_view_free(&v);
    return s;
}

/* Graphviz's picture, which is drawn beside the report and taken into it; *drawn false: it is not there. */
static tg_status put_svg(report *r, bool *drawn)
{
    tg_picture    made;
    char          path[sizeof made.path];
    tg_input_file f = {.tape = r->tape, .function = r->function, .fd = -1};
    size_t        nodes;
    tg_status     s = count_nodes(r, &nodes);
    *drawn = false;
    if (s != TG_OK || nodes > MOST_DRAWN) return s;
    if (snprintf(path, sizeof path, "%s.graph", r->path) >= (int)sizeof path - 8) return TG_OK;
    s = tg_graph_draw(path, r->options->graph, r->options->n_graph, NULL, &made);
    if (s != TG_OK || made.kind != TG_PICTURE_SVG) return s;
    tg_path_text(made.path, f.path);
    s = tg_input_open(&f, made.path);
    size_t got = 0;
    char  *text = s == TG_OK ? tg_tape_alloc(r->tape, (size_t)f.size + 1) : NULL;
    if (text) s = tg_input_read(&f, text, (size_t)f.size, &got);
    else if (s == TG_OK) s = TG_ERR_MEMORY;
    const char *svg = text ? strstr(text, "<svg") : NULL;
    if (svg && s == TG_OK) {
        *drawn = true;
        tg_page_put(&r->page, "<div class=\"graph\" tabindex=\"0\">");
        tg_page_put(&r->page, svg);
        tg_page_put(&r->page, "</div>\n");
    }
    if (text) tg_tape_free_bytes(r->tape, text, (size_t)f.size + 1);
    tg_input_close(&f);
    unlink(made.path);
    return s;
}

static tg_status put_graph(report *r)
{
    bool      drawn;
    char      dot[sizeof ((tg_picture *)0)->path];
    tg_status s = put_svg(r, &drawn);
    if (snprintf(dot, sizeof dot, "%s.graph.dot", r->path) < (int)sizeof dot) unlink(dot);
    if (s != TG_OK) return s;
    if (drawn) tg_page_put(&r->page, "<details><summary>as text</summary>\n");
    s = put_formatted(r, format_graph);
    if (drawn) tg_page_put(&r->page, "</details>\n");
    return s;
}

static tg_status put_section(report *r, section s)
{
    static const char *const open[] = {"<section aria-labelledby=\"h-", "\">\n<h2 id=\"h-", "\">", "</h2>\n"};
    tg_status                status = TG_OK;
    tg_page_put(&r->page, open[0]), tg_page_put(&r->page, ids[s]);
    tg_page_put(&r->page, open[1]), tg_page_put(&r->page, ids[s]);
    tg_page_put(&r->page, open[2]), tg_page_put(&r->page, names[s]), tg_page_put(&r->page, open[3]);
    if (s == GRAPH) status = put_graph(r);
    else if (s == PLAN) status = put_formatted(r, format_plan);
    else if (s == PARAMETERS) status = put_formatted(r, format_parameters);
    else if (s == TEXTS) tg_report_texts(&r->page, &r->log);
    else {
        tg_page_put(&r->page, s == CURVES || s == HISTOGRAMS ? "<div class=\"grid\" id=\"" : "<div id=\"");
        tg_page_put(&r->page, ids[s]);
        tg_page_put(&r->page, "\"></div>\n");
    }
    tg_page_put(&r->page, "</section>\n");
    return status;
}

static tg_status put_body(report *r)
{
    tg_status s = TG_OK;
    tg_page_put(&r->page, "<nav aria-label=\"sections\">\n");
    for (int k = 0; k < SECTIONS; k++) {
        if (!has(r, (section)k)) continue;
        tg_page_put(&r->page, "<a href=\"#h-"), tg_page_put(&r->page, ids[k]), tg_page_put(&r->page, "\">"), tg_page_put(&r->page, names[k]);
        tg_page_put(&r->page, "</a>\n");
    }
    tg_page_put(&r->page, "<button id=\"theme\" aria-label=\"switch between light and dark\"></button>\n</nav>\n</header>\n<main>\n");
    for (int k = 0; k < SECTIONS && s == TG_OK; k++)
        if (has(r, (section)k)) s = put_section(r, (section)k);
    tg_page_put(&r->page, "</main>\n");
    return s;
}

/* ---- the numbers ----------------------------------------------------------------------------------------------------------- */

static void put_name(tg_wire *p, const char *const *list, int64_t k)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, k);
    const char *name = list && list[k] ? list[k] : text;
    tg_page_json(p, name, strlen(name));
}

static void put_confusion(report *r)
{
    const tg_confusion *c = r->options->confusion;
    int64_t             n = 0;
    while (tg_confusion_count(c, n, 0) >= 0) n++;
    tg_page_put(&r->page, "{\"names\":[");
    for (int64_t k = 0; k < n; k++) {
        if (k) tg_page_put(&r->page, ",");
        put_name(&r->page, r->options->class_names, k);
    }
    tg_page_put(&r->page, "],\"count\":[");
    for (int64_t i = 0; i < n; i++) {
        tg_page_put(&r->page, i ? ",\n[" : "[");
        for (int64_t k = 0; k < n; k++) {
            if (k) tg_page_put(&r->page, ",");
            tg_page_integer(&r->page, tg_confusion_count(c, i, k));
        }
        tg_page_put(&r->page, "]");
    }
    tg_page_put(&r->page, "]}");
}

static void put_example(report *r, const tg_images *im, const tg_image_shades *shades, int64_t i, unsigned char *grey)
{
    tg_wire     png = {.tape = r->tape};
    const char *caption = im->captions && im->captions[i] ? im->captions[i] : "";
    tg_images_grey(im, shades, i, grey);
    tg_png_write(&png, grey, (size_t)im->height, (size_t)im->width, 1);
    if (png.failed) r->page.failed = true;
    else tg_page_picture(&r->page, caption, strlen(caption), im->height, im->width, png.bytes, png.n);
    tg_wire_free(&png);
}

static tg_status put_examples(report *r)
{
    const tg_images *im = r->options->examples;
    unsigned char   *grey = im ? tg_tape_alloc(r->tape, (size_t)(im->height * im->width)) : NULL;
    if (im && !grey) return TG_ERR_MEMORY;
    const tg_image_shades shades = im ? tg_images_shades(im) : (tg_image_shades){0, 0};
    tg_page_put(&r->page, "[");
    for (int64_t i = 0; im && i < im->n; i++) {
        if (i) tg_page_put(&r->page, ",\n");
        put_example(r, im, &shades, i, grey);
    }
    tg_page_put(&r->page, "]");
    if (grey) tg_tape_free_bytes(r->tape, grey, (size_t)(im->height * im->width));
    return TG_OK;
}

static tg_status put_data(report *r)
{
    tg_page_put(&r->page, "<script type=\"application/json\" id=\"data\">\n{\"curves\":");
    tg_report_curves(&r->page, &r->log);
    tg_page_put(&r->page, ",\n\"histograms\":");
    tg_report_histograms(&r->page, &r->log);
    tg_page_put(&r->page, ",\n\"pictures\":");
    tg_report_pictures(&r->page, &r->log);
    tg_page_put(&r->page, ",\n\"confusion\":");
    if (r->options->confusion) put_confusion(r);
    else tg_page_put(&r->page, "null");
    tg_page_put(&r->page, ",\n\"examples\":");
    const tg_status s = put_examples(r);
    tg_page_put(&r->page, "}\n</script>\n<script>\n");
    tg_page_script(&r->page);
    tg_page_put(&r->page, "</script>\n</body>\n</html>\n");
    return s;
}

/* ---- the public function ------------------------------------------------------------------------------------------------------ */

static tg_status write_page(const report *r)
{
    tg_replace file;
    tg_status  s = r->page.failed ? TG_ERR_MEMORY : tg_replace_open(&file, r->tape, r->function, r->path);
    if (s != TG_OK) return s;
    s = tg_replace_write(&file, r->page.bytes, r->page.n);
    if (s == TG_OK) s = tg_replace_finish(&file);
    return s;
}

static tg_status check(const report *r)
{
    const tg_report_options *o = r->options;
    if (!r->directory || !r->path) return tg_fail_on(r->tape, TG_ERR_NULL, r->function, "the %s is NULL", r->directory ? "path" : "directory");
    if (o->n_graph < 0) return tg_fail_on(r->tape, TG_ERR_ARG, r->function, "n_graph must be 0 or more, got %d", o->n_graph);
    if (o->n_graph) {
        const tg_tape *t = tg_graph_view_check(o->graph, o->n_graph, r->function);
        if (!t) return TG_ERR_NULL;
        if (t != r->tape) return tg_fail_on(r->tape, TG_ERR_TAPE, r->function, "the graph belongs to another tape");
    }
    return o->examples ? tg_images_check(r->tape, r->function, o->examples) : TG_OK;
}

tg_status tg_run_report(tg_tape *t, const char *directory, const char *path, const tg_report_options *options)
{
    static const tg_report_options usual = {.title = NULL};
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, __func__)) return TG_ERR_ARG;
    report    r = {.tape = t, .function = __func__, .directory = directory, .path = path, .options = options ? options : &usual, .page = {.tape = t}};
    tg_status s = check(&r);
    if (s != TG_OK) return s;
    s = tg_report_log_read(&r.log, t, __func__, directory);
    if (s == TG_OK) {
        put_head(&r);
        s = put_body(&r);
    }
    if (s == TG_OK) s = put_data(&r);
    if (s == TG_OK) s = write_page(&r);
    tg_report_log_free(&r.log);
    tg_wire_free(&r.page);
    return s;
}
