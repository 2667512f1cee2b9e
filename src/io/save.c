/* save.c - named tensors, or all of a tape's parameters and buffers, into safetensors files. */
#include <inttypes.h>
#include <tapegrad/tensor.h>

#include "io/safetensors_write.h"

/* ---- options ------------------------------------------------------------------------------------------------------- */

/* How many texts there are; -1 after an error. */
static int count_notes(tg_tape *t, const char *function, const tg_metadata *notes)
{
    char text[TG_NAME_TEXT];
    int  n = 0;
    for (; notes && notes[n].key; n++) {
        if (!notes[n].value) {
            tg_fail_on(t, TG_ERR_NULL, function, "the text of the key %s is NULL", tg_name_text(notes[n].key, text));
            return -1;
        }
        for (int i = 0; i < n; i++)
            if (!strcmp(notes[i].key, notes[n].key)) {
                tg_fail_on(t, TG_ERR_ARG, function, "two texts have the key %s", tg_name_text(notes[n].key, text));
                return -1;
            }
    }
    return n;
}

static tg_status check_options(tg_tape *t, const char *function, const tg_save_options *o)
{
    if ((unsigned)o->floats > TG_FLOATS_BF16)
        return tg_fail_on(t, TG_ERR_ARG, function, "the option floats is %d, which is none of TG_FLOATS_…", (int)o->floats);
    if (o->max_shard_bytes < 0) return tg_fail_on(t, TG_ERR_ARG, function, "the option max_shard_bytes is %" PRId64, o->max_shard_bytes);
    return TG_OK;
}

/* options may be NULL. */
static tg_status save(const tg_named_tensors *x, const char *path, const tg_save_options *options)
{
    static const tg_save_options usual = {.floats = TG_FLOATS_SAME};
    const tg_save_options       *o     = options ? options : &usual;
    if (!path) return tg_fail_on(x->tape, TG_ERR_NULL, x->function, "the path is NULL");
    tg_status s = check_options(x->tape, x->function, o);
    if (s != TG_OK) return s;
    tg_st_writer w = {.x = *x, .notes = o->metadata, .n_notes = count_notes(x->tape, x->function, o->metadata), .floats = o->floats};
    if (w.n_notes < 0) return tg_services_of(x->tape)->latest;
    s = tg_st_prepare(&w);
    if (s == TG_OK) s = o->max_shard_bytes ? tg_st_write_shards(&w, path, (uint64_t)o->max_shard_bytes) : tg_st_write(&w, path, 0, x->n);
    tg_st_done(&w);
    return s;
}

/* ---- for callers --------------------------------------------------------------------------------------------------- */

static tg_status save_tensors(const char *function, const char *path, const char *const *names, tg_tensor *const *tensors, int n,
                              const tg_save_options *options)
{
    tg_status s;
    tg_tape  *t = tg_named_tensors_tape(tensors, n, function, &s);
    if (!t) return s;
    TG_CALL_AS(t, function);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    if (!names) return tg_fail_on(t, TG_ERR_NULL, function, "the names are NULL");
    return save(&(tg_named_tensors){.tape = t, .function = function, .names = names, .tensors = tensors, .n = n}, path, options);
}

tg_status tg_save_tensors(const char *path, const char *const *names, tg_tensor *const *tensors, int n)
{
    return save_tensors("tg_save_tensors", path, names, tensors, n, NULL);
}

tg_status tg_save_tensors_with(const char *path, const char *const *names, tg_tensor *const *tensors, int n, const tg_save_options *options)
{
    return save_tensors("tg_save_tensors_with", path, names, tensors, n, options);
}

/* The tape's parameters and buffers. */
static tg_status save_all(tg_tape *t, const char *function, const char *path, const tg_save_options *options)
{
    const int    n       = tg_saved_count(t);
    const size_t size    = (size_t)n * sizeof(void *);
    const char **names   = tg_tape_alloc(t, size);
    tg_tensor  **tensors = names ? tg_tape_alloc(t, size) : NULL;
    tg_status    s       = TG_ERR_MEMORY;
    if (tensors) {
        for (int i = 0; i < n; i++) {
            tensors[i] = tg_saved_at(t, i);
            names[i]   = tg_name(tensors[i]);
        }
        s = save(&(tg_named_tensors){.tape = t, .function = function, .names = names, .tensors = tensors, .n = n}, path, options);
        tg_tape_free_bytes(t, tensors, size);
    }
    if (names) tg_tape_free_bytes(t, names, size);
    return s;
}

tg_status tg_save(tg_tape *t, const char *path)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    return tg_may(t, TG_IN_FUNCTION, "tg_save") ? save_all(t, "tg_save", path, NULL) : TG_ERR_ARG;
}

tg_status tg_save_with(tg_tape *t, const char *path, const tg_save_options *options)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    return tg_may(t, TG_IN_FUNCTION, "tg_save_with") ? save_all(t, "tg_save_with", path, options) : TG_ERR_ARG;
}
