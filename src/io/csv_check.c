/* csv_check.c - looks at all fields of a CSV file before a table is made of them, in which each would take eight bytes. */
#include "io/csv_check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "io/decimal.h"
#include "io/table.h"

/* A column whose type the options say. */
typedef struct known {
    int64_t          column;
    bool             numbers;
    const tg_column *model; /* of options.like; NULL: it has the categories that come */
} known;

typedef struct checker {
    const tg_csv_text    *text;
    const tg_csv_options *options;
    known                *known; /* in the order of their columns */
    size_t                n, capacity;
    const char           *first; /* the first field that is data */
    int64_t               rows;  /* of data */
} checker;

static const char *const usual_missing[] = {"NA", "N/A", "NaN", "nan", "null", "NULL", NULL};

bool tg_csv_is_missing(const tg_csv_options *o, const char *field)
{
    const char *const *word = o->missing ? o->missing : usual_missing;
    if (!field[strspn(field, " \t")]) return true;
    while (*word && strcmp(*word, field) != 0) word++;
    return *word != NULL;
}

/* ---- fields -------------------------------------------------------------------------------------------------------- */

/* One after the other, row by row. */
typedef struct cursor {
    const char *field; /* NULL: there are no more */
    int64_t     row, column;
    size_t      known; /* how many of the known columns lie before this one */
} cursor;

static cursor first_field(const checker *c) { return (cursor){.field = c->rows > 0 ? c->first : NULL}; }

static const known *known_of(const checker *c, const cursor *at)
{
    return at->known < c->n && c->known[at->known].column == at->column ? &c->known[at->known] : NULL;
}

static void next_field(const checker *c, cursor *at)
{
    at->field = tg_csv_next(at->field);
    if (known_of(c, at)) at->known++;
    if (++at->column < c->text->columns) return;
    at->column = 0;
    at->known  = 0;
    if (++at->row == c->rows) at->field = NULL;
}

static tg_status refuse(const checker *c, const cursor *at, const char *what)
{
    char                 number[TG_CSV_NUMBER], name[TG_NAME_TEXT];
    const tg_input_file *f = &c->text->file;
    return tg_fail_on(f->tape, TG_ERR_FORMAT, f->function, "%s: row %" PRId64 " of column %s %s", f->path, at->row,
                      tg_name_text(tg_csv_name(c->text, at->column, number), name), what);
}

/* ---- what the options say ------------------------------------------------------------------------------------------ */

static bool is_listed(const char *const *names, const char *name)
{
    while (names && *names && strcmp(*names, name) != 0) names++;
    return names && *names;
}

/* What the options say of the column of this name; false: nothing. */
static bool find_known(const tg_csv_options *o, const char *name, known *found)
{
    const int        k     = tg_table_find(o->like, name);
    const tg_column *model = k < 0 ? NULL : &o->like->column[k];
    const bool       texts = is_listed(o->categories, name);
    found->numbers         = model && model->type == TG_COLUMN_NUMBERS && !texts;
    found->model           = model && model->type == TG_COLUMN_CATEGORIES ? model : NULL;
    return model || texts;
}

static tg_status list_known(checker *c)
{
    char        number[TG_CSV_NUMBER];
    const char *field = c->text->bytes;
    for (int64_t k = 0; k < c->text->columns; k++) {
        known       found = {.column = k};
        const char *name  = c->text->header ? field : tg_csv_name(c->text, k, number);
        if (find_known(c->options, name, &found)) {
            if (!TG_GROW(c->text->file.tape, c->known, c->capacity, c->n + 1)) return TG_ERR_MEMORY;
            c->known[c->n++] = found;
        }
        if (c->text->header) field = tg_csv_next(field);
    }
    return TG_OK;
}

static bool has_column(const tg_csv_text *x, const char *name)
{
    char        number[TG_CSV_NUMBER];
    const char *field = x->bytes;
    for (int64_t k = 0; k < x->columns; k++, field = x->header ? tg_csv_next(field) : field)
        if (!strcmp(x->header ? field : tg_csv_name(x, k, number), name)) return true;
    return false;
}

static tg_status check_names(const checker *c)
{
    char                 text[TG_NAME_TEXT];
    const tg_input_file *f = &c->text->file;
    for (const char *const *name = c->options->categories; name && *name; name++)
        if (!has_column(c->text, *name))
            return tg_fail_on(f->tape, TG_ERR_ARG, f->function, "%s has no column %s, which options.categories names", f->path, tg_name_text(*name, text));
    return TG_OK;
}

