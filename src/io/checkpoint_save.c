/* checkpoint_save.c - writing a checkpoint. */
#include <inttypes.h>
#include <stdio.h>

#include "io/checkpoint.h"
#include "io/safetensors_write.h"

enum { OWN_TEXTS = 4, NUMBER = 24 };

/* Everything the writer needs, as arrays. */
typedef struct content {
    const char **names;
    tg_tensor  **tensors;
    tg_metadata *texts;
    size_t       n, n_texts;
    char         seed[NUMBER], counter[NUMBER];
} content;

static tg_status check_options(tg_tape *t, const char *function, const tg_checkpoint_options *o)
{
    if (o->n_texts < 0 || o->n_tensors < 0 || o->keep < 0)
        return tg_fail_on(t, TG_ERR_ARG, function, "options.%s must be 0 or more", o->n_texts < 0 ? "n_texts" : o->keep < 0 ? "keep" : "n_tensors");
    if ((unsigned)o->best > TG_BEST_HIGHEST) return tg_fail_on(t, TG_ERR_ARG, function, "options.best is no tg_best, got %d", (int)o->best);
    if (o->n_texts && !o->texts) return tg_fail_on(t, TG_ERR_NULL, function, "options.texts is NULL, but n_texts is %d", o->n_texts);
    if (o->n_tensors && (!o->names || !o->tensors))
        return tg_fail_on(t, TG_ERR_NULL, function, "options.%s is NULL, but n_tensors is %d", o->names ? "tensors" : "names", o->n_tensors);
    return TG_OK;
}

/* Behind the library's own. */
static tg_status check_text(tg_tape *t, const char *function, const content *c, const tg_metadata *text)
{
    char name[TG_NAME_TEXT];
    if (!text->key || !text->value) return tg_fail_on(t, TG_ERR_NULL, function, "the %s of a text is NULL", text->key ? "value" : "key");
    for (size_t i = 0; i < c->n_texts; i++)
        if (!strcmp(c->texts[i].key, text->key))
            return tg_fail_on(t, TG_ERR_ARG, function, "the key %s of a text is %s", tg_name_text(text->key, name),
                              i < OWN_TEXTS ? "the checkpoint's own" : "there twice");
    return TG_OK;
}

static tg_status make_texts(tg_tape *t, const char *function, const tg_checkpoint_options *o, content *c)
{
    const tg_stream_place random = tg_stream_at(t);
    snprintf(c->seed, sizeof c->seed, "%" PRIu64, random.seed);
    snprintf(c->counter, sizeof c->counter, "%" PRIu64, random.counter);
    c->texts = tg_tape_alloc(t, ((size_t)o->n_texts + OWN_TEXTS) * sizeof *c->texts);
    if (!c->texts) return TG_ERR_MEMORY;
    const tg_metadata own[OWN_TEXTS] = {{"format", TG_CHECKPOINT_FORMAT}, {"version", TG_CHECKPOINT_VERSION}, {"random_seed", c->seed}, {"random_counter", c->counter}};
    memcpy(c->texts, own, sizeof own);
    c->n_texts = OWN_TEXTS;
    for (int i = 0; i < o->n_texts; i++) {
        const tg_status s = check_text(t, function, c, &o->texts[i]);
        if (s != TG_OK) return s;
        c->texts[c->n_texts++] = o->texts[i];
    }
    return TG_OK;
}

static tg_status add_tensors(tg_run_list *l, const tg_checkpoint_options *o)
{
    tg_status s = TG_OK;
    for (int i = 0; i < o->n_tensors && s == TG_OK; i++) {
        const tg_node *n = tg_check(o->tensors[i], l->function);
        if (!o->names[i]) return tg_fail_on(l->tape, TG_ERR_NULL, l->function, "the name of tensor %d is NULL", i);
        if (!n) return o->tensors[i] ? TG_ERR_STALE : tg_fail_on(l->tape, TG_ERR_NULL, l->function, "tensor %d is NULL", i);
        if (n->tape != l->tape) return tg_fail_on(l->tape, TG_ERR_TAPE, l->function, "tensor %d belongs to another tape", i);
        s = tg_run_list_add(l, "user", o->names[i], (tg_part_of_run){.tensor = o->tensors[i]});
    }
    return s;
}

/* The names are where they stay now. */
static tg_status make_arrays(const tg_run_list *l, content *c)
{
    c->n = l->n;
    c->names = tg_tape_alloc(l->tape, l->n * sizeof *c->names);
    c->tensors = c->names ? tg_tape_alloc(l->tape, l->n * sizeof(tg_tensor *)) : NULL;
    if (!c->tensors) return TG_ERR_MEMORY;
    for (size_t i = 0; i < l->n; i++) {
        c->names[i] = tg_run_name(l, i);
        c->tensors[i] = l->part[i].tensor;
    }
    return TG_OK;
}

static void free_content(tg_tape *t, const tg_checkpoint_options *o, content *c)
{
    if (c->texts) tg_tape_free_bytes(t, c->texts, ((size_t)o->n_texts + OWN_TEXTS) * sizeof *c->texts);
    if (c->names) tg_tape_free_bytes(t, c->names, c->n * sizeof *c->names);
    if (c->tensors) tg_tape_free_bytes(t, c->tensors, c->n * sizeof(tg_tensor *));
}

tg_status tg_checkpoint_write(tg_tape *t, const char *function, const char *path, const tg_checkpoint_options *options)
{
    static const tg_checkpoint_options usual = {.keep = 0};
    const tg_checkpoint_options       *o = options ? options : &usual;
    tg_run_list                        list = {.tape = t, .function = function};
    content                            c = {.n = 0};
    tg_status                          s = check_options(t, function, o);
    if (s != TG_OK) return s;
    s = tg_run_list_make(&list, true);
    if (s == TG_OK) s = add_tensors(&list, o);
    if (s == TG_OK) s = make_texts(t, function, o, &c);
    if (s == TG_OK) s = make_arrays(&list, &c);
    if (s == TG_OK)
        s = tg_write_sealed(t, function, path,
                            &(tg_sealed){.names = c.names, .tensors = c.tensors, .n = (int)c.n, .notes = c.texts, .n_notes = (int)c.n_texts});
    free_content(t, o, &c);
    tg_run_list_free(&list);
    return s;
}

tg_status tg_checkpoint_save(tg_tape *t, const char *path, const tg_checkpoint_options *options)
{
    if (!t) return TG_ERR_NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, "tg_checkpoint_save")) return TG_ERR_ARG;
    return tg_checkpoint_write(t, "tg_checkpoint_save", path, options);
}
