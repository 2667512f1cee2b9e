/* samples_numeric.c - samples of the incomplete beta function, polynomials, integrals of samples, interpolation, convolution of vectors. */
#include "samples.h"

static const sample *of(void *ctx) { return ctx; }

#define OF(NAME, CALL)                                          \
    static tg_tensor *f_##NAME(void *ctx, tg_tensor *const *in) \
    {                                                           \
        (void)ctx;                                              \
        return CALL;                                            \
    }
OF(betainc, tg_betainc(in[0], in[1], in[2]))
OF(polyval, tg_polyval(in[0], in[1]))
OF(vander, tg_vander(in[0], of(ctx)->start, of(ctx)->keepdim))
OF(trapezoid, tg_trapezoid(in[0], NULL, of(ctx)->axis))
OF(trapezoid_x, tg_trapezoid(in[0], in[1], of(ctx)->axis))
OF(convolve, tg_convolve(in[0], in[1], (tg_convolve_mode)of(ctx)->start))

/* x + number, at least 0.1 from every place k + in[1] / 10. */
static tg_tensor *f_interp1d(void *ctx, tg_tensor *const *in)
{
    const int64_t n = tg_dim(in[1], 0);
    tg_tensor    *places = tg_arange(tg_tape_of(in[0]), tg_dtype_of(in[0]), n);
    return tg_interp1d(tg_add_s(in[0], of(ctx)->number), tg_add(places, tg_mul_s(in[1], 0.1)), in[2]);
}

#define SHAPES(LO, HI, ...)      {S_FLOAT, SHAPE(__VA_ARGS__), LO, HI}
#define BETA(...)                {.name = "betainc", .f = f_betainc, .in = {__VA_ARGS__}}
#define POLYVAL(...)             {.name = "polyval", .f = f_polyval, .in = {__VA_ARGS__}}
#define VANDER(N, INCREASING, ...) {.name = "vander", .f = f_vander, .start = N, .keepdim = INCREASING, .in = {__VA_ARGS__}}
#define TRAPEZOID(AXIS, ...)     {.name = "trapezoid", .f = f_trapezoid, .axis = AXIS, .in = {__VA_ARGS__}}
#define TRAPEZOID_X(AXIS, ...)   {.name = "trapezoid_x", .f = f_trapezoid_x, .axis = AXIS, .in = {__VA_ARGS__}}
#define CONVOLVE(MODE, ...)      {.name = "convolve", .f = f_convolve, .start = TG_CONVOLVE_##MODE, .in = {__VA_ARGS__}}
#define INTERP(NUMBER, N, ...)   {.name = "interp1d", .f = f_interp1d, .number = NUMBER, .in = {SHAPES(0.3, 0.7, __VA_ARGS__), FLOATS(N), FLOATS(N)}}

static const sample rows[] = {
    BETA(SHAPES(0.6, 4, 2, 3), SHAPES(0.6, 4, 2, 3), SHAPES(0.1, 0.9, 2, 3)),
    BETA(SHAPES(0.6, 4, 3), SHAPES(0.6, 4, 2, 1), {S_FLOAT, SCALAR, 0.1, 0.9}),
    BETA({S_FLOAT, SCALAR, 5, 9}, {S_FLOAT, SCALAR, 1, 2}, SHAPES(0.1, 0.9, 5)),
    BETA(SHAPES(0.6, 4, 0, 3), SHAPES(0.6, 4, 3), {S_FLOAT, SCALAR, 0.1, 0.9}),

    POLYVAL(FLOATS(4), FLOATS(2, 3)),
    POLYVAL(FLOATS(1), FLOATS(5)),
    POLYVAL(FLOATS(3), FLOAT_SCALAR),
    POLYVAL(FLOATS(3), FLOATS(0, 2)),

    VANDER(3, false, FLOATS(4)),
    VANDER(4, true, FLOATS(2, 3)),
    VANDER(1, false, FLOATS(3)),
    VANDER(2, true, FLOAT_SCALAR),
    VANDER(0, true, FLOATS(3)),
    VANDER(3, false, FLOATS(0, 2)),

    TRAPEZOID(-1, FLOATS(2, 3)),
    TRAPEZOID(0, FLOATS(4, 2)),
    TRAPEZOID(1, FLOATS(2, 3, 2)),
    TRAPEZOID(0, FLOATS(1, 3)),
    TRAPEZOID(0, FLOATS(0, 2)),
    TRAPEZOID(0, FLOATS(7)),

    TRAPEZOID_X(-1, FLOATS(2, 3), FLOATS(3)),
    TRAPEZOID_X(0, FLOATS(4, 2), FLOATS(4)),
    TRAPEZOID_X(0, FLOATS(4, 2), FLOATS(4, 2)),
    TRAPEZOID_X(1, FLOATS(3, 2), FLOATS(1, 2)),
    TRAPEZOID_X(0, FLOATS(1, 2), FLOATS(1)),

    CONVOLVE(FULL, FLOATS(5), FLOATS(3)),
    CONVOLVE(FULL, FLOATS(2), FLOATS(4)),
    CONVOLVE(SAME, FLOATS(5), FLOATS(2)),
    CONVOLVE(SAME, FLOATS(4), FLOATS(3)),
    CONVOLVE(VALID, FLOATS(6), FLOATS(4)),
    CONVOLVE(VALID, FLOATS(3), FLOATS(3)),
    CONVOLVE(FULL, FLOATS(1), FLOATS(1)),

    INTERP(0, 4, 2, 3),
    INTERP(1, 4, 5),
    INTERP(2, 4, 2, 2),
    INTERP(-2, 3, 2),
    INTERP(5, 3, 3),
    INTERP(0, 1, 2),
    INTERP(0, 3, 0, 2),
};

void samples_numeric(sample_list *l)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) samples_add(l, &rows[k]);
}
