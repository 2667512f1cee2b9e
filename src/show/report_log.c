/* report_log.c - what a report shows of a run's log: numbers as curves, histograms, pictures, texts, hyper-parameters. */
#include "show/report_log.h"

#include <math.h>

#include "show/page.h"

enum { MOST_NUMBERS = 2000, MOST_HISTOGRAMS = 200 };

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

static bool copy(tg_report_log *l, const char *bytes, size_t n, size_t *at)
{
    if (!TG_GROW(l->tape, l->bytes, l->cap_bytes, l->used + n + 1)) return false;
    *at = l->used;
    if (n) memcpy(l->bytes + l->used, bytes, n);
    l->used += n;
    return true;
}

/* FNV-1a */
static size_t hash(const char *bytes, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32);
}

/* The part of a tag before its last slash, and behind it; of one without a slash both are all of it. */
static size_t group_length(const tg_report_log *l, const tg_report_tag *t)
{
    for (size_t n = t->n; n > 0; n--)
        if (l->bytes[t->at + n - 1] == '/') return n - 1;
    return t->n;
}

/* Which part of the tags a table has; their kinds are told apart as well. */
typedef size_t (*length_fn)(const tg_report_log *l, const tg_report_tag *t);
static size_t whole_length(const tg_report_log *l, const tg_report_tag *t) { return (void)l, t->n; }

/* The slot of this name, or the free one that it goes to. */
static uint32_t *find(const tg_report_log *l, const tg_report_names *names, length_fn length, unsigned kind, const char *name, size_t n)
{
    for (size_t k = hash(name, n);; k++) {
        uint32_t *const      slot = &names->slot[k & (names->slots - 1)];
        const tg_report_tag *t = *slot ? &l->tag[*slot - 1] : NULL;
        if (!t || (t->kind == kind && length(l, t) == n && !memcmp(l->bytes + t->at, name, n))) return slot;
    }
}

static bool reserve(const tg_report_log *l, tg_report_names *names, length_fn length)
{
    tg_report_names more = {.slots = names->slots ? 2 * names->slots : 64, .n = names->n};
    if (2 * (names->n + 1) <= names->slots) return true;
    if (!(more.slot = tg_tape_alloc(l->tape, more.slots * sizeof *more.slot))) return false;
    for (size_t k = 0; k < names->slots; k++) {
        const tg_report_tag *t = names->slot[k] ? &l->tag[names->slot[k] - 1] : NULL;
        if (t) *find(l, &more, length, t->kind, l->bytes + t->at, length(l, t)) = names->slot[k];
    }
    if (names->slot) tg_tape_free_bytes(l->tape, names->slot, names->slots * sizeof *names->slot);
    *names = more;
    return true;
}

/* The tag's number; false: no memory. */
static bool find_tag(tg_report_log *l, const tg_log_value *v, uint32_t *number)
{
    if (!reserve(l, &l->by_name, whole_length)) return false;
    uint32_t *slot = find(l, &l->by_name, whole_length, v->kind, v->tag, v->tag_length);
    if (!*slot) {
        tg_report_tag t = {.n = v->tag_length, .kind = v->kind};
        if (!TG_GROW(l->tape, l->tag, l->cap_tags, l->n_tags + 1) || !copy(l, v->tag, v->tag_length, &t.at)) return false;
        l->tag[l->n_tags++] = t;
        *slot = (uint32_t)l->n_tags;
        l->by_name.n++;
    }
    *number = *slot - 1;
    return true;
}

/* Of hyper-parameters the message is what their metadata says. */
static tg_status add_value(void *ctx, const tg_log_value *v)
{
    tg_report_log  *l = ctx;
    const bool      hyper = v->tag_length > 9 && !memcmp(v->tag, "_hparams_", 9);
    tg_report_value value = {.step = v->step, .kind = v->kind, .number = v->number, .n = hyper ? v->n_metadata : v->n};
    if (!find_tag(l, v, &value.tag) || !TG_GROW(l->tape, l->value, l->cap, l->n + 1)) return TG_ERR_MEMORY;
    if (!copy(l, hyper ? v->metadata : v->at, value.n, &value.at)) return TG_ERR_MEMORY;
    l->value[l->n++] = value;
    return TG_OK;
}

static tg_status start_again(void *ctx, int64_t step)
{
    tg_report_log *l = ctx;
    return tg_log_add_start(&l->starts, l->n, step);
}

static void link_values(tg_report_log *l)
{
    for (size_t i = l->n; i-- > 0;) {
        tg_report_value *v = &l->value[i];
        tg_report_tag   *t = &l->tag[v->tag];
        if (tg_log_is_replaced(&l->starts, i, v->step)) continue;
        v->next = t->first;
        t->first = i + 1;
        if (!t->last) t->last = i + 1;
        t->values++;
    }
}

