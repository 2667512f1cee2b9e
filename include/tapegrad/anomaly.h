/* anomaly.h - where the first infinity or NaN came from. Part of tapegrad.h. docs/hooks.md shows it at work. */
#ifndef TAPEGRAD_ANOMALY_H
#define TAPEGRAD_ANOMALY_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- anomaly mode ----------------------------------------------------------------------------------------------------
 *
 * While it is on, what an evaluation computes and gives (by tg_backward, tg_minimize, tg_eval, tg_item, tg_data …: losses, gradients, what was wanted
 * or read) is looked at. Where that is infinite or NaN the call fails, TG_ERR_NONFINITE, with a sentence that names the first op of forward or backward
 * pass whose result is, with its shape and dtype, one of the elements, the line of your program that recorded it, and the names of parameters nearby:
 *
 *     tg_minimize: the first result that is not finite is that of 'log', float32 [64,10], recorded at model.c:42: element [3,2] is -inf; parameters
 *     nearby: 'fc.weight', 'fc.bias'
 *
 * "First" is meant along the way to the value that was found: infinities that go nowhere, such as a mask of -inf before a softmax, are none. What an
 * evaluation gave is there all the same: gradients hold what was computed, and reading a tensor once more gives its value.
 *
 * Costs one look at results, no more than the step itself, and nothing while it is off. Only when something was found everything below it is computed
 * once more, node by node, which takes memory for each of them.
 *
 * Lines are known in what is compiled with TG_LINES defined (cc -DTG_LINES …, or #define TG_LINES before tapegrad.h is included). Then the names of
 * functions that give tensors are macros, which note the line of each call while anomaly mode is on, and otherwise only ask whether it is. Ops of a
 * backward are told by the op whose gradient they belong to, and its line. */

/* Turns it on or off, and returns how it was. What was recorded before it was on has no lines. */
TG_API bool tg_set_detect_anomaly(tg_tape *tape, bool on);

/* What those macros call: notes that whatever was recorded since the call before was recorded at this line. `file` stays where it is until the tape is
 * freed, as a literal does. Returns x, whatever it is; NULL after an error. For functions of your own that record ops. */
TG_API tg_tensor *tg_recorded_at(tg_tensor *x, const char *file, int line);

#ifdef __cplusplus
}
#endif
#endif
