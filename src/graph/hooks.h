/* hooks.h - functions of the caller's that see gradients on their way, a part of a tape. */
#ifndef TG_HOOKS_H
#define TG_HOOKS_H

#include <stddef.h>
#include <stdint.h>
#include <tapegrad/hooks.h>

struct tg_node;

typedef struct tg_hook {
    const struct tg_node *node;
    uint32_t   gen;     /* the node's when it was registered: another one, and its tensor is gone */
    bool       retains; /* it is no function but a wish: the gradient stays */
    uint64_t   number;  /* hooks of a node are called in the order of their numbers */
    tg_hook_fn fn;      /* NULL, and it retains nothing: it was removed */
    void      *ctx;
} tg_hook;

/* Nodes that have any have TG_N_HOOKED. */
typedef struct tg_hooks {
    tg_hook *at;
    size_t   n, cap, removed;
    uint64_t ever;
    bool     sorted; /* by node and number */
} tg_hooks;

/* The gradient g of the node as its hooks leave it; NULL after an error. */
tg_tensor *tg_call_hooks(struct tg_node *n, tg_tensor *g);
bool       tg_retains_grad(const struct tg_node *n); /* the gradient of a node that is no leaf */
void       tg_tidy_hooks(tg_tape *t); /* drops what was removed, and the hooks of tensors that are gone, as after tg_reset */
void       tg_free_hooks(tg_tape *t);

#endif
