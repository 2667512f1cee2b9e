/* c_loops.c - operands of loops in C: elements by index arithmetic, and the loops over them. */
#include "export/c_file.h"

const char *const tg_c_index[TG_MAX_RANK] = {"i", "j", "k", "l", "m", "n", "p", "q"};

/* ---- arrays ------------------------------------------------------------------------------------------------------------- */

static tg_c_array array_of(const tg_c_file *c, uint32_t step)
{
    const tg_c_value *v = &c->value[step];
    const tg_node    *n = tg_c_node(c, step), *base = tg_c_node(c, v->base);
    tg_c_array        a = {.name = c->value[v->base].name, .dtype = (tg_dtype)n->dtype, .shape = *n->shape, .offset = v->layout.offset};
    for (int k = 0; k < n->shape->rank; k++) a.stride[k] = n->shape->dim[k] == 1 ? 0 : v->layout.stride[k];
    if (base->op->kind == TG_CONST && c->graph.step[v->base].kind == TG_STEP_OP) a.number = tg_attr(base);
    return a;
}

tg_c_array tg_c_result(const tg_c_file *c, uint32_t step) { return array_of(c, step); }
tg_c_array tg_c_operand(const tg_c_file *c, uint32_t step, int i) { return array_of(c, c->graph.step[step].in[i]); }

void tg_c_expand(tg_c_array *a, const tg_shape *shape)
{
    const int lead = shape->rank - a->shape.rank;
    for (int k = shape->rank; k-- > 0;) a->stride[k] = k < lead || a->shape.dim[k - lead] == 1 ? 0 : a->stride[k - lead];
    a->shape = *shape;
}

static void join_axes(tg_c_array *a, int k)
{
    a->shape.dim[k] *= a->shape.dim[k + 1];
    a->stride[k] = a->stride[k + 1];
    for (int m = k + 1; m + 1 < a->shape.rank; m++) {
        a->shape.dim[m] = a->shape.dim[m + 1];
        a->stride[m]    = a->stride[m + 1];
    }
    a->shape.rank--;
}

/* An axis of size 1 takes its neighbour's place. */
static bool are_one(const tg_c_array *a, int k)
{
    if (a->shape.dim[k] == 1 || a->shape.dim[k + 1] == 1) return true;
    return a->stride[k] == a->stride[k + 1] * a->shape.dim[k + 1];
}

void tg_c_collapse(tg_c_array *a, int n)
{
    for (int k = a->shape.rank - 1; k-- > 0;) {
        bool all = true;
        for (int i = 0; i < n; i++) all = all && are_one(&a[i], k);
        for (int i = 0; all && i < n; i++) {
            if (a[i].shape.dim[k + 1] == 1) a[i].stride[k + 1] = a[i].stride[k]; /* which is what is left */
            join_axes(&a[i], k);
        }
    }
}

/* ---- text ----------------------------------------------------------------------------------------------------------------- */

const char *tg_c_element(char text[TG_C_ELEMENT], const tg_c_array *a, const char *const *index)
{
    tg_text t = {.buf = text, .size = TG_C_ELEMENT};
    char    number[TG_C_NUMBER];
    double  room; /* of any dtype */
    bool    any = false;
    if (a->number) {
        tg_dtypes[a->dtype].write(&room, *(const double *)a->number);
        return strcpy(text, tg_c_number(number, a->dtype, &room));
    }
    tg_put(&t, "%s[", a->name);
    if (a->offset) tg_put(&t, "%lld", (long long)a->offset), any = true;
    for (int k = 0; k < a->shape.rank; k++) {
        const long long stride = a->stride[k];
        if (a->shape.dim[k] == 1 || stride == 0) continue;
        tg_put(&t, "%s%s", !any ? stride < 0 ? "-" : "" : stride < 0 ? " - " : " + ", index ? index[k] : tg_c_index[k]);
        if (stride != 1 && stride != -1) tg_put(&t, " * %lld", stride < 0 ? -stride : stride);
        any = true;
    }
    tg_put(&t, any ? "]" : "0]");
    return text;
}

bool tg_c_open_loops(tg_c_file *c, const tg_shape *shape)
{
    for (int k = 0; k < shape->rank; k++)
        if (shape->dim[k] == 0) return false;
    for (int k = 0; k < shape->rank; k++) {
        if (shape->dim[k] == 1) continue;
        tg_c_line(c, "for (ptrdiff_t %s = 0; %s < %lld; %s++) {", tg_c_index[k], tg_c_index[k], (long long)shape->dim[k], tg_c_index[k]);
        c->depth++;
    }
    return true;
}

void tg_c_close_loops(tg_c_file *c, const tg_shape *shape)
{
    for (int k = 0; k < shape->rank; k++) {
        if (shape->dim[k] == 1) continue;
        c->depth--;
        tg_c_line(c, "}");
    }
}

void tg_c_copy(tg_c_file *c, tg_c_array to, tg_c_array from)
{
    char       text[TG_C_ELEMENT], value[TG_C_ELEMENT];
    tg_c_array a[2] = {to, from};
    tg_c_collapse(a, 2);
    if (!tg_c_open_loops(c, &a->shape)) return;
    tg_c_line(c, "%s = %s;", tg_c_element(text, &a[0], NULL), tg_c_element(value, &a[1], NULL));
    tg_c_close_loops(c, &a->shape);
}
