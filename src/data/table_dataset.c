/* table_dataset.c - a data set out of a table: one column as target, the columns of numbers as x. */
#include <string.h>
#include <tapegrad/data.h>
#include <tapegrad/tensor.h>

#include "graph/graph.h"
#include "io/table.h"
#include "tensor/text.h"

static const char function[] = "tg_table_dataset";

/* The names of all columns of numbers but the target's; returns how many. */
static int list_numbers(const tg_table *table, int target, const char **names)
{
    int n = 0;
    for (int k = 0; k < tg_table_columns(table); k++)
        if (k != target && tg_table_type(table, k) == TG_COLUMN_NUMBERS) names[n++] = tg_table_name(table, k);
    return n;
}

/* A missing value would make a loss NaN, or be a label that no class has. */
static bool is_complete(const tg_table *table, int target)
{
    char text[TG_NAME_TEXT];
    for (int k = 0; k < table->columns; k++) {
        const int64_t missing = k == target || tg_table_type(table, k) == TG_COLUMN_NUMBERS ? tg_table_missing(table, k) : 0;
        if (!missing) continue;
        tg_fail_on(table->tape, TG_ERR_ARG, function,
                   "column %s lacks %lld of its %lld values; read the file with drop_missing, or fill them (tg_table_tensor, tg_nan_to_num) for tg_tensor_dataset",
                   tg_name_text(tg_table_name(table, k), text), (long long)missing, (long long)table->rows);
        return false;
    }
    return true;
}

tg_dataset *tg_table_dataset(tg_table *table, const char *target)
{
    char text[TG_NAME_TEXT];
    if (!table) return NULL;
    tg_tape *t = table->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    const int column = target ? tg_table_find(table, target) : -1, columns = tg_table_columns(table);
    if (target && column < 0) {
        tg_fail_on(t, TG_ERR_ARG, function, "the table has no column %s", tg_name_text(target, text));
        return NULL;
    }
    if (!is_complete(table, column)) return NULL;
    const size_t bytes = (size_t)columns * sizeof(char *);
    const char **names = tg_tape_alloc(t, bytes);
    const int    n = names ? list_numbers(table, column, names) : 0;
    tg_tensor   *x = NULL, *y = NULL;
    if (names && n == 0)
        tg_fail_on(t, TG_ERR_ARG, function, target ? "no column but %s is of numbers" : "no column is of numbers",
                   tg_name_text(target ? target : "", text));
    if (n > 0) x = tg_table_tensor(table, t->dtype, names, n);
    if (names) tg_tape_free_bytes(t, names, bytes);
    if (x && target)
        y = tg_table_type(table, column) == TG_COLUMN_NUMBERS ? tg_table_tensor(table, t->dtype, &target, 1) : tg_table_labels(table, target);
    return x && (y || !target) ? tg_tensor_dataset(x, y) : NULL;
}
