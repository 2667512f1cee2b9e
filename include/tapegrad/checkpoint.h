/* checkpoint.h - all of a run in one file, and going on from it to the same bits. Part of tapegrad.h. */
#ifndef TAPEGRAD_CHECKPOINT_H
#define TAPEGRAD_CHECKPOINT_H

#include <tapegrad/base.h>
#include <tapegrad/file.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- checkpoints -----------------------------------------------------------------------------------------------------
 * A checkpoint is everything of a tape that decides how a run goes on: parameters and buffers, the state of its optimizers (with their groups
 * and learning rates), schedules, averages, loaders and all else that has one, and the place in its stream of random numbers. A program that
 * makes the same things in the same order, parameters before averages of them, and then loads it goes on to the same bits as one that was never
 * interrupted.
 *
 * It is made between two steps: gradients are no part of it, nor is what was recorded and tensors of tg_keep, which have no name. What the program
 * itself has to remember goes with it as texts and tensors.
 *
 * The file is a safetensors file: "model/NAME" are the parameters and buffers, "state/K/NAME" the state of the K-th object that has one, in the
 * order they were made, "user/NAME" the tensors of options, and "crc32" at its end is the checksum of all bytes before it. The texts are its
 * metadata, beside "format", "version", "random_seed" and "random_counter". tg_checkpoint_load_model reads the parameters and buffers alone. */

typedef enum tg_best { TG_BEST_NONE = 0, TG_BEST_LOWEST, TG_BEST_HIGHEST } tg_best;

typedef struct tg_checkpoint_options {
    const tg_metadata *texts;   /* the caller's own, none of whose keys is one of those above */
    int                n_texts;
    const char *const *names;   /* of the caller's own tensors */
    tg_tensor *const  *tensors;
    int                n_tensors;
    int                keep;    /* tg_checkpoint_save_step: so many of the latest stay; usually 3 */
    tg_best            best;    /* likewise: whether the lowest or the highest score is kept as "best.safetensors" */
    double             score;   /* of the state that is saved. NaN is never the best. What was measured with averages swapped in (tg_ema_swap) is the
                                 * score of a checkpoint that is saved while they are: it is loaded so, too */
} tg_checkpoint_options;

/* Writes a checkpoint. options may be NULL. The file is complete or the old one stays, as with tg_save, whenever the process ends: temporary
 * file, fsync, rename, fsync of the directory. While it is written states are in memory twice. */
TG_API tg_status tg_checkpoint_save(tg_tape *tape, const char *path, const tg_checkpoint_options *options);

/* Reads one, learning rates and all: all of it, or nothing is changed. TG_ERR_FORMAT for a file that is damaged (its checksum is not that of its content) or no
 * checkpoint; TG_ERR_UNSUPPORTED for one of a later version; TG_ERR_ARG, TG_ERR_SHAPE or TG_ERR_DTYPE for one of another program: the sentence has the first
 * tensor that differs and, where they do, how many objects have a state there and here; or the first option of a loader that does. A damaged file takes the memory of its own
 * list of tensors while it is refused; another program's takes 200 bytes for each tensor that it lists. What was recorded becomes invalid, as after tg_copy_from. The caller's own texts and tensors are read by
 * tg_archive_open, tg_archive_metadata(a, key) and tg_archive_read(a, "user/NAME"). */
TG_API tg_status tg_checkpoint_load(tg_tape *tape, const char *path);

/* Reads the parameters and buffers alone, into a program that has those and need not have what trained them: for evaluation, tg_freeze, or another
 * training. Names, shapes and dtypes agree exactly, or nothing is changed, and the errors are the same. */
TG_API tg_status tg_checkpoint_load_model(tg_tape *tape, const char *path);

/* Checkpoints of a run in a directory, which is made, with those above it, where it is not there, and flushed to the disk by its name: DIRECTORY/step-000000001000.safetensors for step 1000. When it is
 * whole, those before it but the latest `keep` are removed; with `best` and a score better than that of the best one there, it is written as
 * "best.safetensors" too, which is whole at any time as well and never removed. */
TG_API tg_status tg_checkpoint_save_step(tg_tape *tape, const char *directory, int64_t step, const tg_checkpoint_options *options);

/* Loads the latest of them that is not damaged. *step gets its step, or -1 when there is none yet, which is no error: the run begins. *damaged
 * (may be NULL) gets how many later ones were passed over because their checksum is wrong. TG_ERR_FORMAT when there are some and all are damaged.
 * The caller's own is read from the file of tg_checkpoint_path. */
TG_API tg_status tg_checkpoint_load_latest(tg_tape *tape, const char *directory, int64_t *step, int *damaged);

/* The path of the checkpoint of a step, as snprintf writes it: its length, which may be more than fits. */
TG_API int tg_checkpoint_path(const char *directory, int64_t step, char *buf, size_t size);

#ifdef __cplusplus
}
#endif
#endif
