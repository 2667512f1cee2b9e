/* run_log.h - what a run tells of itself, step by step, in a file that TensorBoard reads. Part of tapegrad.h. */
#ifndef TAPEGRAD_RUN_LOG_H
#define TAPEGRAD_RUN_LOG_H

#include <tapegrad/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a run's log -------------------------------------------------------------------------------------------------------
 * One file in a directory, DIRECTORY/events.out.tfevents.tapegrad, to which every call appends a record with a checksum: `tensorboard --logdir
 * DIRECTORY` shows it while it grows. A record that is written stays when the process is killed; tg_run_log_flush also brings it to the disk. What a
 * killed process left half written is cut off when the log is opened again.
 *
 * A tag says what a record is about, "loss/train": 1 to 200 bytes of printable UTF-8; TensorBoard groups by what stands before the slash. Steps are 0 or
 * more. Each function gives TG_ERR_IO when the file can't be written; what it wrote in part then is taken back. */

typedef struct tg_run_log tg_run_log; /* belongs to its tape */

/* Opens the log of a run, to go on at the end of what is there; makes file and directory, with those above it, where they are not there. first_step: what a
 * killed run wrote for this step and later ones is not shown any more, nor listed in tg_run_log_csv: the run goes on there. Behind
 * tg_checkpoint_load_latest(t, directory, &step, NULL) it is step + 1, also where there was none yet. -1: everything stays. NULL after an error:
 * TG_ERR_IO, also where another process has it open; TG_ERR_FORMAT where the file is no log, or damaged before its end. */
TG_API tg_run_log *tg_run_log_open(tg_tape *tape, const char *directory, int64_t first_step) TG_MUST_USE;

/* A number, which is kept as a float. */
TG_API tg_status tg_run_log_scalar(tg_run_log *log, int64_t step, const char *tag, double value);

/* How the elements of x are distributed: their number, smallest, largest, sum and sum of squares, and how many lie in each of 64 parts of equal width
 * between the extremes. NaN and infinities are left out. x is of any dtype; its value is computed. */
TG_API tg_status tg_run_log_histogram(tg_run_log *log, int64_t step, const char *tag, tg_tensor *x);

/* The same of all parameters whose names match a pattern (as for tg_params_matching; NULL: all) as "weights/NAME", and with `gradients` of those that
 * have one as "gradients/NAME". */
TG_API tg_status tg_run_log_params(tg_run_log *log, int64_t step, const char *pattern, bool gradients);

/* A picture: [H,W] or [1,H,W] is grey, [3,H,W] red, green and blue; uint8, or floats from 0 (black) to 1. TG_ERR_SHAPE for others, and for sides of 0 or above
 * 4,096. */
TG_API tg_status tg_run_log_image(tg_run_log *log, int64_t step, const char *tag, tg_tensor *x);

/* Text, in UTF-8; TensorBoard takes it for Markdown. */
TG_API tg_status tg_run_log_text(tg_run_log *log, int64_t step, const char *tag, const char *text);

/* The hyper-parameters of the run, once: n names and their values. */
TG_API tg_status tg_run_log_hyper(tg_run_log *log, const char *const *names, const double *values, int n);

TG_API tg_status tg_run_log_flush(tg_run_log *log); /* until it is on the disk */
TG_API void      tg_run_log_close(tg_run_log *log); /* before the tape's end, where wished; NULL is allowed */

/* Writes all scalars of a log as CSV, "step,tag,value,seconds", in the order they were logged; seconds since 1970. The file is complete or the old
 * one stays. A log that is being written can be read. TG_ERR_FORMAT as for tg_run_log_open. */
TG_API tg_status tg_run_log_csv(tg_tape *tape, const char *directory, const char *path);

#ifdef __cplusplus
}
#endif
#endif
