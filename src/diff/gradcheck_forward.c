/* gradcheck_forward.c - forward mode beside reverse mode. For v in the results and w in an input, <v, J w> is had from J w, which forward mode gives,
 * and from v^T J, which reverse mode gave: both are exact but for roundings. */
#include <math.h>
#include <tapegrad/derivative.h>
#include <tapegrad/tensor.h>

#include "diff/gradcheck.h"

/* J w as c->value, w a random direction in varied input j, which is left in its place of c->w. */
static tg_status tangent(check *c, int j)
{
    tg_tensor **out = c->out, **jw = out + c->most;
    tg_status   s = tg_gradcheck_apply(c, c->x, out);
    if (s) return s;
    for (int64_t i = c->start[j]; i < c->start[j + 1]; i++) c->w[i] = tg_gradcheck_skipped(c, i) ? 0 : tg_gradcheck_uniform(c);
    tg_tensor *w = tg_from_f64(c->tape, tg_shape_of(c->leaf[j]), c->w + c->start[j]);
    if (!w) return TG_ERR_MEMORY;
    s = tg_jvp(out, c->m, &c->leaf[j], &w, 1, false, jw);
    return s ? s : tg_gradcheck_values(jw, c->m, c->value);
}

/* Of varied input j. */
tg_status tg_gradcheck_forward(check *c, int j)
{
    const tg_status s = tangent(c, j);
    double          forward = 0, reverse = 0, size = 0;
    tg_drop_since(c->tape, c->first);
    if (s) return s;
    for (int64_t i = 0; i < c->size; i++) {
        forward += c->v[i] * c->value[i];
        size += fabs(c->v[i] * c->value[i]);
    }
    for (int64_t i = c->start[j]; i < c->start[j + 1]; i++) {
        reverse += c->g[i] * c->w[i];
        size += fabs(c->g[i] * c->w[i]);
    }
    const double rounding = tg_gradcheck_computes_in_single(c) ? 1e-5 : 1e-10, off = fabs(forward - reverse);
    if (off <= c->o.atol + rounding * size) return TG_OK;
    tg_gradcheck_report *r = c->report;
    c->worst          = INFINITY;
    c->says           = "forward mode (tg_jvp) gives another derivative than reverse mode";
    r->probe          = TG_PROBE_FORWARD;
    r->order          = c->order;
    r->input          = c->input[j];
    r->analytic       = isnan(forward) ? (double)NAN : forward; /* of no sign */
    r->numeric        = reverse;
    r->relative_error = off / fmax(fabs(forward), fabs(reverse));
    return TG_OK;
}
