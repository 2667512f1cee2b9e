/* program.c - the life of a program: an empty one, emptied again, freed. */
#include "plan/program.h"

void tg_free_program(tg_tape *t, program *p)
{
    tg_heap *h = &t->services.heap;
#define FREE(type, array) tg_heap_free(h, p->array, p->cap_##array * sizeof *p->array);
    TG_PROGRAM_ARRAYS(FREE)
#undef FREE
    tg_code_unmap(p->executable, p->machine.n);
    tg_bytes_free(&p->machine);
    tg_bytes_free(&p->register_uses);
    tg_arena_free(&p->own);
    tg_heap_free(h, p, sizeof *p);
}

program *tg_new_program(tg_tape *t)
{
    program *p = tg_tape_alloc(t, sizeof *p);
    if (!p) return NULL;
    tg_arena_init(&p->own, &t->services.heap);
    p->machine.heap = p->register_uses.heap = &t->services.heap;
    return p;
}

void tg_clear_program(program *p)
{
    tg_arena_reset(&p->own);
#define EMPTY(type, array) p->n_##array = 0;
    TG_PROGRAM_ARRAYS(EMPTY)
#undef EMPTY
    p->tile_bytes = 0;
    p->any_early = p->any_sums = p->any_reductions = p->careful = p->compiled = false;
    memset(p->shapes, 0, sizeof p->shapes);
    memset(p->recent, 0, sizeof p->recent);
    tg_code_unmap(p->executable, p->machine.n);
    p->executable = NULL;
    p->runs = 0;
    p->epoch = 0;
    p->memory = NULL;
}
