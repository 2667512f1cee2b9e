/* cases.c - the cases of a shared object, as samples like the library's own. */
#include "gradcheck.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* What a sample of a case calls. */
static tg_tensor *call_case(void *ctx, tg_tensor *const *in)
{
    const sample            *s = ctx;
    const tg_gradcheck_case *c = s->given;
    return c->f ? c->f((void *)(uintptr_t)c->ctx, in) : tg_record(c->op, in, sample_inputs(s), NULL, 0);
}

static const char *name_of(const tg_gradcheck_case *c) { return c->name ? c->name : c->op->name; }

/* What is wrong with input i; NULL: nothing. */
static const char *fault_of_input(const tg_case_input *in)
{
    const bool floats = in->kind == TG_CASE_VARIED || in->kind == TG_CASE_CONSTANT;
    if (in->kind < TG_CASE_VARIED || in->kind > TG_CASE_MASK) return "has a kind that is no tg_case_kind";
    if (tg_shape_size(in->shape, TG_F64, NULL, NULL) != TG_OK) return "has a shape that no tensor can have";
    if (floats && !(in->lo <= in->hi && in->hi - in->lo <= 1e300)) return "has no numbers from lo to hi";
    if (in->kind == TG_CASE_INDEX && !(in->hi >= 1 && in->hi <= 1e15)) return "has no indices from 0 to hi-1";
    return NULL;
}

static bool fill_input(sample_input *to, const tg_case_input *in)
{
    static const sample_kind kinds[] = {[TG_CASE_VARIED] = S_FLOAT, [TG_CASE_CONSTANT] = S_FIXED, [TG_CASE_INDEX] = S_INDEX, [TG_CASE_MASK] = S_MASK};
    const bool usual = in->lo == 0 && in->hi == 0;
    *to = (sample_input){.kind = kinds[in->kind], .shape = *in->shape, .lo = usual ? -2 : in->lo, .hi = usual ? 2 : in->hi};
    if (in->kind == TG_CASE_MASK) to->hi = 2;
    return in->kind == TG_CASE_VARIED;
}

/* One case as a sample; false: what is wrong with it stands in text. */
static bool fill(sample *s, const tg_gradcheck_case *c, int k, char *text, size_t size)
{
    bool varied = false;
    *s = (sample){.f = call_case, .given = c, .op = c->op};
    if (!c->f && !c->op) return snprintf(text, size, "case %d has neither f nor op", k), false;
    if (!c->name && !c->op) return snprintf(text, size, "case %d has no name", k), false;
    s->name = name_of(c);
    for (int i = 0; i < TG_CASE_INPUTS && c->in[i].shape; i++) {
        const char *fault = fault_of_input(&c->in[i]);
        if (fault) return snprintf(text, size, "case %d, %s: input %d %s", k, s->name, i, fault), false;
        varied = fill_input(&s->in[i], &c->in[i]) || varied;
    }
    if (!varied) return snprintf(text, size, "case %d, %s: no input is TG_CASE_VARIED", k, s->name), false;
    if (c->order < 0 || c->order > 2) return snprintf(text, size, "case %d, %s: its order is %d, and can be 1 or 2", k, s->name, c->order), false;
    return true;
}

static const tg_gradcheck_case_list *list_of(const char *path, char *text, size_t size)
{
    char  file[4096];
    /* dlopen looks for a name without a slash among the system's libraries. */
    const int length = snprintf(file, sizeof file, "%s%s", strchr(path, '/') ? "" : "./", path);
    void *object = length < (int)sizeof file ? dlopen(file, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!object) return snprintf(text, size, "%s", length < (int)sizeof file ? dlerror() : "its path is too long"), NULL;
    const tg_gradcheck_case_list *l = dlsym(object, "tg_gradcheck_cases");
    if (!l) return snprintf(text, size, "%s lists no cases: it needs TG_GRADCHECK_CASES(…) of <tapegrad/check.h>", path), NULL;
    if (l->size != sizeof(tg_gradcheck_case) || strcmp(l->version, TG_VERSION) != 0)
        return snprintf(text, size, "%s was compiled with the headers of tapegrad %s, and this is tg-gradcheck %s: compile it again", path, l->version, TG_VERSION),
               NULL;
    return l;
}

sample_list cases_of(const char *path, char *text, size_t size)
{
    sample_list                   list = {0};
    const tg_gradcheck_case_list *l    = list_of(path, text, size);
    sample                        s;
    if (!l) return list;
    for (int k = 0; k < l->count; k++) {
        if (!fill(&s, &l->cases[k], k, text, size)) {
            free(list.row);
            return (sample_list){0};
        }
        samples_add(&list, &s);
    }
    if (!list.row) snprintf(text, size, "memory ran out");
    return list;
}
