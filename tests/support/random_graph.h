/* random_graph.h - random programs of ops, written down as lists of instructions that can be recorded on any tape, any number of times,
 * with other data and other numbers in each step. What one evaluator computes for them is compared with what another does. */
#ifndef RANDOM_GRAPH_H
#define RANDOM_GRAPH_H

#include <tapegrad.h>

enum { RG_MOST = 96, RG_INPUTS = 5, RG_PARAMS = 4, RG_TERMS = 6 };

/* One instruction: its result is the value of the same number. */
typedef struct rg_instr {
    uint8_t  op, which;      /* what is called; which of a family */
    int      n_in, in[RG_INPUTS];
    int      axis, axis1;
    tg_axes  axes;
    bool     keepdim, grad;
    tg_shape shape;
    int64_t  start, stop, step;
    tg_dtype dtype;
    double   number, scale;  /* the result is multiplied by scale, where that is not 1 */
    uint64_t seed;           /* of data */
    bool     off;            /* left out: its result is NULL, and with it all that depends on it */
    bool     read;           /* computed at once, between recordings */
    bool     exact;          /* the same bits by any evaluator: data, and what rounds correctly */
    double   most;           /* a bound of the absolute values */
} rg_instr;

typedef struct rg_graph {
    tg_dtype dtype;
    rg_instr list[RG_MOST];
    int      n;
    int      term[RG_TERMS], n_terms; /* what the loss sums */
    int      wanted[3], n_wanted;
    bool     single;                  /* f32 occurs in it */
} rg_graph;

/* What a recording of a graph finds on its tape. */
typedef struct rg_world {
    tg_tape   *tape;
    tg_tensor *param[RG_PARAMS];
    int        n_params;
    tg_tensor *kept[RG_MOST];
    int        n_kept;
    bool       dry;        /* nothing may be computed: tg_keep is left out */
} rg_world;

uint64_t rg_next(uint64_t *state);                   /* the next number of a stream */
int64_t  rg_below(uint64_t *state, int64_t n);       /* 0 … n-1 */
bool     rg_chance(uint64_t *state, int percent);

/* A shape out of the family of shapes of a graph. */
tg_shape rg_shape_of(uint64_t graph_seed, uint64_t *state);

/* A random graph over the world's parameters. The tape is used to find out what fits; nothing is computed. variant: the same choices
 * with other sizes. Resets the tape. */
void rg_make(rg_graph *g, rg_world *w, uint64_t seed, int variant, int size);

/* A tensor of random data: floats in -2 … 2, integers in 0 … below-1. */
tg_tensor *rg_data(tg_tape *t, tg_dtype dtype, const tg_shape *shape, int64_t below, uint64_t seed);

/* Records instruction i of g in the world; value: those of the instructions before. */
tg_tensor *rg_record(const rg_graph *g, int i, rg_world *w, tg_tensor *const *value, int step);

/* The sum of the loss terms, each summed up and scaled; NULL when none is there. */
tg_tensor *rg_loss(const rg_graph *g, tg_tensor *const *value);

/* Prints the instructions that are not off, with their shapes. */
void rg_print(const rg_graph *g, tg_tensor *const *value);

#endif
