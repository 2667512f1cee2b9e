/* words_integers.h - the vocabulary of pointwise.def for integers, in place of what words.h says. Included behind that. */

#undef ABS
#undef MAXIMUM
#undef MINIMUM
#define ABS(X)        ((X) < 0 ? (int64_t)(0 - (uint64_t)(X)) : (X))
#define MAXIMUM(X, Y) ((X) > (Y) ? (X) : (Y))
#define MINIMUM(X, Y) ((X) < (Y) ? (X) : (Y))
#undef FLOOR
#undef CEIL
#undef ROUND
#undef TRUNC
#undef FMOD
#undef FLOORED
#define FLOOR(X) (X)
#define CEIL(X)  (X)
#define ROUND(X) (X)
#define TRUNC(X) (X)

/* Of a divisor 0, which is an error before its result is read, and of -1, for which the CPU has no quotient of the lowest number. */
#define FMOD(X, Y)       ((Y) == 0 || (Y) == -1 ? 0 : (X) % (Y))
#define FLOORED(X, Y, M) ((Y) == 0 ? 0 : (Y) == -1 ? (int64_t)(0 - (uint64_t)(X)) : ((X) - (M)) / (Y) - LEANS(M, Y))
