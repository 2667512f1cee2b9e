/* program.cpp - the headers in C++: that they compile, and that shapes and lists of axes arrive as they were written. test_cxx.sh compiles it
 * for each standard from C++11 on. */
#include <tapegrad.h>
#include <tapegrad_op.h>
#include <tapegrad_show.h>

#include <cstdio>
#include <cstdlib>

static void check(bool holds, const char *what)
{
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::exit(1);
}

static bool has_shape(const tg_tensor *x, const tg_shape *shape) { return x && tg_shape_equal(tg_shape_of(x), shape); }

int main()
{
    tg_tape_options options = tg_tape_options();
    options.silent = true;
    tg_tape     *t = tg_tape_new(&options);
    const size_t rows = 2; /* sizes of any integer type, constant or not */
    int64_t      cols = 3;
    tg_tensor   *x = tg_ones(t, TG_SHAPE(rows, cols, 4)), *one = tg_full(t, TG_F32, TG_SCALAR_SHAPE, 1.0);

    check(tg_rank(one) == 0, "a scalar's shape");
    check(tg_rank(x) == 3 && tg_dim(x, 0) == 2 && tg_dim(x, 1) == 3 && tg_dim(x, 2) == 4, "a shape");
    check(has_shape(tg_permute(x, TG_AXES(2, 0, -2)), TG_SHAPE(4, 2, 3)), "axes of a permutation");
    check(has_shape(tg_sum(x, TG_AXES(-1), true), TG_SHAPE(2, 3, 1)), "one axis");
    check(tg_item(tg_sum(x, TG_ALL_AXES, false)) == 24, "all axes");
    check(tg_rank(tg_ones(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1))) == 8, "eight sizes");
    check(!tg_ones(t, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1)) && tg_error_status(t) == TG_ERR_SHAPE, "nine sizes are refused");
    tg_tape_free(t);
    return 0;
}
