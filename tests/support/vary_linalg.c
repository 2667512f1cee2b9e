/* vary_linalg.c - what varies square matrices, and right sides that fit them. */
#include "vary.h"

static int64_t order(sample_random *r) { return random_below(r, 5); }

/* Up to two leading axes, and matrices m × n. */
static tg_shape matrices(sample_random *r, int64_t m, int64_t n)
{
    tg_shape s = random_shape(r, 0, 2);
    for (int k = 0; k < s.rank; k++)
        if (s.dim[k] > 3) s.dim[k] = 2;
    s.dim[s.rank++] = m;
    s.dim[s.rank++] = n;
    return s;
}

static tg_shape square(sample_random *r, int64_t n) { return matrices(r, n, n); }

void vary_square(sample *s, sample_random *r)
{
    s->in[0].shape = square(r, order(r));
    if (!s->result) s->keepdim = random_chance(r, 50);
}

/* A vector, or matrices whose leading axes broadcast with those of the first input; start: as samples_linalg.c has it. */
void vary_system(sample *s, sample_random *r)
{
    const int64_t  n = order(r), columns = random_below(r, 4);
    const tg_shape a = square(r, n), leading = {a.rank - 2, {a.dim[0], a.dim[1], a.dim[2]}};
    s->start   = random_below(r, 16);
    s->keepdim = random_chance(r, 50);
    const bool right = s->name[0] == 's' && s->start & 2; /* of solve_triangular */
    s->in[0].shape   = a;
    s->in[1].shape   = (tg_shape){1, {n}};
    if (!right && random_chance(r, 20)) return;
    tg_shape b = random_part(r, &leading);
    b.dim[b.rank++] = right ? columns : n;
    b.dim[b.rank++] = right ? n : columns;
    s->in[1].shape  = b;
}

/* start stays: it may be of a kind that chooses among numbers, of which there is one at least. */
void vary_rectangular(sample *s, sample_random *r)
{
    const int64_t least = s->name[0] == 'm'; /* of matrix_norm */
    s->in[0].shape = matrices(r, least + random_below(r, 4), least + random_below(r, 4));
    s->keepdim = random_chance(r, 50);
    if (s->result) s->result = s->in[0].shape.dim[s->in[0].shape.rank - 2] >= s->in[0].shape.dim[s->in[0].shape.rank - 1] ? s->result : NULL;
}

/* A right side with as many rows: a vector, or matrices whose leading axes broadcast. */
void vary_equations(sample *s, sample_random *r)
{
    const int64_t  m = order(r), columns = random_below(r, 4);
    const tg_shape a = matrices(r, m, order(r)), leading = {a.rank - 2, {a.dim[0], a.dim[1], a.dim[2]}};
    s->in[0].shape = a;
    s->in[1].shape = (tg_shape){1, {m}};
    if (random_chance(r, 20)) return;
    tg_shape b = random_part(r, &leading);
    b.dim[b.rank++] = m;
    b.dim[b.rank++] = columns;
    s->in[1].shape = b;
}