/* Tags of numbers with the same part before the last slash. */
static tg_status link_groups(tg_report_log *l)
{
    tg_report_names groups = {.n = 0};
    tg_status       s = TG_OK;
    uint32_t       *last = tg_tape_alloc(l->tape, (l->n_tags + 1) * sizeof *last); /* of the group that a tag leads, the last one */
    if (!last) return TG_ERR_MEMORY;
    for (uint32_t k = 0; k < l->n_tags && s == TG_OK; k++) {
        tg_report_tag *t = &l->tag[k];
        if (t->kind != TG_VALUE_NUMBER || !t->values) continue;
        if (!reserve(l, &groups, group_length)) {
            s = TG_ERR_MEMORY;
            break;
        }
        uint32_t *slot = find(l, &groups, group_length, t->kind, l->bytes + t->at, group_length(l, t));
        t->leads = !*slot;
        if (t->leads) *slot = k + 1, groups.n++;
        else l->tag[last[*slot - 1]].next = k + 1;
        last[*slot - 1] = k;
    }
    tg_tape_free_bytes(l->tape, last, (l->n_tags + 1) * sizeof *last);
    if (groups.slot) tg_tape_free_bytes(l->tape, groups.slot, groups.slots * sizeof *groups.slot);
    return s;
}

tg_status tg_report_log_read(tg_report_log *l, tg_tape *t, const char *function, const char *directory)
{
    *l = (tg_report_log){.tape = t, .starts = {.tape = t}};
    const tg_status s = tg_run_log_read(t, function, directory, &(tg_log_visitor){add_value, start_again, l});
    if (s != TG_OK) return s;
    link_values(l);
    return link_groups(l);
}

void tg_report_log_free(tg_report_log *l)
{
    if (l->value) tg_tape_free_bytes(l->tape, l->value, l->cap * sizeof *l->value);
    if (l->tag) tg_tape_free_bytes(l->tape, l->tag, l->cap_tags * sizeof *l->tag);
    if (l->by_name.slot) tg_tape_free_bytes(l->tape, l->by_name.slot, l->by_name.slots * sizeof *l->by_name.slot);
    tg_log_starts_free(&l->starts);
    if (l->bytes) tg_tape_free_bytes(l->tape, l->bytes, l->cap_bytes);
}

bool tg_report_has(const tg_report_log *l, unsigned kind)
{
    for (size_t k = 0; k < l->n_tags; k++)
        if (l->tag[k].kind == kind && l->tag[k].values) return true;
    return false;
}

/* ---- values of a tag, one after the other ------------------------------------------------------------------------------ */

typedef struct walk {
    const tg_report_log *log;
    size_t               n, every, seen, at; /* how many there are, of how many one is shown, how many were passed, the next one's place and 1 */
} walk;

static walk begin(const tg_report_log *l, uint32_t tag, size_t most)
{
    const tg_report_tag *t = &l->tag[tag];
    return (walk){.log = l, .n = t->values, .every = 1 + (t->values ? (t->values - 1) / most : 0), .at = t->first};
}

/* The next one that is shown; NULL: there is none. */
static const tg_report_value *next(walk *w)
{
    while (w->at) {
        const tg_report_value *v = &w->log->value[w->at - 1];
        const size_t           k = w->seen++;
        w->at = v->next;
        if (k % w->every == 0 || k + 1 == w->n) return v;
    }
    return NULL;
}

static void put_steps(tg_wire *p, const tg_report_log *l, uint32_t tag, size_t most)
{
    walk w = begin(l, tag, most);
    tg_page_put(p, "\"step\":[");
    for (const tg_report_value *v = next(&w), *first = v; v; v = next(&w)) {
        if (v != first) tg_page_put(p, ",");
        tg_page_integer(p, v->step);
    }
    tg_page_put(p, "]");
}

/* ---- curves -------------------------------------------------------------------------------------------------------------- */

static void put_series(tg_wire *p, const tg_report_log *l, uint32_t tag)
{
    const tg_report_tag *t = &l->tag[tag];
    const size_t         group = group_length(l, t), from = group < t->n ? group + 1 : 0;
    walk                 w = begin(l, tag, MOST_NUMBERS);
    tg_page_put(p, "{\"name\":");
    tg_page_json(p, l->bytes + t->at + from, t->n - from);
    tg_page_put(p, ",");
    put_steps(p, l, tag, MOST_NUMBERS);
    tg_page_put(p, ",\"value\":[");
    for (const tg_report_value *v = next(&w), *first = v; v; v = next(&w)) {
        if (v != first) tg_page_put(p, ",");
        tg_page_number(p, (double)v->number);
    }
    tg_page_put(p, "]}");
}

