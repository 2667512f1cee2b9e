/* pointwise.c - rows of ops that go element by element. */
#include "bad_input.h"

#define UNARY(NAME)        CALL(NAME, FLOATS(2, 3))
#define UNARY_ANY(NAME)    CALL(NAME, NUMBERS(2, 3))
#define APART              MISFITS(TG_SHAPE(2, 4), TG_SHAPE(3, 3), TG_SHAPE(3, 2))
#define BINARY_OF(D, NAME) CALL(NAME, TENSOR(D, TG_SHAPE(2, 3), APART), TENSOR(D, TG_SHAPE(2, 3), APART))
#define BINARY(NAME)       BINARY_OF(FLOAT, NAME)
#define BINARY_ANY(NAME)   BINARY_OF(NUMBER, NAME)

static void arithmetic(void)
{
    BINARY_ANY(tg_add), BINARY_ANY(tg_sub), BINARY_ANY(tg_mul), BINARY(tg_div), BINARY(tg_pow), BINARY_ANY(tg_maximum), BINARY_ANY(tg_minimum);
    BINARY(tg_atan2), BINARY(tg_hypot), BINARY(tg_copysign), BINARY(tg_logaddexp), BINARY(tg_logaddexp2), BINARY(tg_xlogy), BINARY(tg_xlog1py), BINARY(tg_fmax), BINARY(tg_fmin);
    BINARY_ANY(tg_remainder), BINARY_ANY(tg_fmod), BINARY_ANY(tg_floor_divide), BINARY(tg_mul_zero);
    CALL(tg_add_s, NUMBERS(2, 3), OF_THE_DTYPE(2)), CALL(tg_sub_s, NUMBERS(2, 3), OF_THE_DTYPE(2)), CALL(tg_mul_s, NUMBERS(2, 3), OF_THE_DTYPE(2));
    CALL(tg_div_s, FLOATS(2, 3), OF_THE_DTYPE(2)), CALL(tg_pow_s, FLOATS(2, 3), OF_THE_DTYPE(3)), CALL(tg_rsub_s, OF_THE_DTYPE(2), NUMBERS(2, 3)),
        CALL(tg_rdiv_s, OF_THE_DTYPE(2), FLOATS(2, 3));
    CALL(tg_lerp, TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART));
    CALL(tg_lerp_s, TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART), OF_THE_DTYPE(0.5));
    CALL(tg_addcmul, TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART), OF_THE_DTYPE(0.5));
    CALL(tg_addcdiv, TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART), OF_THE_DTYPE(0.5));
}

static void functions(void)
{
    UNARY_ANY(tg_neg), UNARY_ANY(tg_abs), UNARY_ANY(tg_sign), UNARY_ANY(tg_square), UNARY(tg_sqrt), UNARY(tg_reciprocal), UNARY(tg_exp), UNARY(tg_log);
    UNARY(tg_log1p), UNARY(tg_sin), UNARY(tg_cos), UNARY(tg_tanh), UNARY(tg_erf), UNARY(tg_rsqrt), UNARY(tg_cbrt), UNARY(tg_exp2), UNARY(tg_exp10),
        UNARY(tg_expm1);
    UNARY(tg_log2), UNARY(tg_log10), UNARY(tg_logit), UNARY(tg_tan), UNARY(tg_sinc), UNARY(tg_asin), UNARY(tg_acos), UNARY(tg_atan), UNARY(tg_sinh);
    UNARY(tg_cosh), UNARY(tg_asinh), UNARY(tg_acosh), UNARY(tg_atanh);
    UNARY_ANY(tg_floor), UNARY_ANY(tg_ceil), UNARY_ANY(tg_round), UNARY_ANY(tg_trunc), UNARY(tg_frac);
}

static void special_functions(void)
{
    UNARY(tg_erfc), UNARY(tg_erfcx), UNARY(tg_erfinv), UNARY(tg_ndtr), UNARY(tg_log_ndtr), UNARY(tg_ndtri), UNARY(tg_entr), UNARY(tg_lgamma), UNARY(tg_digamma);
    UNARY(tg_j0), UNARY(tg_j1), UNARY(tg_i0), UNARY(tg_i1), UNARY(tg_i0e), UNARY(tg_i1e);
    BINARY(tg_betaln), BINARY(tg_zeta), BINARY(tg_gammainc), BINARY(tg_gammaincc);
    CALL(tg_betainc, TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART));
    CALL(tg_polygamma, FLOATS(2, 3), N(1, BAD(ARG, -1, 1001)));
    CALL(tg_expint, FLOATS(2, 3), N(1, BAD(ARG, -1, 1001)));
}

