/* vary.h - other shapes and arguments for a sample, at random and always such that its call is right: one function for each kind of call.
 * Which sample has which is said by its field `vary`, or by its name in the table of random_samples.c. */
#ifndef VARY_H
#define VARY_H

#include "samples.h"

/* A stream of random numbers. */
typedef struct sample_random {
    uint64_t state;
} sample_random;

uint64_t random_next(sample_random *r);
int64_t  random_below(sample_random *r, int64_t n); /* 0 … n-1 */
bool     random_chance(sample_random *r, int percent);

enum { VARY_MOST = 40 }; /* elements of an input, but where the arguments ask for more */

int64_t  random_size(sample_random *r); /* 1, 2, 3; now and then 0, 7 or 31 */
int64_t  random_size_from(sample_random *r, int64_t least);
tg_shape random_shape(sample_random *r, int least_rank, int most_rank);
int64_t  shape_count(const tg_shape *s);
tg_axes  random_order(sample_random *r, int rank);           /* 0 … rank-1, shuffled */
tg_axes  random_axes(sample_random *r, int rank, int count); /* so many of them, some of them counted from behind */
int      random_axis(sample_random *r, int rank);            /* one, likewise */
int      random_sign(sample_random *r, int axis, int rank);  /* this one, likewise */
tg_shape random_part(sample_random *r, const tg_shape *whole); /* a shape that broadcasts to the whole: sizes of 1, first axes left out */

/* How many elements a reduction over these axes takes to one; INT64_MAX where the result has no elements. */
int64_t sample_taken(const tg_shape *s, const tg_axes *axes);

/* vary_elements.c */
void vary_any(sample *s, sample_random *r);       /* one input, of any shape */
void vary_broadcast(sample *s, sample_random *r); /* inputs that broadcast to each other */
void vary_equal(sample *s, sample_random *r);     /* inputs of one shape, which has elements */
void vary_stack(sample *s, sample_random *r);     /* inputs of one shape, and `axis` of what they are joined to */
void vary_axes(sample *s, sample_random *r);      /* `axes` of one input, `keepdim` */
void vary_average(sample *s, sample_random *r);   /* and a second one that broadcasts to it, over elements */
void vary_axis(sample *s, sample_random *r);      /* `axis` of one input */
void vary_axis_kept(sample *s, sample_random *r); /* and `keepdim` */
void vary_observed(sample *s, sample_random *r);  /* rows of as many numbers as the other inputs have, 2 or more */
void vary_ranks(sample *s, sample_random *r);     /* an `axis` with elements, `keepdim`, and `number` of 0 … 1 */
void vary_sizes(sample *s, sample_random *r);     /* one input of the same rank, each size 2 or more */
void vary_tied(sample *s, sample_random *r);      /* what had the same size has the same size; 1 stays */

/* vary_layers.c */
void vary_grid(sample *s, sample_random *r);      /* images of two pixels and more, and a grid for as many */
void vary_affine(sample *s, sample_random *r);
void vary_cross(sample *s, sample_random *r);     /* three elements along an axis of both */
void vary_matmul(sample *s, sample_random *r);
void vary_attention(sample *s, sample_random *r); /* [L, E] with or without more columns, [S, E], [S, V]; leading axes stay */
void vary_heads(sample *s, sample_random *r);      /* [E] of `number` heads, and the weights' [4 E, E + 1] */
void vary_linear(sample *s, sample_random *r);
void vary_classes(sample *s, sample_random *r);   /* scores and the places of classes */
void vary_embedding(sample *s, sample_random *r);
void vary_norm(sample *s, sample_random *r);      /* the last `axis` axes, and weights of their shape */
void vary_conv(sample *s, sample_random *r);
void vary_conv_transpose(sample *s, sample_random *r);
void vary_conv_dx(sample *s, sample_random *r);
void vary_conv_dw(sample *s, sample_random *r);
void vary_pool(sample *s, sample_random *r);
void vary_pool_dx(sample *s, sample_random *r);

/* vary_move.c */
void vary_reshape(sample *s, sample_random *r);
void vary_unflatten(sample *s, sample_random *r);
void vary_flatten(sample *s, sample_random *r);
void vary_permute(sample *s, sample_random *r);
void vary_movedim(sample *s, sample_random *r);
void vary_two_axes(sample *s, sample_random *r);  /* `axis` and `axis1` of one input */
void vary_expand(sample *s, sample_random *r);
void vary_squeeze(sample *s, sample_random *r);
void vary_unsqueeze(sample *s, sample_random *r);
void vary_squeeze_axes(sample *s, sample_random *r);
void vary_unsqueeze_axes(sample *s, sample_random *r);
void vary_matrix(sample *s, sample_random *r);    /* two axes or more, a diagonal `start` */
void vary_diagonal(sample *s, sample_random *r);
void vary_diag_embed(sample *s, sample_random *r);
void vary_diag(sample *s, sample_random *r);
void vary_block_diag(sample *s, sample_random *r);

