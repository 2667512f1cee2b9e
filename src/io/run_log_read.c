/* run_log_read.c - what a run's log holds, value by value. */
#include "io/run_log_read.h"

static tg_status visit_value(const tg_log_visitor *visitor, const tg_log_value *event, const char *bytes, size_t n)
{
    tg_wire_field f;
    tg_log_value  v = *event;
    const char   *end = bytes + n;
    while (tg_wire_next(&bytes, end, &f)) {
        if (f.number == TG_VALUE_TAG && f.type == 2) v.tag = f.at, v.tag_length = f.n;
        if (f.number == TG_VALUE_NUMBER && f.type == 5) {
            v.kind = f.number;
            memcpy(&v.number, f.at, sizeof v.number);
        }
        if ((f.number == TG_VALUE_IMAGE || f.number == TG_VALUE_HISTOGRAM || f.number == TG_VALUE_TENSOR) && f.type == 2) v.kind = f.number, v.at = f.at, v.n = f.n;
        if (f.number == TG_VALUE_METADATA && f.type == 2) v.metadata = f.at, v.n_metadata = f.n;
    }
    return v.tag && v.kind ? visitor->value(visitor->ctx, &v) : TG_OK;
}

static tg_status visit_summary(const tg_log_visitor *visitor, const tg_log_value *event, const char *bytes, size_t n)
{
    tg_wire_field f;
    const char   *end = bytes + n;
    tg_status     s = TG_OK;
    while (s == TG_OK && tg_wire_next(&bytes, end, &f))
        if (f.number == TG_SUMMARY_VALUE && f.type == 2) s = visit_value(visitor, event, f.at, f.n);
    return s;
}

static bool is_start(const char *bytes, size_t n)
{
    tg_wire_field f;
    const char   *end = bytes + n;
    while (tg_wire_next(&bytes, end, &f))
        if (f.number == TG_SESSION_STATUS && f.type == 0) return f.value == TG_SESSION_START;
    return false;
}

static tg_status visit_event(void *ctx, const char *bytes, size_t n)
{
    const tg_log_visitor *visitor = ctx;
    tg_log_value          event = {.step = 0};
    tg_wire_field         f, summary = {.n = 0}, session = {.n = 0};
    const char           *end = bytes + n;
    while (tg_wire_next(&bytes, end, &f)) {
        if (f.number == TG_EVENT_TIME && f.type == 1) memcpy(&event.seconds, f.at, sizeof event.seconds);
        if (f.number == TG_EVENT_STEP && f.type == 0) event.step = (int64_t)f.value;
        if (f.number == TG_EVENT_SUMMARY && f.type == 2) summary = f;
        if (f.number == TG_EVENT_SESSION && f.type == 2) session = f;
    }
    const tg_status s = session.at && is_start(session.at, session.n) ? visitor->start(visitor->ctx, event.step) : TG_OK;
    return s == TG_OK && summary.at ? visit_summary(visitor, &event, summary.at, summary.n) : s;
}

tg_status tg_log_add_start(tg_log_starts *s, size_t values, int64_t step)
{
    if (!TG_GROW(s->tape, s->start, s->capacity, s->n + 1)) return TG_ERR_MEMORY;
    s->start[s->n].at = values;
    s->start[s->n++].step = step;
    return TG_OK;
}

bool tg_log_is_replaced(tg_log_starts *s, size_t value, int64_t step)
{
    for (; s->asked < s->n && s->start[s->n - 1 - s->asked].at > value; s->asked++) {
        const int64_t from = s->start[s->n - 1 - s->asked].step;
        if (s->asked == 0 || from < s->least) s->least = from;
    }
    return s->asked > 0 && step >= s->least;
}

void tg_log_starts_free(tg_log_starts *s)
{
    if (s->start) tg_tape_free_bytes(s->tape, s->start, s->capacity * sizeof *s->start);
}

tg_status tg_run_log_read(tg_tape *t, const char *function, const char *directory, const tg_log_visitor *visitor)
{
    char    log[TG_LOG_PATH];
    int64_t end;
    if (!tg_run_log_path(directory, log)) return tg_fail_on(t, TG_ERR_ARG, function, "the directory's path is too long");
    tg_input_file f = {.tape = t, .function = function, .fd = -1};
    tg_path_text(log, f.path);
    tg_status s = tg_input_open(&f, log);
    if (s == TG_OK) s = tg_records_read(&f, visit_event, (void *)(uintptr_t)visitor, &end);
    tg_input_close(&f);
    return s;
}
