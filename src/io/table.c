/* table.c - tables of named columns: their memory, what they say of themselves, and tensors made of their columns. */
#define _POSIX_C_SOURCE 200809L
#include "io/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <tapegrad/tensor.h>

#include "tensor/format.h"
#include "tensor/fpenv.h"
#include "tensor/text.h"

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static void free_strings(tg_table *table, tg_column *c)
{
    if (c->strings) tg_tape_free_bytes(table->tape, c->strings, c->strings_size);
    if (c->category) tg_tape_free_bytes(table->tape, c->category, (size_t)c->n_categories * sizeof *c->category);
}

void tg_table_drop(tg_table *table)
{
    tg_tape *t = table->tape;
    for (int k = 0; k < table->columns && table->column; k++) free_strings(table, &table->column[k]);
    if (table->by_name) tg_tape_free_bytes(t, table->by_name, (size_t)table->columns * sizeof *table->by_name);
    if (table->column) tg_tape_free_bytes(t, table->column, (size_t)table->columns * sizeof *table->column);
    if (table->cells) tg_tape_free_bytes(t, table->cells, (size_t)table->room * (size_t)table->columns * sizeof *table->cells);
    tg_tape_free_bytes(t, table, sizeof *table);
}

void tg_table_free_owned(tg_owned *self) { tg_table_drop((tg_table *)(void *)self); }

void tg_table_free(tg_table *table)
{
    if (!table || !tg_may(table->tape, TG_IN_FUNCTION, "tg_table_free")) return;
    tg_disown(table->tape, &table->owned);
    tg_table_drop(table);
}

tg_table *tg_table_make(tg_tape *t, const char *function, int64_t rows, int columns)
{
    size_t bytes;
    if (tg_shape_size(&(tg_shape){2, {rows, columns}}, TG_F64, NULL, &bytes) != TG_OK) {
        tg_out_of_memory(t, function);
        return NULL;
    }
    tg_table *table = tg_tape_alloc(t, sizeof *table);
    if (!table) return NULL;
    *table         = (tg_table){.owned = {.free = tg_table_free_owned}, .tape = t, .rows = rows, .room = rows, .columns = columns};
    table->column  = tg_tape_alloc(t, (size_t)columns * sizeof *table->column);
    table->by_name = table->column ? tg_tape_alloc(t, (size_t)columns * sizeof *table->by_name) : NULL;
    table->cells   = table->by_name ? tg_tape_alloc(t, bytes) : NULL;
    if (!table->cells) {
        tg_table_drop(table);
        return NULL;
    }
    for (int k = 0; k < columns; k++) table->column[k].cells = table->cells + (size_t)k * (size_t)rows;
    return table;
}

tg_status tg_table_set_strings(tg_table *table, tg_column *c, const char *name, const char *const *categories, int64_t n)
{
    tg_column made = *c;
    made.n_categories = n;
    made.strings_size = strlen(name) + 1; /* the texts are in memory, all at once: their lengths add up */
    for (int64_t i = 0; i < n; i++) made.strings_size += strlen(categories[i]) + 1;
    made.strings  = tg_tape_alloc(table->tape, made.strings_size);
    made.category = made.strings ? tg_tape_alloc(table->tape, (size_t)n * sizeof *made.category) : NULL;
    if (!made.category) {
        if (made.strings) tg_tape_free_bytes(table->tape, made.strings, made.strings_size);
        return TG_ERR_MEMORY;
    }
    char *at  = stpcpy(made.strings, name) + 1;
    made.name = made.strings;
    for (int64_t i = 0; i < n; i++) {
        made.category[i] = at;
        at               = stpcpy(at, categories[i]) + 1;
    }
    free_strings(table, c);
    *c = made;
    return TG_OK;
}

static int compare_texts(const void *text, const void *category) { return strcmp(text, *(const char *const *)category); }

int64_t tg_table_category_id(const tg_column *c, const char *text)
{
    char *const *found =
        c->n_categories ? bsearch(text, c->category, (size_t)c->n_categories, sizeof *c->category, compare_texts) : NULL;
    return found ? found - c->category : -1;
}