static tg_status check_field(const checker *c, const cursor *at)
{
    double       x;
    const known *k = known_of(c, at);
    if (tg_csv_is_missing(c->options, at->field)) return c->options->refuse_missing ? refuse(c, at, "is missing") : TG_OK;
    if (k && k->numbers && !tg_decimal_read(at->field, &x))
        return refuse(c, at, "is not a number, but that column is one of numbers in options.like");
    if (k && k->model && tg_table_category_id(k->model, at->field) < 0)
        return refuse(c, at, "is not among the categories of that column in options.like");
    return TG_OK;
}

static tg_status check_fields(const checker *c)
{
    tg_status s = TG_OK;
    for (cursor at = first_field(c); at.field && s == TG_OK; next_field(c, &at)) s = check_field(c, &at);
    return s;
}

/* ---- numbers beyond doubles ---------------------------------------------------------------------------------------- */

/* They are an error in a column of numbers alone, and texts of digits with an E are common: so the columns that have such a field are marked, and
 * those that have a text as well are not meant. The marks are a bit each, for as many columns at a time as little memory holds. */
enum { MARKS = 1 << 18, WORD = 64 };

typedef struct marks {
    int64_t  first; /* the column of bit 0 */
    int64_t  next;  /* the first column behind these that has such a field; INT64_MAX: there is none */
    bool     any;
    uint64_t bit[MARKS / WORD];
} marks;

static bool is_among(const marks *m, int64_t column) { return column >= m->first && column - m->first < MARKS; }

static bool is_marked(const marks *m, int64_t column)
{
    const uint64_t k = (uint64_t)(column - m->first);
    return is_among(m, column) && m->bit[k / WORD] >> k % WORD & 1;
}

static void mark(marks *m, int64_t column, bool marked)
{
    const uint64_t k = (uint64_t)(column - m->first), bit = (uint64_t)1 << k % WORD;
    m->bit[k / WORD] = marked ? m->bit[k / WORD] | bit : m->bit[k / WORD] & ~bit;
    m->any |= marked;
}

/* The largest double has 309 digits. */
static bool is_too_large(const checker *c, const char *field)
{
    enum { DIGITS = 300 };
    double x;
    if (!strpbrk(field, "eE") && strlen(field) < DIGITS) return false;
    return !tg_csv_is_missing(c->options, field) && tg_decimal_read(field, &x) && isinf(x) && !tg_decimal_is_infinity(field);
}

static void mark_columns(const checker *c, marks *m)
{
    for (cursor at = first_field(c); at.field; next_field(c, &at)) {
        const known *k = known_of(c, &at);
        if (at.column < m->first || (k && !k->numbers) || !is_too_large(c, at.field)) continue;
        if (is_among(m, at.column)) mark(m, at.column, true);
        else if (at.column < m->next) m->next = at.column;
    }
}

static void clear_texts(const checker *c, marks *m)
{
    double x;
    for (cursor at = first_field(c); at.field; next_field(c, &at))
        if (is_marked(m, at.column) && !tg_csv_is_missing(c->options, at.field) && !tg_decimal_read(at.field, &x)) mark(m, at.column, false);
}

static tg_status refuse_marked(const checker *c, const marks *m)
{
    for (cursor at = first_field(c); at.field; next_field(c, &at))
        if (is_marked(m, at.column) && is_too_large(c, at.field)) return refuse(c, &at, "is a number too large for a double");
    return TG_OK;
}

static tg_status check_sizes(const checker *c)
{
    tg_status s = TG_OK;
    for (int64_t first = 0, next; first < c->text->columns && s == TG_OK; first = next) {
        marks m = {.first = first, .next = INT64_MAX};
        mark_columns(c, &m);
        next = m.next;
        if (!m.any) continue;
        clear_texts(c, &m);
        s = refuse_marked(c, &m);
    }
    return s;
}

/* -------------------------------------------------------------------------------------------------------------------- */

tg_status tg_csv_check(const tg_csv_text *x, const tg_csv_options *o)
{
    checker   c = {.text = x, .options = o, .first = x->bytes, .rows = x->rows - x->header};
    tg_status s = o->like || o->categories ? list_known(&c) : TG_OK;
    for (int64_t k = 0; x->header && k < x->columns; k++) c.first = tg_csv_next(c.first);
    if (s == TG_OK) s = check_names(&c);
    if (s == TG_OK && (o->like || o->refuse_missing)) s = check_fields(&c);
    if (s == TG_OK) s = check_sizes(&c);
    if (c.known) tg_tape_free_bytes(x->file.tape, c.known, c.capacity * sizeof *c.known);
    return s;
}
