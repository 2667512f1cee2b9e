/* table.h - tables of named columns, read from CSV files; and CSV files of tensors. Part of tapegrad.h. */
#ifndef TAPEGRAD_TABLE_H
#define TAPEGRAD_TABLE_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tables of named columns --------------------------------------------------------------------------------------- */

/* Rows of fields under named columns, in memory. A column is of numbers, or of categories: texts, each of which stands for an id, 0, 1, … in
 * the order of their bytes, so that the same texts have the same ids in whatever order the rows come. It belongs to its tape and survives
 * tg_reset. */
typedef struct tg_table tg_table;

typedef enum tg_column_type { TG_COLUMN_NUMBERS, TG_COLUMN_CATEGORIES } tg_column_type;

typedef struct tg_csv_options {
    char delimiter;                /* between fields; 0: ',' */
    bool no_header;                /* the first row has no names: the columns are called "0", "1", … */
    bool refuse_missing;           /* a missing value is an error … */
    bool drop_missing;             /* … or its row is left out. Else it is NaN among numbers and -1 among the ids of categories */
    const char *const *missing;    /* what stands for a missing value besides the empty field, ended by NULL. NULL: NA, N/A, NaN, nan, null, NULL */
    const char *const *categories; /* names of columns that are categories also where all of their fields are numbers, ended by NULL; may be NULL */
    const tg_table    *like;       /* columns of the names that this table has are of the types there, and their categories have the ids there:
                                    * a test set is read like its training set. May be NULL */
} tg_csv_options;

/* Reads a CSV file as RFC 4180 has it: rows end with LF or CRLF, the last one need not; fields are separated by the delimiter; a field in
 * double quotes may hold it, line ends, and quotes that are written twice. There are no comments; a byte order mark of UTF-8 is skipped, and
 * so are empty lines, but where there is one column: there they are missing values. Blanks and tabs around numbers do not count. A
 * column is of numbers when each of its fields is missing or one, whether quoted or not: decimal, with '.' whatever the locale is, "inf" and
 * "infinity" in any case; rounded to the nearest double. In any other column each field is a category, byte for byte.
 *
 * Everything is in memory in the end, 8 bytes for a field; while it is read, the file's bytes as well, and no more than these before all is known to be
 * right. options may be NULL. NULL after an error:
 * TG_ERR_IO where the system refuses; TG_ERR_FORMAT for a row with more or fewer fields than the first (the sentence says in which line and at which byte of
 * it the first surplus field begins, or the field of which column is missing), a quoted field that does
 * not end, text behind a closing quote, a zero byte, a carriage return that ends no line, names that two columns have, a number that is more than
 * a double holds, a missing value where they are refused, a field that is not of the column's type or categories in `like`;
 * TG_ERR_ARG for a delimiter that is a quote, a line end, a digit or the like, and a name in `categories` that no column has. */
TG_API tg_table *tg_csv_read(tg_tape *tape, const char *path, const tg_csv_options *options) TG_MUST_USE;

TG_API int64_t        tg_table_rows(const tg_table *t); /* 0 for NULL */
TG_API int            tg_table_columns(const tg_table *t); /* 0 for NULL */
TG_API const char    *tg_table_name(const tg_table *t, int column);          /* NULL outside 0 … columns-1 */
TG_API int            tg_table_find(const tg_table *t, const char *name);    /* the column of this name; -1: there is none */
TG_API tg_column_type tg_table_type(const tg_table *t, int column); /* of numbers, or of categories */
TG_API int64_t        tg_table_missing(const tg_table *t, int column);       /* how many of its values are missing; 0 outside 0 … columns-1 */
TG_API int64_t        tg_table_category_count(const tg_table *t, int column);         /* 0 for a column of numbers */
TG_API const char    *tg_table_category(const tg_table *t, int column, int64_t id);   /* NULL outside 0 … count-1 */

/* Columns of numbers, by name, side by side: a new tensor [rows, n]. columns NULL: all columns of numbers, in their order; then n is 0. Floats
 * are rounded to the dtype; TG_ERR_DTYPE for a number that an integer dtype or bool does not hold, NaN for a missing one among them. A missing
 * float is NaN, and so is whatever is trained on it: tg_table_missing tells, tg_nan_to_num fills. */
TG_API tg_tensor *tg_table_tensor(tg_table *t, tg_dtype dtype, const char *const *columns, int n);

/* One column as labels: a new tensor of i64 [rows]. The ids of a column of categories, -1 where the value is missing, which losses refuse
 * (tg_loss_options' ignore_index of -1 has them left out); of a column of
 * numbers the numbers, all of which have to be whole and there (TG_ERR_DTYPE). */
TG_API tg_tensor *tg_table_labels(tg_table *t, const char *column);

TG_API void tg_table_free(tg_table *t); /* before the tape's end, where wished; NULL is allowed */

/* ---- writing CSV files --------------------------------------------------------------------------------------------- */

/* Writes x, [rows, columns] or [rows] for a single one, of any dtype, as such a file with ',' and LF. names: one for each column, put
 * between quotes where they need it; NULL: there is no header. Floats have the fewest digits of which the same bits are read (NaN: an empty
 * field, -0: "-0"), bools are 0 and 1. The file is complete or the old one stays, as with tg_save. */
TG_API tg_status tg_csv_write(const char *path, const char *const *names, tg_tensor *x);

#ifdef __cplusplus
}
#endif
#endif