bool tg_table_lacks(const tg_column *c, int64_t row)
{
    return c->type == TG_COLUMN_NUMBERS ? isnan(c->cells[row].number) : c->cells[row].id < 0;
}

static int compare_columns(const void *a, const void *b)
{
    return strcmp((*(const tg_column *const *)a)->name, (*(const tg_column *const *)b)->name);
}

const char *tg_table_index(tg_table *table)
{
    for (int k = 0; k < table->columns; k++) table->by_name[k] = &table->column[k];
    qsort(table->by_name, (size_t)table->columns, sizeof *table->by_name, compare_columns);
    for (int k = 1; k < table->columns; k++)
        if (!strcmp(table->by_name[k - 1]->name, table->by_name[k]->name)) return table->by_name[k]->name;
    return NULL;
}

/* ---- what a table says of itself ----------------------------------------------------------------------------------- */

static const tg_column *column_at(const tg_table *t, int k) { return t && k >= 0 && k < t->columns ? &t->column[k] : NULL; }

int64_t tg_table_rows(const tg_table *t) { return t ? t->rows : 0; }
int     tg_table_columns(const tg_table *t) { return t ? t->columns : 0; }

const char *tg_table_name(const tg_table *t, int k)
{
    const tg_column *c = column_at(t, k);
    return c ? c->name : NULL;
}

static int compare_name(const void *name, const void *column) { return strcmp(name, (*(const tg_column *const *)column)->name); }

int tg_table_find(const tg_table *t, const char *name)
{
    const tg_column *const *found =
        t && name ? bsearch(name, t->by_name, (size_t)t->columns, sizeof *t->by_name, compare_name) : NULL;
    return found ? (int)(*found - t->column) : -1;
}

tg_column_type tg_table_type(const tg_table *t, int k)
{
    const tg_column *c = column_at(t, k);
    return c ? c->type : TG_COLUMN_NUMBERS;
}

int64_t tg_table_missing(const tg_table *t, int k)
{
    const tg_column *c = column_at(t, k);
    int64_t          n = 0;
    for (int64_t i = 0; c && i < t->rows; i++) n += tg_table_lacks(c, i);
    return n;
}

int64_t tg_table_category_count(const tg_table *t, int k)
{
    const tg_column *c = column_at(t, k);
    return c ? c->n_categories : 0;
}

const char *tg_table_category(const tg_table *t, int k, int64_t id)
{
    const tg_column *c = column_at(t, k);
    return c && id >= 0 && id < c->n_categories ? c->category[id] : NULL;
}

/* ---- tensors ------------------------------------------------------------------------------------------------------- */

static const tg_column *named_column(tg_table *t, const char *function, const char *name)
{
    char      text[TG_NAME_TEXT];
    const int k = tg_table_find(t, name);
    if (!name) tg_fail_on(t->tape, TG_ERR_NULL, function, "the name of a column is NULL");
    else if (k < 0) tg_fail_on(t->tape, TG_ERR_ARG, function, "the table has no column %s", tg_name_text(name, text));
    return k < 0 ? NULL : &t->column[k];
}

/* Are these columns of numbers? Puts how many there are in *n, where all of them are meant. */
static tg_status check_columns(tg_table *t, const char *function, const char *const *columns, int *n)
{
    char name[TG_NAME_TEXT];
    if (!columns && *n == 0) {
        for (int k = 0; k < t->columns; k++) *n += t->column[k].type == TG_COLUMN_NUMBERS;
        return TG_OK;
    }
    if (!columns) return tg_fail_on(t->tape, TG_ERR_NULL, function, "columns is NULL, but n is %d; 0 means all columns of numbers", *n);
    if (*n < 0) return tg_fail_on(t->tape, TG_ERR_ARG, function, "n must be 0 or more, got %d", *n);
    for (int i = 0; i < *n; i++) {
        const tg_column *c = named_column(t, function, columns[i]);
        if (!c) return columns[i] ? TG_ERR_ARG : TG_ERR_NULL;
        if (c->type != TG_COLUMN_NUMBERS)
            return tg_fail_on(t->tape, TG_ERR_DTYPE, function, "column %s is of categories; tg_table_labels gives their ids",
                              tg_name_text(c->name, name));
    }
    return TG_OK;
}

