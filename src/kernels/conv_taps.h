/* conv_taps.h - what each tap of a window sees, weighed and added up, and multiplied with a gradient, for one dtype: included by conv_tile.h. */

/* `vecs` vectors at k. */
INLINE void F(filter_vectors)(int64_t k, int vecs, T *out, T start, int64_t taps, const void *const *from, const T *weight)
{
    F(vec) sum[4];
    UNROLL for (int v = 0; v < vecs; v++) sum[v] = F(SPLAT)(start);
    for (int64_t t = 0; t < taps; t++) {
        const F(vec) w = F(SPLAT)(weight[t]);
        const T     *x = (const T *)from[t] + k;
        UNROLL for (int v = 0; v < vecs; v++) sum[v] = F(MUL_ADD)(w, F(load)(x + v * F(LANES)), sum[v]);
    }
    UNROLL for (int v = 0; v < vecs; v++) memcpy(out + k + v * F(LANES), &sum[v], sizeof sum[v]);
}

static void F(filter)(int64_t n, void *out, double start, int64_t taps, const void *const *from, const void *weight)
{
    int64_t k = 0;
    for (; k + 3 * F(LANES) < n; k += 4 * F(LANES)) F(filter_vectors)(k, 4, out, (T)start, taps, from, weight);
    for (; k < n; k += F(LANES)) F(filter_vectors)(k, 1, out, (T)start, taps, from, weight);
}

/* Of `taps` taps, a number known when compiling. */
INLINE void F(dots_of)(int64_t rows, int64_t cols, const T *g, int64_t pitch, int taps, const void *const *from, double *sum)
{
    F(vec) part[8];
    T      rest[8] = {0};
    UNROLL for (int t = 0; t < taps; t++) part[t] = F(SPLAT)(0);
    for (int64_t r = 0; r < rows; r++, g += cols) {
        int64_t k = 0;
        for (; k + F(LANES) <= cols; k += F(LANES)) {
            const F(vec) v = F(load)(g + k);
            UNROLL for (int t = 0; t < taps; t++) part[t] = F(MUL_ADD)(v, F(load)((const T *)from[t] + r * pitch + k), part[t]);
        }
        for (; k < cols; k++) UNROLL for (int t = 0; t < taps; t++) rest[t] += g[k] * ((const T *)from[t])[r * pitch + k];
    }
    for (int t = 0; t < taps; t++) {
        double all = (double)rest[t];
        for (int l = 0; l < F(LANES); l++) all += (double)part[t][l];
        sum[t] += all;
    }
}

static void F(dots)(int64_t rows, int64_t cols, const void *g, int64_t pitch, int64_t taps, const void *const *from, double *sum)
{
    const int64_t parts = (taps + 7) / 8;
    for (int64_t p = 0; p < parts; p++) {
        const int64_t t = taps * p / parts;
        switch (taps * (p + 1) / parts - t) {
        case 1: F(dots_of)(rows, cols, g, pitch, 1, from + t, sum + t); break;
        case 2: F(dots_of)(rows, cols, g, pitch, 2, from + t, sum + t); break;
        case 3: F(dots_of)(rows, cols, g, pitch, 3, from + t, sum + t); break;
        case 4: F(dots_of)(rows, cols, g, pitch, 4, from + t, sum + t); break;
        case 5: F(dots_of)(rows, cols, g, pitch, 5, from + t, sum + t); break;
        case 6: F(dots_of)(rows, cols, g, pitch, 6, from + t, sum + t); break;
        case 7: F(dots_of)(rows, cols, g, pitch, 7, from + t, sum + t); break;
        default: F(dots_of)(rows, cols, g, pitch, 8, from + t, sum + t);
        }
    }
}
