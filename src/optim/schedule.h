/* schedule.h - the inside of schedules: factors.c has their formulas, schedule.c drives optimizers by them, schedule_state.c lists their state. */
#ifndef TG_SCHEDULE_H
#define TG_SCHEDULE_H

#include <math.h>
#include <tapegrad/schedule.h>

#include "graph/stateful.h"

/* What a schedule says for one t. */
typedef struct tg_rate {
    double factor;
    double momentum; /* NaN: nothing */
} tg_rate;

/* A kind of schedule. */
typedef struct tg_schedule_kind {
    const char *function; /* that makes it */
    tg_status (*rate)(tg_schedule *s, int64_t t, tg_rate *r); /* t >= 0 */
    void      (*report)(tg_schedule *s, double measured); /* NULL: it does not depend on reports */
} tg_schedule_kind;

/* What is remembered of reports. */
typedef struct tg_plateau {
    double factor, best, bad, cooldown; /* bad: reports in a row, cooldown: those that are left of it; whole numbers */
} tg_plateau;

/* A group that is driven. */
typedef struct tg_driven {
    uint64_t serial; /* of the optimizer: it may be gone */
    int      group;
    double   base;
} tg_driven;

struct tg_schedule {
    tg_owned                owned; /* first: the tape frees by it. A part's is in no list: its whole frees it */
    tg_tape                *tape;
    const tg_schedule_kind *kind;
    int64_t                 t;
    double                  gamma, start, end; /* numbers of the formula, as the kind names them */
    int64_t                 steps, times;
    int64_t                *milestones;
    size_t                  n_milestones;
    tg_one_cycle_options    cycle;
    tg_plateau_options      by;
    tg_plateau              plateau;
    tg_factor_fn            function;
    void                   *ctx;
    tg_schedule           **parts;
    size_t                  n_parts;
    bool                    is_part;
    tg_driven              *driven;
    size_t                  n_driven, cap_driven;
};

/* ---- factors.c ------------------------------------------------------------------------------------------------------ */

extern const tg_schedule_kind tg_schedule_constant, tg_schedule_step_kind, tg_schedule_multistep, tg_schedule_exponential, tg_schedule_polynomial,
    tg_schedule_linear, tg_schedule_cosine, tg_schedule_restarts, tg_schedule_one_cycle, tg_schedule_plateau, tg_schedule_lambda,
    tg_schedule_sequential, tg_schedule_chained;
void tg_schedule_tell(tg_schedule *s, int64_t t, double measured); /* the plateaus in it */

/* ---- schedule_make.c ------------------------------------------------------------------------------------------------ */

void tg_schedule_destroy(tg_owned *owned);

/* ---- schedule_state.c ----------------------------------------------------------------------------------------------- */

extern const tg_state_functions tg_schedule_state;

#endif
