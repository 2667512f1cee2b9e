/* onnx.h - from steps of a graph to nodes of an ONNX model: what the files share that know how an op is said in ONNX. */
#ifndef TG_ONNX_H
#define TG_ONNX_H

#include "export/graph_export.h"
#include "export/onnx_model.h"
#include "ops/ops.h"

/* The call that is being said. */
typedef struct tg_onnx_call {
    tg_onnx               *m;
    const tg_export_graph *graph;
    const tg_node         *node;
    const int             *x;                       /* the values of its inputs; 0 where the op's writer does not read it */
    int                    result[TG_MOST_RESULTS]; /* of results 1 … that somebody reads the writer leaves the values here */
} tg_onnx_call;

/* Says a call: gives the value of result 0, 0 after memory ran out, and TG_ONNX_REFUSED where ONNX has no words for this one. Its results have
 * elements; its inputs may have none. */
enum { TG_ONNX_REFUSED = -1 };
typedef int (*tg_onnx_writer)(tg_onnx_call *c);

/* How an op is said that is no pointwise one. */
typedef struct tg_onnx_op {
    const tg_op   *op;
    tg_onnx_writer write;
    uint32_t       reads; /* a bit for each input that it reads; 0: of a view the one whose memory it shares, of others all */
} tg_onnx_op;

/* The lists of the families, each ended by an op of NULL. */
extern const tg_onnx_op tg_onnx_shape_ops[], tg_onnx_reduce_ops[], tg_onnx_index_ops[], tg_onnx_order_ops[], tg_onnx_window_ops[], tg_onnx_nn_ops[],
    tg_onnx_cast_ops[];

/* The writer of an op that is no pointwise one; NULL: it has none. */
const tg_onnx_op *tg_onnx_op_of(const tg_op *op);

/* Is the node a normalisation that ONNX has as one op? That reads x; others read the value that the library makes of ops. */
bool tg_onnx_is_layer_norm(const tg_node *n);

static inline const tg_shape *tg_onnx_in_shape(const tg_onnx_call *c, int i) { return tg_inputs(c->node)[i]->shape; }
static inline const tg_shape *tg_onnx_shape(const tg_onnx_call *c) { return c->node->shape; }

/* ---- onnx_formula.c --------------------------------------------------------------------------------------------------------
 * A formula is made of calls, Where(Less(x, 0), Ceil(x), Floor(x)), of
 *
 *     x, y, z, w    the values that it is given                 Add, Where, …           ops of ONNX; Mod{fmod=1}(x, y) with an attribute
 *     0.5, -inf, …  numbers of the dtype of what stands beside  log1p, copysign, …      other formulas, those of ops and those of onnx_pointwise.c
 *     most          the largest finite one                      float32(x), int64(x)    conversions, Cast
 *
 * What occurs twice is computed once. */
int tg_onnx_formula(tg_onnx *m, const char *formula, const int *x, int n);
#define TG_ONNX_FORMULA(m, formula, ...) tg_onnx_formula((m), (formula), (int[]){__VA_ARGS__}, (int)(sizeof(int[]){__VA_ARGS__} / sizeof(int)))

/* A formula for floats and bools, and one for integers: NULL where it is the same. */
typedef struct tg_onnx_row {
    const tg_op *op; /* NULL: it is there for other formulas alone */
    const char  *name, *floats, *integers;
} tg_onnx_row;
extern const tg_onnx_row tg_onnx_rows[]; /* onnx_pointwise.c; the last one's name is NULL */
const tg_onnx_row *tg_onnx_row_of(const tg_op *op); /* NULL: there is none */
int tg_onnx_pointwise(tg_onnx_call *c); /* says a call of an op that has a row */

/* ---- what writers have in common (onnx_parts.c) ------------------------------------------------------------------------------- */

int tg_onnx_reshape(tg_onnx *m, int x, const tg_shape *to);
int tg_onnx_cast(tg_onnx *m, int x, tg_dtype to); /* x itself where it is of that dtype */
int tg_onnx_permute(tg_onnx *m, int x, const int64_t *from, int rank);
int tg_onnx_expand(tg_onnx *m, int x, const tg_shape *to);
/* Elements start, start + step, … before stop along an axis; stop -1 with a negative step: down to the first one. */
int tg_onnx_slice(tg_onnx *m, int x, int64_t axis, int64_t start, int64_t stop, int64_t step);
int tg_onnx_concat(tg_onnx *m, const int *x, int n, int64_t axis);
int tg_onnx_pad(tg_onnx *m, int x, const int64_t *before, const int64_t *behind, int rank, double number);
int tg_onnx_counted(tg_onnx *m, int64_t n); /* 0, 1, … n - 1: int64 */
/* x as int32 where runtimes have no arithmetic for its dtype: uint8, int16, bool. */
int tg_onnx_widened(tg_onnx *m, int x);

/* The next node's attribute of that name. */
#define TG_ONNX_ALONG(m, axis) tg_onnx_int((m), "axis", (axis))

#endif
