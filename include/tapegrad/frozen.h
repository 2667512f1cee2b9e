/* frozen.h - a trained model that many threads use. Part of tapegrad.h. */
#ifndef TAPEGRAD_FROZEN_H
#define TAPEGRAD_FROZEN_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one copy of the weights for many threads -------------------------------------------------------------------------
 * A tape belongs to one thread at a time. A frozen model belongs to none: its values never change, and tapes in any number of threads compute
 * with the same bytes at the same time.
 *
 *     tg_frozen *model = tg_freeze(t);          once; t may train on, or be freed
 *
 *     tg_frozen_use(model, mine);               in each thread, with a tape of its own
 *     network n = make_network(mine);           the function that made the network of t: tg_param and modules find the model's tensors
 *     for (;;) {
 *         tg_tensor *y = network_of(&n, x);
 *         …
 *         tg_reset(mine);                       memory stays what one evaluation takes, however many there are
 *     }
 */

typedef struct tg_frozen tg_frozen;

/* The values of the tape's parameters and buffers as they are now, copied, under their names. NULL after an error. Its memory is the C library's, not the
 * tape's allocator's. */
TG_API tg_frozen *tg_freeze(tg_tape *tape) TG_MUST_USE;

/* From here on tg_param and tg_buffer on this tape, of any thread, give the model's tensors of these names, and so does whatever calls them, modules
 * among it: initial values are not computed, and nothing is copied. TG_ERR_ARG of tg_param where the model has no tensor of the name, TG_ERR_SHAPE and
 * TG_ERR_DTYPE where it is another. Such a tensor outlives tg_reset, as others of tg_keep do; it is no parameter of the tape: nothing lists, saves, trains or
 * overwrites it, and it requires no gradient. model NULL: the tape's own from here on. */
TG_API tg_status tg_frozen_use(tg_frozen *model, tg_tape *tape);

/* The tensor of this name on a tape, of any thread: no copy, it reads the model's memory. It requires no gradient, and goes with tg_reset, as what is
 * recorded does. TG_ERR_ARG: there is none of this name. The model stays in memory until the tape is freed, too. */
TG_API tg_tensor *tg_frozen_tensor(tg_frozen *model, tg_tape *tape, const char *name);

TG_API int         tg_frozen_count(const tg_frozen *model);       /* 0 for NULL */
TG_API const char *tg_frozen_name(const tg_frozen *model, int i); /* parameters in the order they were made, then buffers; NULL outside 0 … count-1 */

/* Lets go of the model, from any thread; its memory is freed when all tapes that have used it are, too. NULL is allowed. */
TG_API void tg_frozen_free(tg_frozen *model);

#ifdef __cplusplus
}
#endif
#endif
