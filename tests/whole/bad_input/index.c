/* index.c - rows of indexing and of triangles. */
#include "bad_input.h"

#define PLACES_OF(RANGE, ...) TENSOR(INDEX, TG_SHAPE(__VA_ARGS__), .range = (RANGE))

static void picked(void)
{
    CALL(tg_one_hot, TENSOR(INDEX, TG_SHAPE(2, 3), RANKS(0, 7), .range = 4, .from_start = true), N(4, BAD(ARG, -1, INT64_MIN), ALSO(SHAPE, INT64_MAX)));
    CALL(tg_gather, TENSOR(ANY, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3), TG_SHAPE(1, 3))), AXIS,
         TENSOR(INDEX, TG_SHAPE(2, 4), RANKS(2, 2), .range = 3, MISFITS(TG_SHAPE(3, 4))));
    CALL(tg_index_select, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), AXIS, TENSOR(INDEX, TG_SHAPE(4), RANKS(1, 1), .range = 3));
    CALL(tg_take, OF_ANY(2, 3), TENSOR(INDEX, TG_SHAPE(2, 4), .range = 6));
    CALL(tg_embedding, TENSOR(ANY, TG_SHAPE(5, 3), RANKS(2, 2)), TENSOR(INDEX, TG_SHAPE(2, 4), RANKS(0, 7), .range = 5));
    CALL(tg_embedding_padded, TENSOR(ANY, TG_SHAPE(5, 3), RANKS(2, 2)), TENSOR(INDEX, TG_SHAPE(2, 4), RANKS(0, 7), .range = 5),
         N(0, BAD(INDEX, 5, -6, INT64_MAX, INT64_MIN)));
    CALL(tg_embedding_bag, TENSOR(FLOAT, TG_SHAPE(5, 3), RANKS(2, 2)), TENSOR(INDEX, TG_SHAPE(4), RANKS(1, 1), .range = 5),
         TENSOR(INDEX, TG_SHAPE(1), RANKS(1, 1), .zeros = true, .optional = true), TRUTH);
    CALL(tg_embedding_bag, TENSOR(FLOAT, TG_SHAPE(5, 3), RANKS(2, 2)), TENSOR(INDEX, TG_SHAPE(2, 4), RANKS(1, 8), .range = 5), GIVEN(NULL), TRUTH);
    CALL(tg_take_along, TENSOR(ANY, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3), TG_SHAPE(4, 3))), AXIS,
         TENSOR(INDEX, TG_SHAPE(2, 4), RANKS(2, 2), .range = 3, MISFITS(TG_SHAPE(3, 4))));
    CALL(tg_index, TENSOR(ANY, TG_SHAPE(4, 4), RANKS(2, 8), .misfit = TG_ERR_ARG), LIST(INDEX, TG_SHAPE(3), .range = 4, MISFITS(TG_SHAPE(2))),
         N(2, BAD(ARG, 0, -1, 3, INT_MAX, INT_MIN)));
    CALL(tg_masked_select, TENSOR(ANY, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), TENSOR(BOOLEAN, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))));
    CALL(tg_nonzero, OF_ANY(2, 3));
    CALL(tg_tril, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), N(INT64_MIN)), CALL(tg_triu, TENSOR(ANY, TG_SHAPE(2, 3), RANKS(2, 8)), N(INT64_MAX));
}

static void put_at_places(void)
{
    CALL(tg_scatter, TENSOR(ANY, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3), TG_SHAPE(1, 3))), AXIS,
         TENSOR(INDEX, TG_SHAPE(2, 4), RANKS(2, 2), .range = 3, MISFITS(TG_SHAPE(3, 4), TG_SHAPE(2, 5))),
         TENSOR(ANY, TG_SHAPE(2, 4), RANKS(2, 2), MISFITS(TG_SHAPE(1, 4), TG_SHAPE(2, 3))));
    CALL(tg_scatter_add, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3), TG_SHAPE(1, 3))), AXIS,
         TENSOR(INDEX, TG_SHAPE(2, 4), RANKS(2, 2), .range = 3, MISFITS(TG_SHAPE(3, 4), TG_SHAPE(2, 5))),
         TENSOR(FLOAT, TG_SHAPE(2, 4), RANKS(2, 2), MISFITS(TG_SHAPE(1, 4), TG_SHAPE(2, 3))));
    CALL(tg_index_add, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3, 3), TG_SHAPE(3))), AXIS,
         TENSOR(INDEX, TG_SHAPE(4), RANKS(1, 1), .range = 3, MISFITS(TG_SHAPE(3))),
         TENSOR(FLOAT, TG_SHAPE(2, 4), RANKS(2, 2), MISFITS(TG_SHAPE(3, 4), TG_SHAPE(2, 3))));
    CALL(tg_index_put, TENSOR(ANY, TG_SHAPE(4, 4), RANKS(2, 8), .misfit = TG_ERR_ARG), LIST(INDEX, TG_SHAPE(3), .range = 4, MISFITS(TG_SHAPE(2))),
         N(2, BAD(ARG, 0, -1, 3, INT_MAX, INT_MIN)), TENSOR(ANY, TG_SHAPE(3), MISFITS(TG_SHAPE(2), TG_SHAPE(3, 3))), TRUTH);
    CALL(tg_index_put, TENSOR(FLOAT, TG_SHAPE(4, 4)), LIST(INDEX, TG_SHAPE(3), .range = 4), N(2), TENSOR(FLOAT, TG_SHAPE(3)),
         {.kind = AN_INTEGER, .good.n = 1});
    CALL(tg_scatter_reduce, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3), TG_SHAPE(1, 3))), AXIS,
         TENSOR(INDEX, TG_SHAPE(2, 4), RANKS(2, 2), .range = 3, MISFITS(TG_SHAPE(3, 4), TG_SHAPE(2, 5))),
         TENSOR(FLOAT, TG_SHAPE(2, 4), RANKS(2, 2), MISFITS(TG_SHAPE(1, 4), TG_SHAPE(2, 3))),
         OPTIONS(OPTION(ARG, "5", tg_scatter_options, .reduce = (tg_scatter_how)5), OPTION(ARG, "-1", tg_scatter_options, .reduce = (tg_scatter_how)-1)));
    CALL(tg_masked_scatter, TENSOR(ANY, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), TENSOR(BOOLEAN, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4), TG_SHAPE(2, 2, 3))),
         TENSOR(ANY, TG_SHAPE(6)));
    CALL(tg_masked_fill, TENSOR(NUMBER, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), TENSOR(BOOLEAN, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), OF_THE_DTYPE(2));
    CALL(tg_segment_sum, TENSOR(FLOAT, TG_SHAPE(4, 3), RANKS(1, 8), MISFITS(TG_SHAPE(3, 3))),
         TENSOR(INDEX, TG_SHAPE(4), RANKS(1, 1), .range = 5, .from_start = true, MISFITS(TG_SHAPE(3))), N(5, BAD(ARG, -1, INT64_MIN), ALSO(SHAPE, INT64_MAX)));
    CALL(tg_segment_mean, TENSOR(FLOAT, TG_SHAPE(4, 3), RANKS(1, 8), MISFITS(TG_SHAPE(3, 3))),
         TENSOR(INDEX, TG_SHAPE(4), RANKS(1, 1), .range = 5, .from_start = true, MISFITS(TG_SHAPE(3))), N(5, BAD(ARG, -1, INT64_MIN), ALSO(SHAPE, INT64_MAX)));
}

void rows_index(void)
{
    picked();
    put_at_places();
}
