/* progress.c - a progress bar on stderr. */
#define _GNU_SOURCE
#include <tapegrad_show.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tensor/text.h"

enum { LINE = 512, MAX_LABEL = 60, MIN_BAR = 10, MAX_BAR = 40, FIGURES = 56, USUAL_WIDTH = 80 };
static const double redraw_every = 0.1, line_every = 60; /* seconds; the latter where lines stay */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int terminal_width(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? (int)w.ws_col : USUAL_WIDTH;
}

/* Adds to a line that is cut where it is full. */
TG_PRINTF(2, 3) static void add(char *line, const char *format, ...)
{
    size_t  n = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + n, LINE - n, format, args);
    va_end(args);
}

static void add_time(char *line, const char *before, double seconds)
{
    if (!(seconds >= 0 && seconds < 360000)) return; /* a hundred hours: not worth a number */
    long s = lround(seconds);
    if (s >= 3600) add(line, "%s%ld:%02ld:%02ld", before, s / 3600, s / 60 % 60, s % 60);
    else add(line, "%s%ld:%02ld", before, s / 60, s % 60);
}

static void add_label(char *line, const tg_progress *p)
{
    char label[MAX_LABEL + 1];
    if (p->outer) {
        add_label(line, p->outer);
        add(line, " %lld", (long long)p->outer->done + 1);
        if (p->outer->total > 0) add(line, "/%lld", (long long)p->outer->total);
        if (*p->label) add(line, "  ");
    }
    add(line, "%s", tg_printable(label, sizeof label, p->label));
}

/* Which part of it is done, that of the bar within it counted in; NaN: nobody knows. */
static double share_of(const tg_progress *p, double of_step)
{
    return p->total > 0 ? ((double)p->done + of_step) / (double)p->total : (double)NAN;
}

/* The time that is left of p and of those around it. */
static void add_time_left(char *line, const tg_progress *p)
{
    double share = 0;
    for (const tg_progress *q = p; q; q = q->outer) {
        const double seconds = p->started + p->seconds - q->started;
        share = share_of(q, share);
        if (share > 0 && share < 1) add_time(line, q == p ? "  left " : ", in all ", seconds * (1 - share) / share);
    }
}

/* What comes behind the bar. */
static void add_figures(char *line, const tg_progress *p, bool at_end)
{
    if (p->total > 0) add(line, " %lld/%lld", (long long)p->done, (long long)p->total);
    else add(line, " %lld", (long long)p->done);
    if (p->samples > 0) add(line, "  loss %.4f", p->loss);
    if (!isnan(p->accuracy)) add(line, "  acc %.2f%%", 100 * p->accuracy);
    double rate = p->seconds > 0 ? (double)p->samples / p->seconds : 0;
    if (rate >= 1e6) add(line, "  %.1fM/s", rate / 1e6);
    else if (rate >= 1e4) add(line, "  %.1fk/s", rate / 1e3);
    else if (rate > 0) add(line, "  %.0f/s", rate);
    if (at_end) add_time(line, "  ", p->seconds);
    else add_time_left(line, p);
}

static void add_bar(char *line, const tg_progress *p, int width)
{
    if (p->total <= 0 || width < MIN_BAR) return;
    if (width > MAX_BAR) width = MAX_BAR;
    double share = (double)p->done / (double)p->total;
    int    full = (int)((share < 1 ? share : 1) * width);
    char   bar[MAX_BAR + 1];
    memset(bar, '-', (size_t)width);
    memset(bar, '=', (size_t)full);
    if (full > 0 && full < width) bar[full - 1] = '>';
    bar[width] = 0;
    add(line, " [%s]", bar);
}

static void draw(tg_progress *p, bool at_end)
{
    char line[LINE] = "", figures[LINE] = "";
    int  columns = terminal_width() - 1; /* the last column stays free: some terminals wrap there */
    add_figures(figures, p, at_end);
    add_label(line, p);
    int behind = (int)strlen(figures) > FIGURES ? (int)strlen(figures) : FIGURES; /* or the bar would jump with each digit */
    add_bar(line, p, columns - (int)strlen(line) - behind - 3);
    add(line, "%s", figures);
    if (columns > 0 && columns < (int)strlen(line)) {
        while (((unsigned char)line[columns] & 0xc0) == 0x80) columns--; /* not inside a character */
        line[columns] = 0;
    }
    fprintf(stderr, "\r%s\x1b[K%s", line, at_end ? "\n" : ""); /* ESC [ K clears the rest of the line */
    fflush(stderr);
    p->drawn = p->started + p->seconds;
}

/* A whole line, for where lines stay. */
static void tell(tg_progress *p, bool at_end)
{
    char line[LINE] = "";
    add_label(line, p);
    add_figures(line, p, at_end);
    fprintf(stderr, "%s\n", line);
    p->drawn = p->started + p->seconds;
}

void tg_progress_start(tg_progress *p, const char *label, int64_t batches) { tg_progress_start_within(p, NULL, label, batches); }

void tg_progress_start_within(tg_progress *p, tg_progress *outer, const char *label, int64_t batches)
{
    if (!p) return;
    *p = (tg_progress){.label = label ? label : "", .total = batches > 0 ? batches : 0, .loss = NAN, .accuracy = NAN, .outer = outer};
    p->terminal = isatty(STDERR_FILENO) == 1;
    p->started = p->drawn = now();
    if (p->terminal) draw(p, false);
}

void tg_progress_update(tg_progress *p, int64_t samples, double loss, double accuracy)
{
    if (!p || samples < 0) return;
    p->done++;
    p->samples += samples;
    p->seconds = now() - p->started;
    p->loss_sum += samples > 0 ? loss * (double)samples : 0;
    if (p->samples > 0) p->loss = p->loss_sum / (double)p->samples;
    if (samples > 0 && !isnan(accuracy)) {
        p->accuracy_samples += samples;
        p->accuracy_sum += accuracy * (double)samples;
        p->accuracy = p->accuracy_sum / (double)p->accuracy_samples;
    }
    if (p->started + p->seconds - p->drawn < (p->terminal ? redraw_every : line_every)) return;
    if (p->terminal) draw(p, false);
    else tell(p, false);
}

/* What the bar within it was is a step of it. */
static void step_further(tg_progress *p, const tg_progress *by)
{
    p->done++;
    p->samples += by->samples;
    p->loss = by->loss;
    p->accuracy = by->accuracy;
    p->seconds = by->started + by->seconds - p->started;
}

void tg_progress_finish(tg_progress *p)
{
    if (!p) return;
    p->seconds = now() - p->started;
    if (p->terminal) draw(p, true);
    else tell(p, true);
    if (p->outer) step_further(p->outer, p);
}
