/* graph_export.h - a forward pass as a list of steps, from which every format is written: from named outputs down to named inputs, parameters
 * and constants. */
#ifndef TG_GRAPH_EXPORT_H
#define TG_GRAPH_EXPORT_H

#include <tapegrad/export.h>

#include "graph/graph.h"

typedef enum tg_step_kind {
    TG_STEP_INPUT,    /* what the caller of the function gives; whatever its node is */
    TG_STEP_WEIGHT,   /* a parameter or a buffer */
    TG_STEP_CONSTANT, /* another leaf */
    TG_STEP_OP,       /* a node that is computed, or a number (TG_CONST) */
    TG_STEP_RESULT,   /* result `number` of the call that is its input */
} tg_step_kind;

#define TG_NO_STEP UINT32_MAX

typedef struct tg_export_step {
    tg_step_kind    kind;
    const tg_node  *node; /* op, shape, dtype and attributes; of weights and constants tg_array_of(node) is the value, contiguous */
    const char     *name; /* of an input and of a weight, as it was given; else NULL */
    int             number;
    const uint32_t *in;   /* of an op and a result: for each of the node's inputs the number of its step, which is smaller, or TG_NO_STEP where the format
                             does not read it; else NULL */
    bool            needed; /* of an input, while the list is made: an output needs it */
} tg_export_step;

typedef struct tg_export_graph {
    tg_tape                 *tape;
    const char              *function; /* the public one, for sentences */
    const tg_export_options *options;
    tg_export_step          *step; /* inputs in the order of the options, parameters, buffers, kept tensors, and then in tape order */
    uint32_t                 n;
    uint32_t                *output; /* for each of the options' outputs the number of its step */

    /* their memory */
    uint32_t *in;
    size_t    cap_step, n_in;
} tg_export_graph;

/* Does a format read input i of this node, which is no result of a call? */
typedef bool (*tg_export_reads)(const tg_node *n, uint32_t i);

/* Makes the list of all that the outputs need; `reads` NULL: of a view, also of an alias such as softmax, the value whose memory it shares, of
 * other nodes all inputs. Errors are told in the name of `function`: wrong options, random numbers, an input that no output needs, a leaf that was
 * overwritten since it was recorded. The options and what they point to stay while the graph is used, and nothing is recorded meanwhile. To be freed
 * with tg_export_graph_free, after errors too. */
tg_status tg_export_graph_make(tg_export_graph *g, const char *function, const tg_export_options *options, tg_export_reads reads);
void      tg_export_graph_free(tg_export_graph *g);

/* The step of result k of a call with several, given the call's number; TG_NO_STEP: nobody reads it. */
uint32_t tg_export_result(const tg_export_graph *g, uint32_t call, int k);

/* The error that a format has no way to say what this step does. */
tg_status tg_export_refuse(const tg_export_graph *g, const tg_export_step *step, const char *format);

#endif
