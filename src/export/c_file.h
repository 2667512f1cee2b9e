/* c_file.h - a forward pass being written as a file in C: what the writers of ops share. */
#ifndef TG_C_FILE_H
#define TG_C_FILE_H

#include "export/graph_export.h"
#include "export/names.h"
#include "io/atomic_file.h"

/* Where a value is: the memory of step `base`, its own or, of a view, another one's, in this layout. Of a base: */
typedef struct tg_c_value {
    uint32_t    base;
    tg_layout   layout;
    const char *name; /* the expression that is its memory's address */
    uint32_t    last; /* the last step that reads it */
    int64_t     at;   /* in the scratch memory of its dtype */
    int         output; /* 1 + the number of the output that is its memory; 0: it is none's */
} tg_c_value;

/* An output of the function. */
typedef struct tg_c_output {
    const char *name;
    bool        copied; /* at the end, from where its value is */
} tg_c_output;

typedef struct tg_c_file {
    tg_export_graph graph;
    tg_c_value     *value;              /* of each step */
    tg_c_output    *output;
    const char     *function;           /* its name, with which all names begin that the file gives at file scope */
    tg_name_set     names;              /* all identifiers */
    tg_name_set     written;            /* functions that ops need and that are in the file already */
    int64_t         scratch[TG_NDTYPES]; /* elements */
    int             depth;              /* of indentation */
    bool            checks;             /* the function can fail: an index may be outside its range */
    bool            uses_scratch;

    tg_replace file;
    tg_status  status; /* the first error; nothing is written behind it */
    size_t     n;
    char       buffer[1 << 13];
} tg_c_file;

/* ---- text (c_file.c) --------------------------------------------------------------------------------------------------- */

void tg_c_put(tg_c_file *c, const char *format, ...) TG_PRINTF(2, 3);
void tg_c_line(tg_c_file *c, const char *format, ...) TG_PRINTF(2, 3); /* a whole line, indented */
void tg_c_template(tg_c_file *c, const char *text, const char *const *words); /* with words[0] for $1, words[1] for $2 … */
void tg_c_flush(tg_c_file *c);

/* The type and the suffix of names of a dtype. */
extern const char *const tg_c_types[TG_NDTYPES], *const tg_c_suffixes[TG_NDTYPES];

/* An element as a constant of its dtype, exact to the bit but for what a NaN holds. Returns text. */
enum { TG_C_NUMBER = 48 };
const char *tg_c_number(char text[TG_C_NUMBER], tg_dtype dtype, const void *element);

/* Is this function, that ops share, to be written now? true once for each name. */
bool tg_c_first(tg_c_file *c, const char *name);

/* ---- arrays and loops (c_loops.c) -------------------------------------------------------------------------------------- */

/* A value as an operand: how its elements are reached by indices along the axes of `shape`. */
typedef struct tg_c_array {
    const char *name;
    tg_dtype    dtype;
    tg_shape    shape;
    int64_t     offset, stride[TG_MAX_RANK];
    const void *number; /* NULL, or what all of its elements are */
} tg_c_array;

tg_c_array tg_c_result(const tg_c_file *c, uint32_t step);           /* of a step's own result, contiguous */
tg_c_array tg_c_operand(const tg_c_file *c, uint32_t step, int i);   /* its input i */
void       tg_c_expand(tg_c_array *a, const tg_shape *shape);        /* broadcast */
/* Axes of all n arrays, which have one shape, that lie behind one another become one. */
void       tg_c_collapse(tg_c_array *a, int n);

extern const char *const tg_c_index[TG_MAX_RANK]; /* the names of loops' variables, one for each axis */

/* The element at these indices, NULL meaning tg_c_index; those along axes of size 1 count as 0. Returns text. */
enum { TG_C_ELEMENT = 512 };
const char *tg_c_element(char text[TG_C_ELEMENT], const tg_c_array *a, const char *const *index);

/* Loops over all elements of a shape, and their end. Nothing is written, and false, where there is no element. */
bool tg_c_open_loops(tg_c_file *c, const tg_shape *shape);
void tg_c_close_loops(tg_c_file *c, const tg_shape *shape);

/* Loops that copy elements from one array to another of the same shape. */
void tg_c_copy(tg_c_file *c, tg_c_array to, tg_c_array from);

/* ---- ops ---------------------------------------------------------------------------------------------------------------- */

/* How an op is written. `functions` writes, at file scope, those that it needs (tg_c_first); may be NULL. `body` writes the statements that compute the
 * step's result, which has elements. `can` NULL: always. */
typedef struct tg_c_writer {
    bool (*can)(const tg_c_file *c, uint32_t step);
    void (*functions)(tg_c_file *c, uint32_t step);
    void (*body)(tg_c_file *c, uint32_t step);
    bool checks; /* the body can return 1 */
    int  results; /* how many of a call's results it writes, where they are several; the others have no form */
} tg_c_writer;

/* NULL: there is none. */
const tg_c_writer *tg_c_writer_of(const tg_op *op);

/* c_pointwise.c, c_reduce.c, c_matrix.c, c_window.c, c_move.c, c_index.c, c_order.c, c_rows.c, c_put.c, c_conv_transposed.c */
extern const tg_c_writer tg_c_pointwise, tg_c_cast, tg_c_reduction, tg_c_matmul, tg_c_conv, tg_c_max_pool, tg_c_avg_pool, tg_c_contiguous, tg_c_cat, tg_c_pad,
    tg_c_unslice, tg_c_check_index, tg_c_wrap_index, tg_c_check_divisor, tg_c_one_hot, tg_c_gather, tg_c_index_select, tg_c_cumsum, tg_c_cumprod,
    tg_c_linear_scan, tg_c_logcumsumexp, tg_c_cummax, tg_c_cummin, tg_c_argmax, tg_c_argmin, tg_c_max, tg_c_min, tg_c_sort, tg_c_rstd, tg_c_attention,
    tg_c_scatter, tg_c_scatter_add, tg_c_index_add, tg_c_bincount, tg_c_last_place,
    tg_c_conv_dx, tg_c_largest_place, tg_c_searchsorted, tg_c_scatter_max, tg_c_embedding_bag;

/* Writes mul_add_f32 or …_f64, a b + c (c_matrix.c). */
void tg_c_write_mul_add(tg_c_file *c, tg_dtype dtype);

static inline const tg_node *tg_c_node(const tg_c_file *c, uint32_t step) { return c->graph.step[step].node; }

#endif
