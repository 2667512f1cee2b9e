/* profile.c - a tape's profile: opening it, events in its trace, and the summary. What there is to say of steps and nodes is in
 * run/profile_step.c. */
#define _POSIX_C_SOURCE 200809L
#include "profile/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double tg_profile_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

static void name_thread(tg_profile *f)
{
    char name[64];
    if (f->trace.file < 0) return;
    snprintf(name, sizeof name, "tape %d (%s)", f->trace.number, f->evaluator);
    tg_trace_begin(&f->trace);
    tg_trace_raw(&f->trace, "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":");
    tg_trace_integer(&f->trace, getpid());
    tg_trace_raw(&f->trace, ",\"tid\":");
    tg_trace_integer(&f->trace, f->trace.number);
    tg_trace_raw(&f->trace, ",\"args\":{\"name\":");
    tg_trace_string(&f->trace, name);
    tg_trace_raw(&f->trace, "}}");
    tg_trace_end(&f->trace);
}

static bool switched_on(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value && strcmp(value, "0") != 0;
}

tg_profile *tg_profile_open(tg_tape *t, const char *evaluator, const char *path, bool summary)
{
    if (!path) path = getenv("TAPEGRAD_PROFILE");
    if (path && !*path) path = NULL;
    summary = summary || switched_on("TAPEGRAD_PROFILE_SUMMARY");
    if (!path && !summary) return NULL;
    tg_profile *f = tg_tape_alloc(t, sizeof *f);
    if (!f) return NULL;
    f->tape = t;
    f->evaluator = evaluator;
    f->opened = tg_profile_now();
    f->trace.file = -1;
    if (path) tg_trace_open(&f->trace, t, path);
    if (summary) f->rows = tg_tape_alloc(t, ROWS * sizeof *f->rows);
    if (f->trace.file < 0 && !f->rows) {
        tg_tape_free_bytes(t, f, sizeof *f);
        return NULL;
    }
    name_thread(f);
    return f;
}

/* ---- events ------------------------------------------------------------------------------------------------------- */

bool tg_event_begin(tg_event *e, tg_profile *f, const char *category, const char *name, double begin)
{
    *e = (tg_event){.f = f, .category = category, .name = name, .us = tg_profile_now() - begin};
    if (f->trace.file < 0) return false;
    tg_trace_file *w = &f->trace;
    tg_trace_begin(w);
    tg_trace_raw(w, "{\"name\":");
    tg_trace_string(w, name);
    tg_trace_raw(w, ",\"cat\":");
    tg_trace_string(w, category);
    tg_trace_raw(w, ",\"ph\":\"X\",\"ts\":");
    tg_trace_number(w, begin);
    tg_trace_raw(w, ",\"dur\":");
    tg_trace_number(w, e->us);
    tg_trace_raw(w, ",\"pid\":");
    tg_trace_integer(w, getpid());
    tg_trace_raw(w, ",\"tid\":");
    tg_trace_integer(w, w->number);
    tg_trace_raw(w, ",\"args\":{");
    return true;
}

static void name_argument(tg_event *e, const char *name)
{
    if (e->arguments++) tg_trace_raw(&e->f->trace, ",");
    tg_trace_string(&e->f->trace, name);
    tg_trace_raw(&e->f->trace, ":");
}

void tg_event_integer(tg_event *e, const char *name, int64_t x)
{
    name_argument(e, name);
    tg_trace_integer(&e->f->trace, x);
}

void tg_event_text(tg_event *e, const char *name, const char *text)
{
    name_argument(e, name);
    tg_trace_string(&e->f->trace, text);
}

static void rate(tg_event *e, const char *name, int64_t amount)
{
    if (amount <= 0 || e->us <= 0) return;
    name_argument(e, name);
    tg_trace_number(&e->f->trace, (double)amount / e->us * 1e-3);
}

void tg_event_end(tg_event *e, const tg_work *work)
{
    tg_trace_file *w = &e->f->trace;
    if (w->file >= 0) {
        if (work->elements) tg_event_integer(e, "elements", work->elements);
        if (work->read || work->written) {
            tg_event_integer(e, "bytes read", work->read);
            tg_event_integer(e, "bytes written", work->written);
            rate(e, "GB/s", work->read + work->written);
        }
        if (work->flops) tg_event_integer(e, "flops", work->flops);
        rate(e, "GFLOP/s", work->flops);
        tg_trace_raw(w, "}}");
        tg_trace_end(w);
    }
    if (e->f->rows) tg_summary_add(e->f, e, work);
}

void tg_profile_event(tg_profile *f, const char *category, const char *name, double begin, const tg_work *work,
                      const tg_figure *figures, int n)
{
    static const tg_work none = {0};
    tg_event             e;
    if (tg_event_begin(&e, f, category, name, begin))
        for (int i = 0; i < n; i++) tg_event_integer(&e, figures[i].name, figures[i].value);
    tg_event_end(&e, work ? work : &none);
}

/* ---- the summary -------------------------------------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t h, const char *s) /* FNV-1a */
{
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

/* The row of this name, or a new one; when there is no room, the one that all others share. */
static tg_summary_row *find_row(tg_profile *f, const tg_event *e)
{
    uint64_t at = hash_text(hash_text(14695981039346656037u, e->category), e->name);
    for (;; at++) {
        tg_summary_row *r = &f->rows[at % ROWS];
        if (r->category) {
            if (!strcmp(r->category, e->category) && !strcmp(r->name, e->name)) return r;
        } else if (f->n_rows >= ROWS * 3 / 4) {
            return &f->others;
        } else {
            r->category = e->category;
            snprintf(r->name, sizeof r->name, "%s", e->name);
            f->n_rows++;
            return r;
        }
    }
}

void tg_summary_add(tg_profile *f, const tg_event *e, const tg_work *work)
{
    tg_summary_row *r = find_row(f, e);
    r->calls++;
    r->us += e->us;
    r->elements += (double)work->elements;
    r->bytes += (double)work->read + (double)work->written;
    r->flops += (double)work->flops;
    f->us += e->us;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const tg_summary_row *)a)->us, y = ((const tg_summary_row *)b)->us;
    return (x < y) - (x > y);
}

