/* json.c - what was found, as JSON. */
#include "gradcheck.h"

#include <jansson.h>
#include <math.h>

/* JSON has no infinities, and no NaN: null. */
static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *failures(const finding *f)
{
    json_t *list = json_array();
    for (int i = 0; i < f->listed; i++) {
        const tg_gradcheck_failure *e = &f->failed[i];
        json_array_append_new(list, json_pack("{s:i, s:i, s:I, s:o, s:o}", "order", e->order, "input", e->input, "element", (json_int_t)e->element, "analytic",
                                              number(e->analytic), "numeric", number(e->numeric)));
    }
    return list;
}

static json_t *one(const finding *f)
{
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:o, s:i, s:i, s:I, s:o, s:o, s:s, s:s, s:o, s:o}", "name", f->name, "verdict",
                     verdict_text(f->verdict), "samples", f->samples, "checks", f->checks, "wrong", f->wrong, "float32", f->float32, "unused", f->unused,
                     "not_smooth", (json_int_t)f->not_smooth, "error", number(f->error), "order", f->order, "input", f->input, "element",
                     (json_int_t)f->element, "analytic", number(f->analytic), "numeric", number(f->numeric), "where", f->where, "text", f->text, "failures",
                     failures(f), "seconds", number(f->seconds));
}

bool print_json(FILE *to, const finding *f, int n)
{
    json_t *list = json_array(), *all;
    int     wrong = 0;
    for (int i = 0; i < n; i++) {
        wrong += f[i].verdict == WRONG;
        json_array_append_new(list, one(&f[i]));
    }
    all = json_pack("{s:s, s:b, s:i, s:o}", "tapegrad", TG_VERSION, "ok", wrong == 0, "wrong", wrong, "ops", list);
    const bool written = all && (int)json_array_size(list) == n && json_dumpf(all, to, JSON_INDENT(1)) == 0 && fputc('\n', to) != EOF;
    json_decref(all);
    return written;
}
