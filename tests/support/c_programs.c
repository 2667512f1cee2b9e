/* c_programs.c - exported functions in one shared library, called through wrappers that take lists of addresses. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "c_programs.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/graph_export.h"

typedef int (*call_fn)(const void *const *in, void *const *out, void *scratch);

tg_tape *open_reference(tg_dtype dtype)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = dtype, .seed = 7, .evaluator = "reference"});
    assert_non_null(t);
    return t;
}

void c_programs_open(c_programs *p)
{
    const char *tmp = getenv("TMPDIR");
    *p = (c_programs){.n = 0};
    if (!tmp || !*tmp) tmp = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm"; /* every file goes to the disk otherwise, a thousand times */
    snprintf(p->dir, sizeof p->dir, "%.40s/tg_export_XXXXXX", tmp);
    assert_non_null(mkdtemp(p->dir));
}

void c_programs_close(c_programs *p)
{
    char command[C_TEXT];
    for (int k = 0; k < p->n; k++) {
        for (int i = 0; i < p->function[k].n_in; i++) free(p->function[k].in[i].bytes);
        for (int i = 0; i < p->function[k].n_out; i++) free(p->function[k].out[i].bytes);
    }
    free(p->function);
    snprintf(command, sizeof command, "rm -r '%s'", p->dir);
    assert_int_equal(system(command), 0);
}

const char *c_programs_path(const c_programs *p, int k, char path[C_TEXT])
{
    snprintf(path, C_TEXT, "%s/f%d.c", p->dir, k);
    return path;
}

/* ---- adding one ----------------------------------------------------------------------------------------------------------- */

static c_argument argument_of(tg_tensor *x)
{
    c_argument   a = {.n = tg_numel(x), .dtype = tg_dtype_of(x)};
    const size_t bytes = (size_t)a.n * tg_dtype_size(a.dtype);
    const void  *data = bytes ? tg_data(x) : NULL;
    if (bytes && !data) fail_msg("%s", tg_error(tg_tape_of(x)));
    a.bytes = malloc(bytes + 1);
    assert_non_null(a.bytes);
    if (bytes) memcpy(a.bytes, data, bytes);
    return a;
}

/* Which of the tensors do the outputs need? Leaves out the others. */
static int needed(const tg_export_options *o, tg_tensor *const *in, int n_in, tg_export_tensor *inputs)
{
    static const char *const names[C_ARGUMENTS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    tg_export_graph          g;
    int                      n = 0;
    tg_tape                 *t = tg_tape_of(o->outputs[0].tensor);
    const tg_export_options  without = {.outputs = o->outputs, .n_outputs = o->n_outputs};
    const bool               all = tg_export_graph_make(&g, "tg_export_c", &without, NULL) != TG_OK; /* it cannot do without them */
    if (all) tg_clear_error(t);
    for (int i = 0; i < n_in; i++) {
        bool found = all;
        for (uint32_t k = 0; k < g.n && !found; k++) found = g.step[k].node == tg_node_of(in[i]);
        if (found) inputs[n] = (tg_export_tensor){names[n], in[i]}, n++;
    }
    tg_export_graph_free(&g);
    return n;
}

tg_status c_programs_add(c_programs *p, tg_tensor *const *in, int n_in, tg_tensor *const *out, int n_out, double tolerance, const char *what)
{
    static const char *const names[C_ARGUMENTS] = {"y", "z", "y2", "y3", "y4", "y5", "y6", "y7"};
    char                     path[C_TEXT], name[16];
    tg_export_tensor         inputs[C_ARGUMENTS], outputs[C_ARGUMENTS];
    tg_export_options        o = {.name = name, .inputs = inputs, .outputs = outputs, .n_outputs = n_out};
    snprintf(name, sizeof name, "f%d", p->n);
    for (int i = 0; i < n_out; i++) outputs[i] = (tg_export_tensor){names[i], out[i]};
    o.n_inputs = needed(&o, in, n_in, inputs);
    const tg_status s = tg_export_c(c_programs_path(p, p->n, path), &o);
    if (s != TG_OK) return s;
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 64;
        p->function = realloc(p->function, (size_t)p->cap * sizeof *p->function);
        assert_non_null(p->function);
    }
    c_function *f = &p->function[p->n++];
    *f = (c_function){.n_in = o.n_inputs, .n_out = n_out, .tolerance = tolerance};
    snprintf(f->what, sizeof f->what, "%s", what);
    for (int i = 0; i < o.n_inputs; i++) f->in[i] = argument_of(inputs[i].tensor);
    for (int i = 0; i < n_out; i++) f->out[i] = argument_of(out[i]);
    return TG_OK;
}

/* ---- running them ----------------------------------------------------------------------------------------------------------- */

