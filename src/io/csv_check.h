/* csv_check.h - what the options and numbers refuse in a CSV file, found out before there is a table. */
#ifndef TG_CSV_CHECK_H
#define TG_CSV_CHECK_H

#include <tapegrad/table.h>

#include "io/csv_text.h"

/* Whether a table can be made of these fields: the columns that options.categories names are there, no value is missing where that is refused,
 * fields are of the types and among the categories of options.like, and no column of numbers has one that is beyond doubles. It takes no memory
 * but for a list of the columns that the options speak of, whatever is in the file. */
tg_status tg_csv_check(const tg_csv_text *x, const tg_csv_options *options);

/* Does the field stand for a missing value? */
bool tg_csv_is_missing(const tg_csv_options *options, const char *field);

#endif
