/* conv_pool.h - windows of 2 x 2 for one dtype and vectors of LANE lanes: included by conv_tile.h, which defines T, INT
 * (integers of T's size), LANE and W. A last vector that is not full begins earlier and computes some results again: n
 * >= LANE. */

typedef T   W(pooled) __attribute__((vector_size(LANE * sizeof(T))));
typedef INT W(mask) __attribute__((vector_size(LANE * sizeof(T))));

INLINE W(pooled) W(load)(const T *p)
{
    W(pooled) v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE W(pooled) W(pick)(W(mask) m, W(pooled) a, W(pooled) b)
{
    return (W(pooled))((m & (W(mask))a) | (~m & (W(mask))b));
}

static void W(max_2x2)(int64_t n, T *y, const T *p, const T *q)
{
    for (int64_t k = 0; k < n; k = k + 2 * LANE <= n || k + LANE == n ? k + LANE : n - LANE) {
        const W(pooled) p0 = W(load)(p + 2 * k), p1 = W(load)(p + 2 * k + LANE);
        const W(pooled) q0 = W(load)(q + 2 * k), q1 = W(load)(q + 2 * k + LANE);
        const W(pooled) a = EVEN(LANE, p0, p1), b = ODD(LANE, p0, p1), c = EVEN(LANE, q0, q1), d = ODD(LANE, q0, q1);
        const W(pooled) m = W(pick)(BEATS(b, a), b, a), e = W(pick)(BEATS(c, m), c, m), f = W(pick)(BEATS(d, e), d, e);
        memcpy(y + k, &f, sizeof f);
    }
}

/* Of each window the value, s in the first row and t in the second, beside its largest element, or that element itself where it is NaN and the value is not
 * 0. */
static void W(max_2x2_of)(int64_t n, T *y, const T *p, const T *q, const T *s, const T *t)
{
    for (int64_t k = 0; k < n; k = k + 2 * LANE <= n || k + LANE == n ? k + LANE : n - LANE) {
        const W(pooled) p0 = W(load)(p + 2 * k), p1 = W(load)(p + 2 * k + LANE), q0 = W(load)(q + 2 * k), q1 = W(load)(q + 2 * k + LANE);
        const W(pooled) s0 = W(load)(s + 2 * k), s1 = W(load)(s + 2 * k + LANE), t0 = W(load)(t + 2 * k), t1 = W(load)(t + 2 * k + LANE);
        const W(pooled) a = EVEN(LANE, p0, p1), b = ODD(LANE, p0, p1), c = EVEN(LANE, q0, q1), d = ODD(LANE, q0, q1);
        const W(mask) is_b = BEATS(b, a);
        const W(pooled) m  = W(pick)(is_b, b, a), of_m = W(pick)(is_b, ODD(LANE, s0, s1), EVEN(LANE, s0, s1));
        const W(mask) is_c = BEATS(c, m);
        const W(pooled) e  = W(pick)(is_c, c, m), of_e = W(pick)(is_c, EVEN(LANE, t0, t1), of_m);
        const W(mask) is_d = BEATS(d, e);
        const W(pooled) f  = W(pick)(is_d, d, e), u = W(pick)(is_d, ODD(LANE, t0, t1), of_e);
        const W(pooled) v  = W(pick)((f != f) & (u != 0), f, u);
        memcpy(y + k, &v, sizeof v);
    }
}

/* Each window's g at its largest element, or that element itself where it is NaN and g is not 0. */
static void W(max_2x2_dx)(int64_t n, T *dp, T *dq, const T *p, const T *q, const T *g)
{
    for (int64_t k = 0; k < n; k = k + 2 * LANE <= n || k + LANE == n ? k + LANE : n - LANE) {
        const W(pooled) p0 = W(load)(p + 2 * k), p1 = W(load)(p + 2 * k + LANE);
        const W(pooled) q0 = W(load)(q + 2 * k), q1 = W(load)(q + 2 * k + LANE);
        const W(pooled) a = EVEN(LANE, p0, p1), b = ODD(LANE, p0, p1), c = EVEN(LANE, q0, q1), d = ODD(LANE, q0, q1);
        const W(mask) is_b = BEATS(b, a);
        const W(pooled) m  = W(pick)(is_b, b, a);
        const W(mask) is_c = BEATS(c, m);
        const W(pooled) e  = W(pick)(is_c, c, m);
        const W(mask) is_d = BEATS(d, e);
        const W(pooled) f  = W(pick)(is_d, d, e), u = W(load)(g + k);
        const W(mask) v = (W(mask))W(pick)((f != f) & (u != 0), f, u), not_d = v & ~is_d, not_cd = not_d & ~is_c;
        const W(mask) va = not_cd & ~is_b, vb = not_cd & is_b, vc = not_d & is_c, vd = v & is_d;
        const W(mask) r0 = LOW(LANE, va, vb), r1 = HIGH(LANE, va, vb), r2 = LOW(LANE, vc, vd), r3 = HIGH(LANE, vc, vd);
        memcpy(dp + 2 * k, &r0, sizeof r0);
        memcpy(dp + 2 * k + LANE, &r1, sizeof r1);
        memcpy(dq + 2 * k, &r2, sizeof r2);
        memcpy(dq + 2 * k + LANE, &r3, sizeof r3);
    }
}