static const char *ratio(char text[TG_FIXED_TEXT], double amount, double time, int decimals)
{
    return amount > 0 && time > 0 ? tg_fixed(text, amount / time, decimals) : "";
}

static void print_row(const tg_profile *f, const tg_summary_row *r)
{
    char   ms[TG_FIXED_TEXT], share[TG_FIXED_TEXT], each[TG_FIXED_TEXT], bytes[TG_FIXED_TEXT], flops[TG_FIXED_TEXT];
    double ns = 1e3 * r->us;
    fprintf(stderr, "%9lld %11s %6s %9s %8s %8s  %-9s  %s\n", (long long)r->calls, tg_fixed(ms, 1e-3 * r->us, 3),
            ratio(share, 100 * r->us, f->us, 1), ratio(each, ns, r->elements, 3), ratio(bytes, r->bytes, ns, 2),
            ratio(flops, r->flops, ns, 2), r->category, r->name);
}

/* The longest first; what takes less than a thousandth each is one line. */
static void print_summary(tg_profile *f)
{
    char total[TG_FIXED_TEXT], lived[TG_FIXED_TEXT];
    qsort(f->rows, ROWS, sizeof *f->rows, by_time);
    size_t n = 0;
    while (n < f->n_rows && f->rows[n].us >= 1e-3 * f->us) n++;
    for (size_t i = n; i < f->n_rows; i++) {
        f->others.calls += f->rows[i].calls;
        f->others.us += f->rows[i].us;
    }
    fprintf(stderr, "tapegrad: a tape's work (%s), %s ms in the %s ms of its life%s%s\n", f->evaluator,
            tg_fixed(total, 1e-3 * f->us, 3), tg_fixed(lived, 1e-3 * (tg_profile_now() - f->opened), 3),
            *f->trace.path ? "; trace: " : "", f->trace.path);
    fprintf(stderr, "%9s %11s %6s %9s %8s %8s  %-9s  %s\n", "calls", "total ms", "%", "ns/elem", "GB/s", "GFLOP/s", "kind", "what");
    for (size_t i = 0; i < n; i++) print_row(f, &f->rows[i]);
    if (f->others.calls) {
        tg_summary_row rest = {.category = "", .name = "(the rest)", .calls = f->others.calls, .us = f->others.us};
        print_row(f, &rest);
    }
}

/* ---- closing ------------------------------------------------------------------------------------------------------ */

void tg_profile_close(tg_profile *f)
{
    if (!f) return;
    tg_tape *t = f->tape;
    tg_trace_close(&f->trace);
    if (f->rows) {
        print_summary(f);
        tg_tape_free_bytes(t, f->rows, ROWS * sizeof *f->rows);
    }
    tg_tape_free_bytes(t, f, sizeof *f);
}
