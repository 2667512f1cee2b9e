/* mirror_judge.h - what the files that make calls on a tape and on its mirror share: registers, and the judging of answers. */
#ifndef MIRROR_JUDGE_H
#define MIRROR_JUDGE_H

#include "mirror_run.h"

/* ---- values of registers and slots -------------------------------------------------------------------------------- */

bool     mr_there(mr_value v);
bool     mr_dead(mr_value v); /* its handle names nothing any more */
bool     mr_alive(mr_value v);
m_node  *mr_node(mr_run *r, mr_value v); /* of a live one: what an op reads */
mr_value mr_operand(const mr_run *r, const mr_call *c, int i);
/* Operand i or, where that does not fit, the next register that does: a store; a tensor of that shape. */
mr_value mr_store_operand(const mr_run *r, const mr_call *c, int i);
mr_value mr_shaped_operand(const mr_run *r, const mr_call *c, int i, const tg_shape *shape);
int      mr_register(const mr_run *r, mr_value v); /* one that holds it */
void     mr_put(mr_run *r, int at, mr_value v);
void     mr_check_name(mr_run *r, const char *what, mr_value v); /* its handle is no other tensor's */
mr_value mr_of_node(tg_tensor *t, m_node *m);
mr_value mr_of_store(tg_tensor *t, m_store *s);
/* The gradient of a leaf: there when the mirror has one, and only then. */
mr_value mr_gradient_of(mr_run *r, mr_value leaf);

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

void        mr_numbers(mr_run *r, const mr_call *c, double *v, int64_t n); /* what a call puts into data */
const void *mr_as_dtype(mr_run *r, const double *v, int64_t n);            /* in the tape's dtype, until the next reset */
const double *mr_as_double(mr_run *r, const void *p, int64_t n);           /* and back */
size_t      mr_element_bytes(const mr_run *r);
void        mr_write_store(mr_run *r, mr_value v, const double *numbers);  /* tg_copy_from */
/* On the mirror's side; errors NULL: none. */
void        mr_written(mr_run *r, mr_value v, const double *numbers, const double *errors);
const tg_shape *mr_shape(mr_value v);

/* ---- judging ------------------------------------------------------------------------------------------------------ */

void mr_fail(mr_run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mr_say(const mr_run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* How a call may have ended: OK, or refused as stale for a reason that the mirror knows. Anything else is a failure. Returns ok. */
bool mr_accept(mr_run *r, const char *what, bool ok, bool justified);
void mr_must(mr_run *r, const char *what, tg_status s);       /* it may only end well */
void mr_refuse(mr_run *r, const char *what, bool refused);    /* it may not: a handle names nothing any more */
bool mr_wants_stale(const mr_run *r);                         /* something wanted cannot be computed any more */
bool mr_value_stale(mr_run *r, mr_value v);
void mr_evaluated(mr_run *r, bool ok);   /* after an evaluation, which computes what was wanted too, or gives it up */
void mr_perhaps_evaluated(mr_run *r);    /* after a call that may have evaluated something, or not */
const double *mr_right_numbers(mr_value v);
const double *mr_errors(mr_value v); /* their bounds; NULL: all 0 */
/* Reads a live value: mode 0 by tg_data, 1 by tg_copy_to, 2 by tg_item where it has one element. NULL when it is stale or wrong. */
const void *mr_read_value(mr_run *r, mr_value v, int mode, const char *what);
void        mr_read_gradients(mr_run *r);
void        mr_check_pointers(mr_run *r); /* what tg_data gave holds until tg_reset */

/* ---- mirror_run_grad.c -------------------------------------------------------------------------------------------- */

bool mr_do_diff(mr_run *r, const mr_call *c);
bool mr_do_set_grad(mr_run *r, const mr_call *c);
bool mr_do_step(mr_run *r, const mr_call *c);
bool mr_do_zero(mr_run *r, const mr_call *c);
bool mr_do_clip(mr_run *r, const mr_call *c);
void mr_open_optimizers(mr_run *r);

#endif
