/* shadows.h - a copy beside each of many tensors: what averages and best weights share. */
#ifndef TG_SHADOWS_H
#define TG_SHADOWS_H

#include "graph/stateful.h"

/* Node and generation together name a tensor: a released one's slot may hold another by now. */
typedef struct tg_shadow {
    tg_node  *node;
    uint32_t  gen;
    size_t    bytes;
    tg_block *copy;
} tg_shadow;

typedef struct tg_shadows {
    tg_tape   *tape;
    bool       listed; /* of what was listed, not of all parameters and buffers of the tape */
    tg_shadow *at;
    size_t     n, cap;
} tg_shadows;

/* The listed tensors, if there are any, or all that the tape has, and copies of their values. false after an error; free them in any case. */
bool tg_shadows_begin(tg_shadows *s, tg_tape *t, tg_tensor *const *list, int n, const char *function);
void tg_shadows_free(tg_shadows *s);

void tg_shadows_drop_released(tg_shadows *s);
/* Copies of parameters and buffers that have none; false after an error. */
bool tg_shadows_take_new(tg_shadows *s, const char *function);

static inline void *tg_shadow_copy(const tg_shadow *s) { return s->copy->data; }
/* The copy of this tensor's value; NULL: there is none. */
const tg_shadow *tg_shadow_of(const tg_shadows *s, const tg_tensor *x);

/* Number k as an entry of a state of this kind: its name, "kind.w" or "kind[k]", and the copy as a tensor, got and set. */
int        tg_shadow_name(const tg_shadows *s, size_t k, const char *kind, char *buf, size_t size);
tg_tensor *tg_shadow_get(const tg_shadows *s, size_t k);
tg_status  tg_shadow_set(tg_shadows *s, size_t k, tg_tensor *value, const char *function);

#endif