static void activations(void)
{
    UNARY(tg_relu), UNARY(tg_sigmoid), UNARY(tg_softplus), UNARY(tg_gelu), UNARY(tg_gelu_tanh), UNARY(tg_silu), UNARY(tg_hardswish), UNARY(tg_mish),
        UNARY(tg_selu);
    UNARY(tg_softsign), UNARY(tg_logsigmoid), UNARY(tg_tanhshrink), UNARY(tg_relu6), UNARY(tg_hardsigmoid);
    CALL(tg_leaky_relu, FLOATS(2, 3), OF_THE_DTYPE(0.5)), CALL(tg_elu, FLOATS(2, 3), OF_THE_DTYPE(0.5));
    CALL(tg_celu, FLOATS(2, 3), X(0.5, BAD(ARG, 0, INFINITY, -INFINITY), ALSO(DTYPE, 1e300)));
    CALL(tg_hardtanh, FLOATS(2, 3), X(-1, BAD(ARG, 2, 1), ALSO(ARG, NAN)), X(1, BAD(ARG, -1, -2), ALSO(ARG, NAN)));
    CALL(tg_softshrink, FLOATS(2, 3), NOT_NEGATIVE(0.5)), CALL(tg_hardshrink, FLOATS(2, 3), NOT_NEGATIVE(0.5));
    CALL(tg_threshold, NUMBERS(2, 3), OF_THE_DTYPE(1), OF_THE_DTYPE(2));
    CALL(tg_glu, TENSOR(FLOAT, TG_SHAPE(2, 4), RANKS(1, 8), MISFITS(TG_SHAPE(2, 3))), AXIS);
    CALL(tg_prelu, TENSOR(FLOAT, TG_SHAPE(2, 3)), TENSOR(FLOAT, TG_SHAPE(3), RANKS(0, 1), MISFITS(TG_SHAPE(2), TG_SHAPE(4), TG_SHAPE(0))));
    CALL(tg_clamp, NUMBERS(2, 3), X(0, BAD(ARG, NAN)), X(1, BAD(ARG, NAN)));
    CALL(tg_nan_to_num, FLOATS(2, 3),
         OPTIONS(OPTION(DTYPE, "1e+300", tg_nan_to_num_options, .nan = 1e300), OPTION(DTYPE, "1e+300", tg_nan_to_num_options, .posinf = 1e300),
                 OPTION(DTYPE, "-1e+300", tg_nan_to_num_options, .neginf = -1e300)));
}

static void comparisons(void)
{
    BINARY_OF(ANY, tg_eq), BINARY_OF(ANY, tg_ne), BINARY_OF(ANY, tg_lt), BINARY_OF(ANY, tg_le), BINARY_OF(ANY, tg_gt), BINARY_OF(ANY, tg_ge);
    UNARY(tg_isfinite), UNARY(tg_isnan), UNARY(tg_isinf), CALL(tg_logical_not, BOOLS(2, 3));
    BINARY_OF(BOOLEAN, tg_logical_and), BINARY_OF(BOOLEAN, tg_logical_or), BINARY_OF(BOOLEAN, tg_logical_xor);
    CALL(tg_allclose, TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART), OPTIONS(OPTION(ARG, "atol", tg_isclose_options, .atol = -1)));
    CALL(tg_isclose, TENSOR(FLOAT, TG_SHAPE(2, 3), APART), TENSOR(FLOAT, TG_SHAPE(2, 3), APART),
         OPTIONS(OPTION(ARG, "rtol", tg_isclose_options, .rtol = -1), OPTION(ARG, "rtol", tg_isclose_options, .rtol = NAN),
                 OPTION(ARG, "atol", tg_isclose_options, .atol = -1), OPTION(ARG, "atol", tg_isclose_options, .atol = NAN)));
    CALL(tg_where, TENSOR(BOOLEAN, TG_SHAPE(2, 3), APART), TENSOR(ANY, TG_SHAPE(2, 3), APART), TENSOR(ANY, TG_SHAPE(2, 3), APART));
    CALL(tg_to, OF_ANY(2, 3), N(TG_F64, BAD(DTYPE, -1, TG_NDTYPES, INT_MAX)));
}

void rows_pointwise(void)
{
    arithmetic();
    functions();
    special_functions();
    activations();
    comparisons();
}
