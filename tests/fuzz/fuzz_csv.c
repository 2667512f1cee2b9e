/* fuzz_csv.c - any bytes as a CSV file; the first byte says with which options. */
#define _GNU_SOURCE
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned       choice  = size ? data[0] : 0;
    const tg_csv_options options = {.delimiter = choice & 1 ? ';' : ',', .no_header = choice & 2, .refuse_missing = choice & 4};
    tg_tape             *t       = fuzz_tape();
    const size_t         before  = memory.held;
    tg_table            *x       = tg_csv_read(t, size ? fuzz_file(data + 1, size - 1) : fuzz_file(data, 0), &options);
    fuzz_read(t, x != NULL, before, size + FUZZ_SLACK);
    if (x) fuzz_look(tg_table_tensor(x, TG_F64, NULL, 0));
    for (int k = 0; k < tg_table_columns(x); k++) {
        const int64_t n = tg_table_category_count(x, k);
        REQUIRE(tg_table_find(x, tg_table_name(x, k)) == k);
        if (tg_table_type(x, k) != TG_COLUMN_CATEGORIES) continue;
        for (int64_t i = 1; i < n; i++) REQUIRE(strcmp(tg_table_category(x, k, i - 1), tg_table_category(x, k, i)) < 0);
        tg_tensor     *labels = tg_table_labels(x, tg_table_name(x, k));
        const int64_t *ids    = tg_data_i64(labels);
        for (int64_t i = 0; i < tg_numel(labels); i++) REQUIRE(ids[i] >= -1 && ids[i] < n);
    }
    fuzz_done(t);
    return 0;
}
