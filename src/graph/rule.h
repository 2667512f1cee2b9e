/* rule.h - asking an op's rules: the call as they see it, and what they answer. Whoever asks is inside of the rule meanwhile (tg_go_inside). */
#ifndef TG_RULE_H
#define TG_RULE_H

#include "graph/graph.h"

enum { TG_FEW_INPUTS = 8 };

/* Makes *c, whose tape is set, the call of node n as its rules see it. few: room for its inputs, if they are no more. An error, TG_ERR_STALE, where
 * one of them is there no longer. c->result and c->shared are the caller's to set. */
tg_status tg_call_of(tg_call *c, const tg_node *n, tg_tensor *few[TG_FEW_INPUTS]);

/* What the op's vjp gives for input i, whatever it is: NULL, with tg_failure as its status, after an error that was said. */
tg_tensor *tg_ask_vjp(const tg_call *c, const tg_node *n, int i, tg_tensor *g);

/* The same checked, and summed to the input's shape where the op broadcast it; NULL after an error. */
tg_tensor *tg_call_vjp(tg_call *c, const tg_node *n, int i, tg_tensor *g);

/* What the op's jvp, which there is, gives for tangents of its inputs, whatever it is. */
tg_tensor *tg_ask_jvp(const tg_call *c, const tg_node *n, tg_tensor *const *tangents);

#endif
