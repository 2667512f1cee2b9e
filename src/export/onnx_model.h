/* onnx_model.h - an ONNX model while it is made: values, the nodes that compute them, and the file of both. It knows ONNX and no op of the
 * library. Numbers of fields and types are those of onnx.proto (https://onnx.ai/onnx/repo-docs/IR.html). */
#ifndef TG_ONNX_MODEL_H
#define TG_ONNX_MODEL_H

#include "export/names.h"
#include "graph/graph.h"
#include "io/wire.h"

enum { TG_ONNX_IR = 8, TG_ONNX_OPSET = 17 }; /* the versions of the format and of its ops: of 2022, which readers of the years since have */

/* Values are known by their numbers. 0 is none: an optional input that is left out, and what every function gives after memory ran out. */
typedef struct tg_onnx_value {
    const char *label, *name; /* what it is to be called, and what it is called; NULL: that comes with the file */
    tg_dtype    dtype;
    bool        computed; /* by a node */
} tg_onnx_value;

typedef struct tg_onnx_node {
    const char *op;
    size_t      in, attr; /* where its inputs begin among all nodes' inputs, its attributes' bytes among all nodes' */
    int         n_in, out, n_out;
    size_t      n_attr;
} tg_onnx_node;

/* A value with elements: weights, and the numbers and lists of integers that nodes take as inputs. */
typedef struct tg_onnx_tensor {
    int         value;
    tg_shape    shape;
    size_t      bytes;
    const void *data;   /* somebody else's; NULL: our own … */
    size_t      own_at; /* … from here on among them */
} tg_onnx_tensor;

/* An input or output. */
typedef struct tg_onnx_port {
    int      value;
    tg_shape shape;
} tg_onnx_port;

typedef struct tg_onnx {
    tg_tape        *tape;
    const char     *name; /* the graph's */
    bool            failed; /* memory ran out, which was said */
    tg_onnx_value  *value;
    tg_onnx_node   *node;
    tg_onnx_tensor *tensor;
    tg_onnx_port   *input, *output;
    int            *in;   /* of all nodes */
    size_t          n_value, n_node, n_tensor, n_input, n_output, n_in;
    size_t          cap_value, cap_node, cap_tensor, cap_input, cap_output, cap_in;
    tg_wire         attr, own; /* of all nodes; of all tensors */
    size_t          attr_from; /* where the attributes of the next node begin */
    size_t          step_node; /* the first of the nodes of this step */
    const char     *label;     /* what values of this step are called */
    tg_name_set     names;
} tg_onnx;

void tg_onnx_init(tg_onnx *m, tg_tape *t, const char *name);
void tg_onnx_free(tg_onnx *m);

/* From here on values are called `label`, which stays, or that with a number behind it. Of nodes that are the same there is one in a step. */
void tg_onnx_step(tg_onnx *m, const char *label);

/* name: NULL, or what nobody else is called. A name that is taken gets a number behind it, but an input's or an output's: those come first. */
int  tg_onnx_input(tg_onnx *m, const char *name, tg_dtype dtype, const tg_shape *shape);
int  tg_onnx_data(tg_onnx *m, const char *name, tg_dtype dtype, const tg_shape *shape, const void *data); /* stays until the file is written */
int  tg_onnx_number(tg_onnx *m, tg_dtype dtype, double number); /* a scalar */
int  tg_onnx_list(tg_onnx *m, const int64_t *list, int n);      /* a vector of int64 */

/* The value under this name as the next output. What has a name already is copied. */
void tg_onnx_output(tg_onnx *m, int value, const char *name, const tg_shape *shape);

/* Attributes of the next node. */
void tg_onnx_int(tg_onnx *m, const char *name, int64_t number);
void tg_onnx_ints(tg_onnx *m, const char *name, const int64_t *list, int n);
void tg_onnx_float(tg_onnx *m, const char *name, double number);
void tg_onnx_text(tg_onnx *m, const char *name, const char *text);

/* A node, and its first output; then its further ones. op stays. */
int tg_onnx_node_of(tg_onnx *m, const char *op, tg_dtype dtype, const int *in, int n_in);
int tg_onnx_more(tg_onnx *m, tg_dtype dtype);
#define TG_ONNX_NODE(m, op, dtype, ...) \
    tg_onnx_node_of((m), (op), (dtype), (int[]){__VA_ARGS__}, (int)(sizeof(int[]){__VA_ARGS__} / sizeof(int)))

static inline tg_dtype tg_onnx_dtype(const tg_onnx *m, int value) { return m->failed ? TG_F32 : m->value[value].dtype; }

/* What a dtype is in the format. */
int tg_onnx_type(tg_dtype dtype);

/* onnx_file.c: the file, complete or not at all. */
tg_status tg_onnx_write(tg_onnx *m, const char *function, const char *path);

#endif
