/* csv.c - a CSV file as a table: which columns are of numbers, which of categories, and what is missing.
 *
 * When there is a table nothing in the file can be wrong any more: what is refused has taken no memory but its bytes. Fields are read twice then.
 * First as numbers, for all columns; a column with a field that is none is of categories, and gets the addresses of its fields, then their ids. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "io/categories.h"
#include "io/csv_check.h"
#include "io/decimal.h"
#include "io/table.h"
#include "tensor/fpenv.h"

typedef struct reader {
    tg_tape              *tape;
    const char           *function;
    const tg_csv_options *options;
    tg_csv_text           text;
    const char           *first; /* the first field that is data */
    tg_table             *table;
} reader;

/* The column of the table that this one is to be like, or NULL. */
static const tg_column *model_of(const reader *r, const tg_column *c)
{
    const int k = tg_table_find(r->options->like, c->name);
    return k < 0 ? NULL : &r->options->like->column[k];
}

/* ---- names and types ----------------------------------------------------------------------------------------------- */

static tg_status set_names(reader *r)
{
    char        number[TG_CSV_NUMBER];
    const char *field = r->text.bytes;
    for (int k = 0; k < r->table->columns; k++) {
        const char     *name = r->text.header ? field : tg_csv_name(&r->text, k, number);
        const tg_status s    = tg_table_set_strings(r->table, &r->table->column[k], name, NULL, 0);
        if (s != TG_OK) return s;
        if (r->text.header) field = tg_csv_next(field);
    }
    r->first = field;
    if (!tg_table_index(r->table)) return TG_OK; /* they were different */
    return tg_fail_on(r->tape, TG_ERR_IO, r->function, "%s changed while it was read", r->text.file.path);
}

/* The types that are decided from outside. */
static void set_types(reader *r)
{
    for (int k = 0; k < r->table->columns; k++) {
        const tg_column *model = model_of(r, &r->table->column[k]);
        if (model) r->table->column[k].type = model->type;
    }
    for (const char *const *name = r->options->categories; name && *name; name++)
        r->table->column[tg_table_find(r->table, *name)].type = TG_COLUMN_CATEGORIES;
}

/* ---- fields -------------------------------------------------------------------------------------------------------- */

static void read_number(const reader *r, tg_column *c, int64_t row, const char *field)
{
    double *x = &c->cells[row].number;
    *x        = (double)NAN;
    if (!tg_csv_is_missing(r->options, field) && !tg_decimal_read(field, x)) c->type = TG_COLUMN_CATEGORIES;
}

static void read_text(const reader *r, const tg_column *c, int64_t row, const char *field)
{
    c->cells[row].text = tg_csv_is_missing(r->options, field) ? NULL : field;
}

/* All fields as numbers, where their column is still one of them; or, when it is known which columns are, the texts of the others. */
static void read_fields(reader *r, bool texts)
{
    const char *field = r->first;
    for (int64_t row = 0; row < r->table->rows; row++)
        for (int k = 0; k < r->table->columns; k++, field = tg_csv_next(field)) {
            tg_column *c = &r->table->column[k];
            if (c->type == TG_COLUMN_NUMBERS && !texts) read_number(r, c, row, field);
            if (c->type == TG_COLUMN_CATEGORIES && texts) read_text(r, c, row, field);
        }
}

/* ---- categories ---------------------------------------------------------------------------------------------------- */

static tg_status find_categories(reader *r, tg_column *c)
{
    tg_categories    found = {.tape = r->tape};
    const tg_column *model = model_of(r, c);
    tg_status        s     = TG_OK;
    if (model && model->type == TG_COLUMN_CATEGORIES)
        return tg_table_set_strings(r->table, c, c->name, (const char *const *)model->category, model->n_categories);
    for (int64_t row = 0; row < r->table->rows && s == TG_OK; row++)
        if (c->cells[row].text) s = tg_categories_add(&found, c->cells[row].text);
    tg_categories_sort(&found);
    if (s == TG_OK) s = tg_table_set_strings(r->table, c, c->name, found.text, (int64_t)found.n);
    tg_categories_free(&found);
    return s;
}

static void number_categories(const tg_table *t, tg_column *c)
{
    for (int64_t row = 0; row < t->rows; row++) {
        const char *text = c->cells[row].text;
        c->cells[row].id = text ? tg_table_category_id(c, text) : -1;
    }
}

/* ---- the table ----------------------------------------------------------------------------------------------------- */

static tg_status fill(reader *r)
{
    tg_status s = set_names(r);
    if (s != TG_OK) return s;
    set_types(r);
    read_fields(r, false);
    read_fields(r, true);
    for (int k = 0; k < r->table->columns && s == TG_OK; k++) {
        tg_column *c = &r->table->column[k];
        if (c->type != TG_COLUMN_CATEGORIES) continue;
        s = find_categories(r, c);
        if (s == TG_OK) number_categories(r->table, c);
    }
    return s;
}

/* Rows that lack a value go: those behind them move up. */
static void drop_incomplete(tg_table *t)
{
    int64_t kept = 0;
    for (int64_t row = 0; row < t->rows; row++) {
        int k = 0;
        while (k < t->columns && !tg_table_lacks(&t->column[k], row)) k++;
        if (k < t->columns) continue;
        for (k = 0; k < t->columns; k++) t->column[k].cells[kept] = t->column[k].cells[row];
        kept++;
    }
    t->rows = kept;
}

static tg_status check_options(const reader *r)
{
    const char d = r->text.delimiter;
    if (strchr("\"\r\n.+-eE ", d) || (d >= '0' && d <= '9'))
        return tg_fail_on(r->tape, TG_ERR_ARG, r->function, "a quote, a line end, a blank or part of a number can't be the delimiter; "
                          "',', ';' and '\\t' are usual");
    if (r->options->refuse_missing && r->options->drop_missing)
        return tg_fail_on(r->tape, TG_ERR_ARG, r->function, "refuse_missing and drop_missing both say what a missing value means: only one of them can");
    if (r->options->like && r->options->like->tape != r->tape)
        return tg_fail_on(r->tape, TG_ERR_TAPE, r->function, "options.like is a table of another tape");
    return TG_OK;
}

tg_table *tg_csv_read(tg_tape *t, const char *path, const tg_csv_options *options)
{
    static const char           function[] = "tg_csv_read";
    static const tg_csv_options usual      = {.delimiter = ','};
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (!path) {
        tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
        return NULL;
    }
    reader r         = {.tape = t, .function = function, .options = options ? options : &usual};
    r.text.file      = (tg_input_file){.tape = t, .function = function, .fd = -1};
    r.text.delimiter = r.options->delimiter ? r.options->delimiter : ',';
    r.text.header    = !r.options->no_header;
    tg_path_text(path, r.text.file.path);
    const tg_fpenv host = tg_fpenv_enter();
    tg_status      s    = check_options(&r);
    if (s == TG_OK) s = tg_csv_open(&r.text, path);
    if (s == TG_OK) s = tg_csv_check(&r.text, r.options);
    if (s == TG_OK) r.table = tg_table_make(t, function, r.text.rows - r.text.header, (int)r.text.columns);
    if (r.table) s = fill(&r);
    if (r.table && s == TG_OK && r.options->drop_missing) drop_incomplete(r.table);
    if (r.table && s == TG_OK) tg_own(t, &r.table->owned);
    if (r.table && s != TG_OK) tg_table_drop(r.table);
    tg_csv_close(&r.text);
    tg_fpenv_leave(host);
    return s == TG_OK ? r.table : NULL;
}
