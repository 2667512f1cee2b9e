/* csv_text.h - the fields of a CSV file, as texts behind each other in memory. */
#ifndef TG_CSV_TEXT_H
#define TG_CSV_TEXT_H

#include "io/input_file.h"

/* The file's bytes, made into its fields: row after row, each field without quotes and with a zero byte at its end. */
typedef struct tg_csv_text {
    tg_input_file file;
    char          delimiter;
    bool          header; /* the first row has names, all different */
    char         *bytes;
    size_t        size;    /* of the memory: the file's size and one */
    int64_t       rows;    /* each of … */
    int64_t       columns; /* … so many fields */
} tg_csv_text;

/* Opens and reads the file; file.tape, file.function, file.path, delimiter and header are set. No memory is taken but for the file's bytes, whatever
 * they are. After an error, too, it has to be closed. */
tg_status tg_csv_open(tg_csv_text *x, const char *path);
void      tg_csv_close(tg_csv_text *x);

/* The name of a column: that in the first row, or its number, from 0 on. */
enum { TG_CSV_NUMBER = 24 };
const char *tg_csv_name(const tg_csv_text *x, int64_t column, char number[TG_CSV_NUMBER]);

/* The field behind this one. */
static inline const char *tg_csv_next(const char *field) { return field + strlen(field) + 1; }

#endif
