/* gradients.c - computing an optimizer's own gradients, and forgetting gradients. */
#include "optim/optim.h"

#include <tapegrad/gradient.h>

tg_status tg_optim_own_gradients(tg_optim *o, tg_tensor *loss, const char *function)
{
    if (!tg_may(o->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!tg_optim_follow(o)) return TG_ERR_MEMORY;
    const tg_node *y = tg_check(loss, function);
    if (!y && loss) return TG_ERR_STALE;
    /* What gave NULL mostly said why. Where nobody did, as when targets or a parameter were looked up that are not there, a loop would train nothing in
     * silence. */
    if (!y) return o->tape->services.error != TG_OK ? TG_ERR_NULL : tg_fail_on(o->tape, TG_ERR_NULL, function, "the loss is NULL");
    if (y->tape != o->tape) return tg_fail_on(o->tape, TG_ERR_TAPE, function, "the loss belongs to another tape than the optimizer");
    bool all = !o->listed && tg_only_params_require(o->tape);
    for (size_t g = 0; g < o->n_groups; g++) all &= !o->groups[g].frozen;
    if (all) return tg_backward_asked(loss, true, function);
    for (size_t i = 0; i < o->n_tensors; i++)
        if (o->tensors[i].node->flags & TG_N_GRAD && !tg_optim_is_frozen(o, &o->tensors[i])) o->tensors[i].node->flags |= TG_N_ASKED;
    const tg_status s = tg_backward_asked(loss, false, function);
    for (size_t i = 0; i < o->n_tensors; i++) o->tensors[i].node->flags &= (uint16_t)~TG_N_ASKED;
    return s;
}

tg_status tg_optim_backward(tg_optim *o, tg_tensor *loss)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    return tg_optim_own_gradients(o, loss, "tg_optim_backward");
}

tg_status tg_optim_zero_grad(tg_optim *o)
{
    if (!o) return TG_ERR_NULL;
    TG_CALL(o->tape);
    if (!tg_may(o->tape, TG_IN_FUNCTION, "tg_optim_zero_grad")) return TG_ERR_ARG;
    if (!tg_optim_follow(o)) return TG_ERR_MEMORY;
    for (size_t i = 0; i < o->n_tensors; i++) tg_forget_grad(o->tensors[i].node);
    return TG_OK;
}

tg_status tg_zero_grad(tg_tape *t)
{
    if (!t) return TG_ERR_NULL;
    if (!tg_may(t, TG_IN_FUNCTION, "tg_zero_grad")) return TG_ERR_ARG;
    for (uint32_t i = 0; i < t->kept_used; i++) {
        tg_node *n = tg_slot_at(&t->kept, i);
        if (n->flags & TG_N_KEPT) tg_forget_grad(n);
    }
    return TG_OK;
}
