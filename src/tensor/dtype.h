/* dtype.h - what the library has to know of an element type, so that what is the same for all of them asks for a number or calls a function
 * instead of telling them apart. */
#ifndef TG_DTYPE_H
#define TG_DTYPE_H

#include <tapegrad/base.h>

typedef enum tg_dtype_kind { TG_KIND_FLOAT, TG_KIND_INTEGER, TG_KIND_TRUTH } tg_dtype_kind;

typedef struct tg_dtype_traits {
    const char   *name;
    size_t        size; /* bytes */
    tg_dtype_kind kind;
    tg_dtype      sum;     /* what its sums are of */
    double        least, most; /* the least and the largest finite number among its elements (int64: the largest double below 2^63) */
    double        epsilon; /* the distance from 1 to the next larger element */
    bool          loops;   /* there are vector loops for it */
    double (*read)(const void *element);            /* as a double: int64 rounded, bool 0 or 1 */
    void (*count)(void *to, int64_t n);             /* writes 0, 1, … n - 1 */
    void (*write)(void *element, double x);         /* floats: rounded to nearest; integers: towards zero, saturating, NaN to 0; bool: x != 0 */
} tg_dtype_traits;

extern const tg_dtype_traits tg_dtypes[TG_NDTYPES];

/* Is it one? An enum from outside may hold anything, and its type may be signed or not: it is compared as unsigned. */
static inline bool tg_is_dtype(tg_dtype d) { return (unsigned)d < TG_NDTYPES; }

/* Bytes of an element of a dtype that is one: tg_dtype_size without the question. */
static inline size_t tg_item_size(tg_dtype d) { return tg_dtypes[d].size; }

/* Is x a number of this dtype? Floats round what lies in their range, and have infinities and NaN; integers and bool hold their own numbers
 * alone. It looks at the bits, so that no floating-point exception is raised. */
bool tg_dtype_holds_at_all(tg_dtype d, double x);
static inline bool tg_dtype_holds(tg_dtype d, double x)
{
    const tg_dtype_traits *t = &tg_dtypes[d];
    return (t->kind == TG_KIND_FLOAT && x == x && x >= t->least && x <= t->most) || tg_dtype_holds_at_all(d, x);
}

#endif