/* vary_pieces.c */
void vary_slice(sample *s, sample_random *r);
void vary_unslice(sample *s, sample_random *r);
void vary_select(sample *s, sample_random *r);
void vary_rot90(sample *s, sample_random *r);
void vary_roll_axes(sample *s, sample_random *r);
void vary_narrow(sample *s, sample_random *r);
void vary_roll(sample *s, sample_random *r);
void vary_chunk(sample *s, sample_random *r);
void vary_thirds(sample *s, sample_random *r);    /* three elements along `axis` */
void vary_tile(sample *s, sample_random *r);
void vary_repeat(sample *s, sample_random *r);
void vary_cat(sample *s, sample_random *r);
void vary_hstack(sample *s, sample_random *r);
void vary_vstack(sample *s, sample_random *r);
void vary_meshgrid(sample *s, sample_random *r);
void vary_take(sample *s, sample_random *r);
void vary_gather(sample *s, sample_random *r);
void vary_index_select(sample *s, sample_random *r);
void vary_scatter_add(sample *s, sample_random *r);
void vary_index_add(sample *s, sample_random *r);
void vary_pad(sample *s, sample_random *r);

/* vary_order.c */
void vary_scan_of_two(sample *s, sample_random *r);
void vary_diff(sample *s, sample_random *r);
void vary_first_axis(sample *s, sample_random *r);   /* one input with axes */
void vary_topk(sample *s, sample_random *r);
void vary_kthvalue(sample *s, sample_random *r);
void vary_halves(sample *s, sample_random *r);
void vary_prelu(sample *s, sample_random *r);
void vary_observations(sample *s, sample_random *r);

/* vary_numeric.c */
void vary_polyval(sample *s, sample_random *r);
void vary_vander(sample *s, sample_random *r);
void vary_trapezoid(sample *s, sample_random *r); /* `axis`, with places or without */
void vary_interp1d(sample *s, sample_random *r);
void vary_convolve(sample *s, sample_random *r);  /* two vectors with elements, in a mode `start` */

/* vary_linalg.c */
void vary_square(sample *s, sample_random *r);
void vary_system(sample *s, sample_random *r);
void vary_rectangular(sample *s, sample_random *r);
void vary_equations(sample *s, sample_random *r);

/* vary_put.c */
void vary_take_along(sample *s, sample_random *r);
void vary_places(sample *s, sample_random *r);
void vary_scatter_max(sample *s, sample_random *r);
void vary_gather_last(sample *s, sample_random *r);
void vary_scatter(sample *s, sample_random *r);
void vary_index_add_to(sample *s, sample_random *r);
void vary_index(sample *s, sample_random *r);
void vary_index_put(sample *s, sample_random *r);
void vary_masked_scatter(sample *s, sample_random *r);
void vary_segments(sample *s, sample_random *r);
void vary_bincount(sample *s, sample_random *r);     /* weights and their index */
void vary_embedding_padded(sample *s, sample_random *r);
void vary_embedding_bag(sample *s, sample_random *r);
void vary_crop(sample *s, sample_random *r);

/* vary_nn.c */
void vary_class_loss(sample *s, sample_random *r);
void vary_margins(sample *s, sample_random *r);
void vary_rows(sample *s, sample_random *r);
void vary_triplet(sample *s, sample_random *r);
void vary_angles(sample *s, sample_random *r);
void vary_batch_norm(sample *s, sample_random *r);
void vary_running_norm(sample *s, sample_random *r);
void vary_group_norm(sample *s, sample_random *r);
void vary_instance_norm(sample *s, sample_random *r);
void vary_weight_norm(sample *s, sample_random *r);

/* vary_image.c */
void vary_unfold(sample *s, sample_random *r);
void vary_fold(sample *s, sample_random *r);
void vary_pixel_shuffle(sample *s, sample_random *r);
void vary_pixel_unshuffle(sample *s, sample_random *r);
void vary_global_pool(sample *s, sample_random *r);
void vary_interpolate(sample *s, sample_random *r);

/* vary_sequence.c */
void vary_rope(sample *s, sample_random *r);
void vary_cell(sample *s, sample_random *r);
void vary_recurrent(sample *s, sample_random *r);
void vary_ctc(sample *s, sample_random *r);

#endif
