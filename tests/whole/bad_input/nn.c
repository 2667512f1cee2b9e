/* nn.c - rows of normalisation, distances and dropout. */
#include "bad_input.h"

#define CHANNELS_(N_) TENSOR(FLOAT, TG_SHAPE(N_), RANKS(1, 1), .optional = true, MISFITS(TG_SHAPE(N_ + 1), TG_SHAPE(1)))

#define RUNNING(SAYS, ...) OPTION(ARG, SAYS, tg_batch_norm_options, __VA_ARGS__)
#define RUNNING_OPTIONS                                                                                                                                        \
    OPTIONS(RUNNING("eps", .eps = -1), RUNNING("eps", .eps = NAN), RUNNING("eps", .eps = INFINITY), RUNNING("momentum", .momentum = 1.5),                      \
            RUNNING("momentum", .momentum = -1), RUNNING("momentum", .momentum = NAN))

static void norms(void)
{
    CALL(tg_layer_norm, TENSOR(FLOAT, TG_SHAPE(2, 4), RANKS(1, 8)), N(1, BAD(SHAPE, 0, -1, 3, INT_MAX, INT_MIN)), CHANNELS_(4), CHANNELS_(4),
         NOT_NEGATIVE(1e-5));
    CALL(tg_rms_norm, TENSOR(FLOAT, TG_SHAPE(2, 4), RANKS(1, 8)), N(1, BAD(SHAPE, 0, -1, 3, INT_MAX, INT_MIN)), CHANNELS_(4), NOT_NEGATIVE(1e-5));
    CALL(tg_batch_norm, TENSOR(FLOAT, TG_SHAPE(2, 3, 4), RANKS(2, 8)), CHANNELS_(3), CHANNELS_(3), RUNNING_OPTIONS);
    CALL(tg_group_norm, TENSOR(FLOAT, TG_SHAPE(2, 4, 3), RANKS(2, 8)), N(2, BAD(ARG, 0, -1, INT64_MIN), ALSO(ARG, 3, INT64_MAX)), CHANNELS_(4), CHANNELS_(4),
         NOT_NEGATIVE(1e-5));
    CALL(tg_instance_norm, TENSOR(FLOAT, TG_SHAPE(2, 3, 4), RANKS(3, 8), MISFITS(TG_SHAPE(2, 3, 1))), CHANNELS_(3), CHANNELS_(3), NOT_NEGATIVE(1e-5));
    CALL(tg_instance_norm_running, TENSOR(FLOAT, TG_SHAPE(2, 3, 4), RANKS(3, 8), MISFITS(TG_SHAPE(2, 3, 1))), CHANNELS_(3), CHANNELS_(3), RUNNING_OPTIONS);
    CALL(tg_local_response_norm, TENSOR(FLOAT, TG_SHAPE(2, 3, 4), RANKS(2, 8)), N(2, BAD(ARG, 0, -1, INT64_MIN)),
         OPTIONS(OPTION(ARG, "alpha", tg_local_response_norm_options, .alpha = NAN), OPTION(ARG, "beta", tg_local_response_norm_options, .beta = INFINITY),
                 OPTION(ARG, "k", tg_local_response_norm_options, .k = NAN)));
    CALL(tg_normalize, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8)), X(2, BAD(ARG, NAN)), AXIS, NOT_NEGATIVE(1e-12));
    tg_tensor *buffer = tg_buffer(the_tape(), "u", ones(TG_F32, TG_SHAPE(2)));
    CALL(tg_spectral_norm, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(2, 8), .tied = true, MISFITS(TG_SHAPE(3, 3))), GIVEN(buffer), N(1, BAD(ARG, -1, INT_MIN)));
    tg_release(buffer);
    CALL(tg_weight_norm, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8)), TENSOR(FLOAT, TG_SHAPE(3), RANKS(1, 1), MISFITS(TG_SHAPE(2))), AXIS);
}

static void distances(void)
{
    CALL(tg_pairwise_distance, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8), MISFITS(TG_SHAPE(2, 4))), TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))),
         OPTIONS(OPTION(ARG, "p is NaN", tg_pairwise_distance_options, .p = NAN), OPTION(ARG, "eps", tg_pairwise_distance_options, .eps = NAN),
                 OPTION(ARG, "eps", tg_pairwise_distance_options, .eps = INFINITY)));
    CALL(tg_cosine_similarity, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), AXIS,
         NOT_NEGATIVE(1e-8));
    CALL(tg_cdist, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(2, 8), MISFITS(TG_SHAPE(2, 4))), TENSOR(FLOAT, TG_SHAPE(4, 3), RANKS(2, 8), MISFITS(TG_SHAPE(3, 4))),
         X(2, BAD(ARG, NAN)));
}

void rows_nn(void)
{
    norms();
    distances();
    CALL(tg_dropout, FLOATS(2, 3), PROBABILITY), CALL(tg_dropout2d, TENSOR(FLOAT, TG_SHAPE(2, 3, 4), RANKS(2, 8)), PROBABILITY),
        CALL(tg_alpha_dropout, FLOATS(2, 3), PROBABILITY);
    CALL(tg_accuracy, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8)),
         TENSOR(INDEX, TG_SHAPE(2), RANKS(1, 1), .range = 3, .from_start = true, MISFITS(TG_SHAPE(3))));
    CALL(tg_topk_accuracy, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8)), TENSOR(INDEX, TG_SHAPE(2), RANKS(1, 1), .range = 3, .from_start = true, MISFITS(TG_SHAPE(3))),
         N(1, BAD(ARG, 0, -1, 4, INT64_MIN, INT64_MAX)));
    CALL(tg_confusion_matrix, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8)),
         TENSOR(INDEX, TG_SHAPE(2), RANKS(1, 1), .range = 3, .from_start = true, MISFITS(TG_SHAPE(3))));
}