void tg_report_curves(tg_wire *p, const tg_report_log *l)
{
    bool any = false;
    tg_page_put(p, "[");
    for (uint32_t k = 0; k < l->n_tags; k++) {
        if (!l->tag[k].leads) continue;
        tg_page_put(p, any ? ",\n{\"name\":" : "{\"name\":");
        tg_page_json(p, l->bytes + l->tag[k].at, group_length(l, &l->tag[k]));
        tg_page_put(p, ",\"series\":[");
        for (uint32_t i = k + 1; i; i = l->tag[i - 1].next) {
            if (i != k + 1) tg_page_put(p, ",");
            put_series(p, l, i - 1);
        }
        tg_page_put(p, "]}");
        any = true;
    }
    tg_page_put(p, "]");
}

/* ---- histograms ------------------------------------------------------------------------------------------------------------ */

typedef struct histogram {
    double low, high, number, sum, count[TG_LOG_HISTOGRAM_PARTS];
    size_t parts;
} histogram;

static histogram parse_histogram(const tg_report_log *l, const tg_report_value *v)
{
    histogram     h = {.parts = 0};
    tg_wire_field f;
    const char   *at = l->bytes + v->at, *end = at + v->n;
    while (tg_wire_next(&at, end, &f)) {
        double *to = f.type != 1 ? NULL : f.number == TG_HISTOGRAM_LOW ? &h.low : f.number == TG_HISTOGRAM_HIGH ? &h.high : f.number == TG_HISTOGRAM_NUMBER ? &h.number
                     : f.number == TG_HISTOGRAM_SUM ? &h.sum : NULL;
        if (to) memcpy(to, f.at, sizeof *to);
        if (f.number != TG_HISTOGRAM_COUNTS || f.type != 2) continue;
        h.parts = f.n / sizeof(double) < TG_LOG_HISTOGRAM_PARTS ? f.n / sizeof(double) : TG_LOG_HISTOGRAM_PARTS;
        memcpy(h.count, f.at, h.parts * sizeof(double));
    }
    return h;
}

static void put_parts(tg_wire *p, const tg_report_log *l, uint32_t tag, const char *name, double (*part)(const histogram *))
{
    walk w = begin(l, tag, MOST_HISTOGRAMS);
    tg_page_put(p, name);
    for (const tg_report_value *v = next(&w), *first = v; v; v = next(&w)) {
        const histogram h = parse_histogram(l, v);
        const double    x = part(&h);
        if (v != first) tg_page_put(p, ",");
        tg_page_number(p, isfinite(x) ? x : 0);
    }
    tg_page_put(p, "]");
}

static double low_of(const histogram *h) { return h->low; }
static double high_of(const histogram *h) { return h->high; }
static double mean_of(const histogram *h) { return h->number > 0 ? h->sum / h->number : 0; }

static void put_counts(tg_wire *p, const tg_report_log *l, uint32_t tag)
{
    walk w = begin(l, tag, MOST_HISTOGRAMS);
    tg_page_put(p, ",\"count\":[");
    for (const tg_report_value *v = next(&w), *first = v; v; v = next(&w)) {
        const histogram h = parse_histogram(l, v);
        tg_page_put(p, v != first ? ",[" : "[");
        for (size_t k = 0; k < h.parts; k++) {
            if (k) tg_page_put(p, ",");
            tg_page_number(p, h.count[k]);
        }
        tg_page_put(p, "]");
    }
    tg_page_put(p, "]}");
}

void tg_report_histograms(tg_wire *p, const tg_report_log *l)
{
    bool any = false;
    tg_page_put(p, "[");
    for (uint32_t k = 0; k < l->n_tags; k++) {
        if (l->tag[k].kind != TG_VALUE_HISTOGRAM || !l->tag[k].values) continue;
        tg_page_put(p, any ? ",\n{\"name\":" : "{\"name\":");
        tg_page_json(p, l->bytes + l->tag[k].at, l->tag[k].n);
        tg_page_put(p, ",");
        put_steps(p, l, k, MOST_HISTOGRAMS);
        put_parts(p, l, k, ",\"low\":[", low_of);
        put_parts(p, l, k, ",\"high\":[", high_of);
        put_parts(p, l, k, ",\"mean\":[", mean_of);
        put_counts(p, l, k);
        any = true;
    }
    tg_page_put(p, "]");
}

/* ---- pictures, texts, hyper-parameters ---------------------------------------------------------------------------------------- */

/* The latest value of a tag; NULL: there is none. */
static const tg_report_value *latest(const tg_report_log *l, uint32_t tag) { return l->tag[tag].last ? &l->value[l->tag[tag].last - 1] : NULL; }

