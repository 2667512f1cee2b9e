/* stale_test.h - parameters of one double, and calls that must fail because something they read is overwritten or released. After
 * op_test.h. */
#ifndef STALE_TEST_H
#define STALE_TEST_H

static inline tg_tensor *param(tg_tape *t, const char *name, double x) { return tg_param(t, name, tg_full(t, TG_F64, TG_SHAPE(1), x)); }
static inline double     grad(tg_tensor *leaf) { return tg_grad_of(leaf) ? tg_item(tg_grad_of(leaf)) : (double)NAN; }

/* The call failed because something was overwritten or released, and says what by these words. */
static inline void assert_stale(tg_tape *t, tg_status s, const char *a, const char *b)
{
    assert_int_equal(s, TG_ERR_STALE);
    assert_non_null(tg_error(t));
    if (!strstr(tg_error(t), a) || !strstr(tg_error(t), b)) fail_msg("%s: does not say \"%s\" and \"%s\"", tg_error(t), a, b);
    tg_clear_error(t);
}

#endif