static void write_wrappers(const c_programs *p)
{
    char path[C_TEXT];
    snprintf(path, sizeof path, "%s/all.c", p->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int k = 0; k < p->n; k++) {
        const c_function *e = &p->function[k];
        fprintf(f, "#include \"f%d.c\"\nint call_f%d(const void *const *in, void *const *out, void *scratch);\n"
                   "int call_f%d(const void *const *in, void *const *out, void *scratch)\n{\n    (void)in;\n    return f%d(", k, k, k, k);
        for (int i = 0; i < e->n_in; i++) fprintf(f, "in[%d], ", i);
        for (int i = 0; i < e->n_out; i++) fprintf(f, "out[%d], ", i);
        fprintf(f, "scratch);\n}\nextern const size_t size_f%d;\nconst size_t size_f%d = sizeof(struct f%d_scratch);\n", k, k, k);
    }
    assert_int_equal(fclose(f), 0);
}

static void *compile(const c_programs *p, const char *flags)
{
    char        command[4 * C_TEXT], path[C_TEXT];
    const char *cc = getenv("CC");
    snprintf(command, sizeof command,
             "cd '%s' && %s -std=c99 -Wall -Wextra -Wpedantic -Werror -ffp-contract=off %s -fPIC -shared -o all.so all.c -lm >log 2>&1 || { head -c 3000 log; exit 1; }",
             p->dir, cc && *cc ? cc : "cc", flags);
    if (system(command)) fail_msg("the exported files do not compile: %s", p->dir);
    snprintf(path, sizeof path, "%s/all.so", p->dir);
    void *all = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!all) fail_msg("%s", dlerror());
    return all;
}

static double element(const c_argument *a, const void *bytes, int64_t i)
{
    switch (a->dtype) {
    case TG_F32: return (double)((const float *)bytes)[i];
    case TG_F64: return ((const double *)bytes)[i];
    case TG_I64: return (double)((const int64_t *)bytes)[i];
    case TG_I32: return (double)((const int32_t *)bytes)[i];
    case TG_I16: return (double)((const int16_t *)bytes)[i];
    default: return (double)((const uint8_t *)bytes)[i];
    }
}

static void compare(const c_function *f, int output, const void *got)
{
    const c_argument *want = &f->out[output];
    const size_t      item = tg_dtype_size(want->dtype);
    double            scale = 0;
    for (int64_t i = 0; i < want->n; i++) {
        const double x = fabs(element(want, want->bytes, i));
        if (isfinite(x) && x > scale) scale = x;
    }
    for (int64_t i = 0; i < want->n; i++) {
        const double x = element(want, got, i), y = element(want, want->bytes, i);
        if (!memcmp((const char *)got + (size_t)i * item, (const char *)want->bytes + (size_t)i * item, item) || (isnan(x) && isnan(y))) continue;
        if (f->tolerance > 0 && (x == y || fabs(x - y) <= f->tolerance * scale)) continue;
        fail_msg("%s: element %lld of output %d is %.17g (%a), not %.17g (%a)", f->what, (long long)i, output, x, x, y, y);
    }
}

static void run(const c_function *f, call_fn call, size_t scratch_size)
{
    enum { GARBAGE = 0x5a, AROUND = 64 };
    const void *in[C_ARGUMENTS];
    void       *out[C_ARGUMENTS];
    char       *scratch = malloc(scratch_size + AROUND);
    assert_non_null(scratch);
    memset(scratch, GARBAGE, scratch_size + AROUND);
    for (int i = 0; i < f->n_in; i++) in[i] = f->in[i].bytes;
    for (int i = 0; i < f->n_out; i++) {
        const size_t bytes = (size_t)f->out[i].n * tg_dtype_size(f->out[i].dtype) + AROUND;
        assert_non_null(out[i] = malloc(bytes));
        memset(out[i], GARBAGE, bytes);
    }
    const int answer = call(in, out, scratch);
    if (answer != f->fails) fail_msg("%s: returned %d", f->what, answer);
    for (int k = 0; k < AROUND; k++) assert_int_equal(scratch[scratch_size + (size_t)k], GARBAGE);
    for (int i = 0; i < f->n_out; i++) {
        const size_t bytes = (size_t)f->out[i].n * tg_dtype_size(f->out[i].dtype);
        if (!f->fails) compare(f, i, out[i]);
        for (int k = 0; k < AROUND; k++) assert_int_equal(((const char *)out[i])[bytes + (size_t)k], GARBAGE);
        free(out[i]);
    }
    free(scratch);
}

void c_programs_check(c_programs *p, const char *flags)
{
    char name[32];
    write_wrappers(p);
    void *all = compile(p, flags);
    for (int k = 0; k < p->n; k++) {
        call_fn call;
        snprintf(name, sizeof name, "call_f%d", k);
        *(void **)(void *)&call = dlsym(all, name);
        snprintf(name, sizeof name, "size_f%d", k);
        const size_t *size = dlsym(all, name);
        assert_true(call && size);
        run(&p->function[k], call, *size);
    }
    assert_int_equal(dlclose(all), 0);
}