/* Floats round: what is a little beyond the largest one, too, as long as it does not become infinite. */
static bool holds(tg_dtype dtype, double x)
{
    float single;
    if (dtype == TG_F32) tg_dtypes[TG_F32].write(&single, x);
    return dtype == TG_F32 ? isinf(x) || !isinf(single) : tg_dtype_holds(dtype, x);
}

static tg_status write_column(tg_table *t, const char *function, const tg_column *c, tg_dtype dtype, char *to, size_t stride)
{
    char name[TG_NAME_TEXT], number[TG_NUMBER_TEXT];
    for (int64_t i = 0; i < t->rows; i++) {
        const double x = c->cells[i].number;
        if (isnan(x) && !tg_dtype_is_float(dtype))
            return tg_fail_on(t->tape, TG_ERR_DTYPE, function, "row %" PRId64 " of column %s is missing, and %s has no NaN", i,
                              tg_name_text(c->name, name), tg_dtype_name(dtype));
        if (!holds(dtype, x))
            return tg_fail_on(t->tape, TG_ERR_DTYPE, function, "row %" PRId64 " of column %s is %s, which %s does not hold", i,
                              tg_name_text(c->name, name), tg_number_text(number, x), tg_dtype_name(dtype));
        tg_dtypes[dtype].write(to + (size_t)i * stride, x);
    }
    return TG_OK;
}

tg_tensor *tg_table_tensor(tg_table *t, tg_dtype dtype, const char *const *columns, int n)
{
    static const char function[] = "tg_table_tensor";
    if (!t) return NULL;
    TG_CALL(t->tape);
    if (!tg_may(t->tape, TG_IN_FUNCTION, function)) return NULL;
    if (!tg_is_dtype(dtype)) {
        tg_fail_on(t->tape, TG_ERR_DTYPE, function, "there is no such dtype");
        return NULL;
    }
    if (check_columns(t, function, columns, &n) != TG_OK) return NULL;
    void          *data;
    tg_status      s    = TG_OK;
    const size_t   item = tg_dtype_size(dtype);
    const tg_node *leaf = tg_new_leaf(t->tape, dtype, &(tg_shape){2, {t->rows, n}}, NULL, &data);
    const tg_fpenv host = tg_fpenv_enter();
    for (int k = 0, i = 0; leaf && s == TG_OK && i < n; k++) {
        const tg_column *c = columns ? &t->column[tg_table_find(t, columns[i])] : &t->column[k];
        if (c->type == TG_COLUMN_NUMBERS) s = write_column(t, function, c, dtype, (char *)data + (size_t)i++ * item, (size_t)n * item);
    }
    tg_fpenv_leave(host);
    return leaf && s == TG_OK ? tg_handle(leaf) : NULL;
}

tg_tensor *tg_table_labels(tg_table *t, const char *column)
{
    static const char function[] = "tg_table_labels";
    if (!t) return NULL;
    TG_CALL(t->tape);
    if (!tg_may(t->tape, TG_IN_FUNCTION, function)) return NULL;
    const tg_column *c = named_column(t, function, column);
    void            *data;
    const tg_node   *leaf = c ? tg_new_leaf(t->tape, TG_I64, &(tg_shape){1, {t->rows}}, NULL, &data) : NULL;
    if (!leaf) return NULL;
    if (c->type == TG_COLUMN_NUMBERS)
        return write_column(t, function, c, TG_I64, data, sizeof(int64_t)) == TG_OK ? tg_handle(leaf) : NULL;
    for (int64_t i = 0; i < t->rows; i++) ((int64_t *)data)[i] = c->cells[i].id;
    return tg_handle(leaf);
}
