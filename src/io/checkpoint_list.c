/* checkpoint_list.c - what belongs to a checkpoint. */
#include "io/checkpoint.h"

#include <stdio.h>

enum { LONGEST_FOLDER = 40, LONGEST_ENTRY = 400 };

static bool add_text(tg_run_list *l, const char *text, size_t n)
{
    if (!TG_GROW(l->tape, l->text, l->text_capacity, l->used + n)) return false;
    memcpy(l->text + l->used, text, n);
    l->used += n;
    return true;
}

tg_status tg_run_list_add(tg_run_list *l, const char *folder, const char *name, tg_part_of_run part)
{
    part.name = l->used;
    if (!add_text(l, folder, strlen(folder)) || !add_text(l, "/", 1) || !add_text(l, name, strlen(name) + 1)) return TG_ERR_MEMORY;
    if (!TG_GROW(l->tape, l->part, l->capacity, l->n + 1)) return TG_ERR_MEMORY;
    l->part[l->n++] = part;
    return TG_OK;
}

static tg_status add_state(tg_run_list *l, tg_owned *object, int number)
{
    char      folder[LONGEST_FOLDER], name[LONGEST_ENTRY];
    const int n = object->state->count(object, l->function);
    tg_status s = n < 0 ? l->tape->services.latest : TG_OK;
    snprintf(folder, sizeof folder, "state/%d", number);
    for (int i = 0; i < n && s == TG_OK; i++) {
        if (object->state->name(object, i, name, sizeof name, l->function) < 0) return l->tape->services.latest;
        tg_tensor *now = object->state->get(object, i, l->function);
        s = now ? tg_run_list_add(l, folder, name, (tg_part_of_run){.tensor = now, .object = object, .entry = i}) : l->tape->services.latest;
    }
    return s;
}

tg_status tg_run_list_make(tg_run_list *l, bool states)
{
    int       number = 0;
    tg_status s = TG_OK;
    for (int i = 0; i < tg_saved_count(l->tape) && s == TG_OK; i++) {
        tg_tensor *x = tg_saved_at(l->tape, i);
        s = tg_run_list_add(l, "model", tg_name(x), (tg_part_of_run){.tensor = x});
    }
    for (tg_owned *o = states ? tg_first_stateful(l->tape) : NULL; o && s == TG_OK; o = tg_next_stateful(o)) s = add_state(l, o, number++);
    return s;
}

void tg_run_list_free(tg_run_list *l)
{
    if (l->part) tg_tape_free_bytes(l->tape, l->part, l->capacity * sizeof *l->part);
    if (l->text) tg_tape_free_bytes(l->tape, l->text, l->text_capacity);
}
