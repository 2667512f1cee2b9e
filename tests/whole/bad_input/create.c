/* create.c - rows of what makes tensors, of choices, and of what changes none. */
#include "bad_input.h"

static const double data[6] = {0};

#define SHAPE_  SHAPED(TG_SHAPE(2, 3))
#define DTYPE_  N(TG_F64, BAD(DTYPE, -1, TG_NDTYPES, INT_MAX))
#define COUNTED N(3, BAD(ARG, -1, INT64_MIN), ALSO(SHAPE, INT64_MAX))
#define DATA    POINTS(data, WRONG(NULL, NULL, NULL))

static void made(void)
{
    CALL(tg_from_data, TAPE, DTYPE_, SHAPE_, DATA), CALL(tg_from_f32, TAPE, SHAPE_, DATA), CALL(tg_from_f64, TAPE, SHAPE_, DATA),
        CALL(tg_from_i64, TAPE, SHAPE_, DATA), CALL(tg_borrow, TAPE, DTYPE_, SHAPE_, DATA);
    CALL(tg_full, TAPE, N(TG_F32, BAD(DTYPE, -1, TG_NDTYPES, INT_MAX)), SHAPE_, OF_THE_DTYPE(2)), CALL(tg_zeros, TAPE, SHAPE_), CALL(tg_ones, TAPE, SHAPE_),
        CALL(tg_scalar, TAPE, OF_THE_DTYPE(2));
    CALL(tg_zeros_like, OF_ANY(2, 3)), CALL(tg_ones_like, OF_ANY(2, 3)), CALL(tg_arange, TAPE, DTYPE_, COUNTED), CALL(tg_full_like, NUMBERS(2, 3), OF_THE_DTYPE(2));
    CALL(tg_arange_step, TAPE, DTYPE_, X(0, BAD(ARG, NOT_FINITE)), X(3, BAD(ARG, NOT_FINITE)), X(1, BAD(ARG, 0, NOT_FINITE)));
    CALL(tg_linspace, TAPE, OF_THE_DTYPE(0), OF_THE_DTYPE(1), COUNTED), CALL(tg_logspace, TAPE, OF_THE_DTYPE(0), OF_THE_DTYPE(1), COUNTED),
        CALL(tg_eye, TAPE, N(3, BAD(SHAPE, -1), ALSO(SHAPE, INT64_MIN, INT64_MAX, 4294967296.0L)));
    CALL(tg_detach, OF_ANY(2, 3)), CALL(tg_want, OF_ANY(2, 3));
}

static void drawn(void)
{
    CALL(tg_rand, TAPE, SHAPE_), CALL(tg_randn, TAPE, SHAPE_), CALL(tg_glorot, TAPE, SHAPE_), CALL(tg_kaiming, TAPE, SHAPE_),
        CALL(tg_bernoulli, TAPE, SHAPE_, PROBABILITY);
    CALL(tg_uniform, TAPE, SHAPE_, X(0, BAD(ARG, 2, NOT_FINITE)), X(1, BAD(ARG, -1, NOT_FINITE)));
    CALL(tg_randint, TAPE, SHAPE_, N(0, BAD(ARG, 5, 6, INT64_MAX)), N(5, BAD(ARG, 0, -1, INT64_MIN))), CALL(tg_randperm, TAPE, COUNTED);
    CALL(tg_normal, TAPE, SHAPE_, FINITE(0), NOT_NEGATIVE(1)), CALL(tg_exponential, TAPE, SHAPE_, X(1, BAD(ARG, 0, -1, NOT_FINITE)));
    CALL(tg_truncated_normal, TAPE, SHAPE_,
         OPTIONS(OPTION(ARG, "mean", tg_truncated_normal_options, .mean = NAN), OPTION(ARG, "deviation -1", tg_truncated_normal_options, .std = -1),
                 OPTION(ARG, "deviation", tg_truncated_normal_options, .std = NAN), OPTION(ARG, NULL, tg_truncated_normal_options, .lo = 2, .hi = 1),
                 OPTION(ARG, NULL, tg_truncated_normal_options, .lo = NAN, .hi = 1), OPTION(ARG, NULL, tg_truncated_normal_options, .lo = 100, .hi = 101)));
}

static void begun(void)
{
    CALL(tg_xavier_uniform, TAPE, SHAPE_, NOT_NEGATIVE(1)), CALL(tg_xavier_normal, TAPE, SHAPE_, NOT_NEGATIVE(1)), CALL(tg_orthogonal, TAPE, SHAPE_, NOT_NEGATIVE(1));
    CALL(tg_kaiming_uniform, TAPE, SHAPE_,
         OPTIONS(OPTION(ARG, "activation", tg_kaiming_options, .activation = "x"), OPTION(ARG, "slope", tg_kaiming_options, .activation = "leaky_relu", .slope = NAN)));
    CALL(tg_kaiming_normal, TAPE, SHAPE_, OPTIONS(OPTION(ARG, "activation", tg_kaiming_options, .activation = "")));
    CALL(tg_sparse_normal, TAPE, SHAPE_, PROBABILITY, NOT_NEGATIVE(1)), CALL(tg_identity, TAPE, SHAPE_);
    CALL(tg_dirac, TAPE, SHAPED(TG_SHAPE(4, 2, 3)), N(1, BAD(ARG, 0, -1, 3)));
}

static void by_parameters(void)
{
    CALL(tg_standard_gamma, FLOATS(2, 3), OUT), CALL(tg_bernoulli_of, FLOATS(2, 3)), CALL(tg_dirichlet, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8))), CALL(tg_chisquare, FLOATS(2, 3)),
        CALL(tg_standard_t, FLOATS(2, 3));
    CALL(tg_rand_beta, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(2, 4))), TENSOR(FLOAT, TG_SHAPE(3), MISFITS(TG_SHAPE(2))));
}

static void chosen(void)
{
    CALL(tg_multinomial, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_SHAPE), N(2, BAD(ARG, -1, INT64_MIN), ALSO(SHAPE, 4)), TRUTH);
    CALL(tg_multinomial, TENSOR(FLOAT, TG_SHAPE(2, 3), .nothing = TG_ERR_SHAPE), N(2, BAD(ARG, -1, INT64_MIN), ALSO(SHAPE, INT64_MAX)),
         {.kind = AN_INTEGER, .good.n = 1});
    CALL(tg_categorical, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8), .nothing = TG_ERR_SHAPE));
    CALL(tg_gumbel_softmax, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(1, 8)), AXIS,
         OPTIONS(OPTION(ARG, "tau", tg_gumbel_softmax_options, .tau = -1), OPTION(ARG, "tau", tg_gumbel_softmax_options, .tau = NAN),
                 OPTION(ARG, "tau", tg_gumbel_softmax_options, .tau = INFINITY)));
    CALL(tg_straight_through, TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3), TG_SHAPE(2, 4))),
         TENSOR(FLOAT, TG_SHAPE(2, 3), MISFITS(TG_SHAPE(3), TG_SHAPE(2, 4))));
}

void rows_create(void)
{
    made();
    drawn();
    begun();
    by_parameters();
    chosen();
}