static void put_picture(tg_wire *p, const tg_report_log *l, const tg_report_tag *t, const tg_report_value *v)
{
    tg_wire_field f, png = {.n = 0};
    uint64_t      width = 1, height = 1;
    const char   *at = l->bytes + v->at, *end = at + v->n;
    char          step[40];
    while (tg_wire_next(&at, end, &f)) {
        if (f.number == TG_IMAGE_WIDTH && f.type == 0) width = f.value;
        if (f.number == TG_IMAGE_HEIGHT && f.type == 0) height = f.value;
        if (f.number == TG_IMAGE_BYTES && f.type == 2) png = f;
    }
    tg_wire caption = {.tape = l->tape};
    tg_wire_raw(&caption, l->bytes + t->at, t->n);
    snprintf(step, sizeof step, ", step %lld", (long long)v->step);
    tg_page_put(&caption, step);
    if (caption.failed) p->failed = true;
    else tg_page_picture(p, caption.bytes, caption.n, (int64_t)height, (int64_t)width, png.at, png.n);
    tg_wire_free(&caption);
}

void tg_report_pictures(tg_wire *p, const tg_report_log *l)
{
    bool any = false;
    tg_page_put(p, "[");
    for (uint32_t k = 0; k < l->n_tags; k++) {
        const tg_report_value *v = l->tag[k].kind == TG_VALUE_IMAGE ? latest(l, k) : NULL;
        if (!v) continue;
        if (any) tg_page_put(p, ",\n");
        put_picture(p, l, &l->tag[k], v);
        any = true;
    }
    tg_page_put(p, "]");
}

static bool is_hyper(const tg_report_log *l, const tg_report_tag *t) { return t->kind == TG_VALUE_TENSOR && t->n > 9 && !memcmp(l->bytes + t->at, "_hparams_", 9); }

bool tg_report_has_texts(const tg_report_log *l)
{
    for (uint32_t k = 0; k < l->n_tags; k++)
        if (l->tag[k].kind == TG_VALUE_TENSOR && !is_hyper(l, &l->tag[k]) && latest(l, k)) return true;
    return false;
}

void tg_report_texts(tg_wire *p, const tg_report_log *l)
{
    for (uint32_t k = 0; k < l->n_tags; k++) {
        const tg_report_tag   *t = &l->tag[k];
        const tg_report_value *v = t->kind == TG_VALUE_TENSOR && !is_hyper(l, t) ? latest(l, k) : NULL;
        tg_wire_field          f;
        if (!v) continue;
        for (const char *at = l->bytes + v->at, *end = at + v->n; tg_wire_next(&at, end, &f);) {
            if (f.number != TG_TENSOR_STRINGS || f.type != 2) continue;
            tg_page_put(p, "<h3>");
            tg_page_text(p, l->bytes + t->at, t->n);
            tg_page_put(p, "</h3>\n<pre tabindex=\"0\">");
            tg_page_text(p, f.at, f.n);
            tg_page_put(p, "</pre>\n");
        }
    }
}

/* The message that is field `number` of another one; false: there is none. */
static bool within(const char **at, size_t *n, unsigned number)
{
    tg_wire_field f;
    const char   *from = *at, *end = from + *n;
    while (tg_wire_next(&from, end, &f))
        if (f.number == number && f.type == 2) {
            *at = f.at, *n = f.n;
            return true;
        }
    return false;
}

static void put_hyper(tg_wire *p, const char *bytes, size_t n)
{
    tg_wire_field f;
    const char   *key = NULL, *end = bytes + n;
    size_t        length = 0;
    double        value = (double)NAN;
    while (tg_wire_next(&bytes, end, &f)) {
        if (f.number == TG_HYPER_KEY && f.type == 2) key = f.at, length = f.n;
        if (f.number != TG_HYPER_VALUE || f.type != 2) continue;
        tg_wire_field number;
        for (const char *at = f.at, *to = at + f.n; tg_wire_next(&at, to, &number);)
            if (number.number == TG_HYPER_NUMBER && number.type == 1) memcpy(&value, number.at, sizeof value);
    }
    if (!key) return;
    tg_page_put(p, "<dt>");
    tg_page_text(p, key, length);
    tg_page_put(p, "</dt><dd>");
    tg_page_number(p, value);
    tg_page_put(p, "</dd>\n");
}

void tg_report_hyper(tg_wire *p, const tg_report_log *l)
{
    for (uint32_t k = 0; k < l->n_tags; k++) {
        const tg_report_value *v = is_hyper(l, &l->tag[k]) ? latest(l, k) : NULL;
        const char            *at = v ? l->bytes + v->at : NULL;
        size_t                 n = v ? v->n : 0;
        tg_wire_field          f;
        if (!v || !within(&at, &n, TG_METADATA_PLUGIN) || !within(&at, &n, TG_PLUGIN_CONTENT) || !within(&at, &n, TG_HYPER_STARTED)) continue;
        for (const char *end = at + n; tg_wire_next(&at, end, &f);)
            if (f.number == TG_HYPER_PARAMETERS && f.type == 2) put_hyper(p, f.at, f.n);
    }
}
