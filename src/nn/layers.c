/* layers.c - linear layers, embeddings, convolutions and norms. */
#include <tapegrad_nn.h>

#include <math.h>

static const double NORM_EPS = 1e-5;

/* Uniform in ±1/sqrt(fan_in): as PyTorch begins. */
static tg_tensor *begin(tg_tape *t, const tg_shape *shape, int64_t fan_in)
{
    const double bound = fan_in > 0 ? 1 / sqrt((double)fan_in) : 0;
    return tg_uniform(t, shape, -bound, bound);
}

static tg_tensor *vector(tg_tape *t, const char *name, int64_t n, double value)
{
    return tg_param(t, name, value == 0 ? tg_zeros(t, TG_SHAPE(n)) : tg_ones(t, TG_SHAPE(n)));
}

/* ---- linear ------------------------------------------------------------------------------------------------------------ */

tg_nn_linear_module tg_nn_linear(tg_tape *t, const char *name, int64_t in, int64_t out, bool bias)
{
    tg_nn_linear_module m = {.weight = NULL};
    tg_scope_push(t, name);
    m.weight = tg_param(t, "weight", begin(t, TG_SHAPE(out, in), in));
    if (bias) m.bias = tg_param(t, "bias", begin(t, TG_SHAPE(out), in));
    tg_scope_pop(t);
    return m;
}

tg_tensor *tg_nn_linear_of(const tg_nn_linear_module *m, tg_tensor *x) { return tg_linear(x, tg_transpose(m->weight, 0, 1), m->bias); }

/* ---- embedding --------------------------------------------------------------------------------------------------------- */

tg_nn_embedding_module tg_nn_embedding(tg_tape *t, const char *name, int64_t rows, int64_t width, const tg_nn_embedding_options *options)
{
    const tg_nn_embedding_options o = options ? *options : (tg_nn_embedding_options){.by_rows = false};
    const int64_t                 padding = o.padding == TG_ZERO_INDEX ? 0 : o.padding ? o.padding : -1;
    tg_nn_embedding_module        m = {.padding = padding};
    tg_tensor                    *w = tg_randn(t, TG_SHAPE(rows, width));
    if (padding >= 0) w = tg_mul(w, tg_unsqueeze(tg_to(tg_ne(tg_arange(t, TG_I64, rows), tg_full(t, TG_I64, TG_SCALAR_SHAPE, (double)padding)), tg_dtype_of(w)), 1));
    tg_scope_push(t, name);
    m.weight = tg_param(t, "weight", w);
    if (o.by_rows) m.weight = tg_set_row_gradient(m.weight, true);
    tg_scope_pop(t);
    return m;
}

tg_tensor *tg_nn_embedding_of(const tg_nn_embedding_module *m, tg_tensor *index)
{
    return m->padding < 0 ? tg_embedding(m->weight, index) : tg_embedding_padded(m->weight, index, m->padding);
}

/* ---- convolution ------------------------------------------------------------------------------------------------------- */

static int64_t or_usual(int64_t value, int64_t usual) { return value ? value : usual; }

tg_nn_conv_module tg_nn_conv(tg_tape *t, const char *name, int64_t in, int64_t out, const tg_nn_conv_options *options)
{
    tg_nn_conv_module   m = {.options = options ? *options : (tg_nn_conv_options){.axes = 2}};
    tg_nn_conv_options *o = &m.options;
    o->axes = o->axes ? o->axes : 2;
    o->kernel = or_usual(o->kernel, 3);
    o->stride = or_usual(o->stride, 1);
    o->dilation = or_usual(o->dilation, 1);
    o->groups = or_usual(o->groups, 1);
    tg_shape shape = {.rank = o->axes + 2, .dim = {out, in / o->groups}};
    int64_t  fan_in = shape.dim[1];
    for (int i = 0; i < o->axes && i < 3; i++) fan_in *= shape.dim[2 + i] = o->kernel;
    tg_scope_push(t, name);
    m.weight = tg_param(t, "weight", begin(t, &shape, fan_in));
    if (!o->no_bias) m.bias = tg_param(t, "bias", begin(t, TG_SHAPE(out), fan_in));
    tg_scope_pop(t);
    return m;
}

tg_tensor *tg_nn_conv_of(const tg_nn_conv_module *m, tg_tensor *x)
{
    const tg_nn_conv_options *o = &m->options;
    const int64_t             s = o->stride, p = o->padding, d = o->dilation;
    switch (o->axes) {
    case 1: return tg_conv1d(x, m->weight, m->bias, &(tg_conv1d_options){.stride = s, .padding = p, .dilation = d, .groups = o->groups});
    case 3: return tg_conv3d(x, m->weight, m->bias, &(tg_conv3d_options){{s, s, s}, {p, p, p}, {d, d, d}, o->groups, false});
    default: return tg_conv2d(x, m->weight, m->bias, &(tg_conv_options){.stride = {s, s}, .padding = {p, p}, .dilation = {d, d}, .groups = o->groups});
    }
}

/* ---- norms ------------------------------------------------------------------------------------------------------------- */

tg_nn_layer_norm_module tg_nn_layer_norm(tg_tape *t, const char *name, int64_t width)
{
    tg_nn_layer_norm_module m = {.weight = NULL};
    tg_scope_push(t, name);
    m.weight = vector(t, "weight", width, 1);
    m.bias = vector(t, "bias", width, 0);
    tg_scope_pop(t);
    return m;
}

tg_tensor *tg_nn_layer_norm_of(const tg_nn_layer_norm_module *m, tg_tensor *x) { return tg_layer_norm(x, 1, m->weight, m->bias, NORM_EPS); }

tg_nn_group_norm_module tg_nn_group_norm(tg_tape *t, const char *name, int64_t groups, int64_t channels)
{
    const tg_nn_layer_norm_module m = tg_nn_layer_norm(t, name, channels);
    return (tg_nn_group_norm_module){.weight = m.weight, .bias = m.bias, .groups = groups};
}

tg_tensor *tg_nn_group_norm_of(const tg_nn_group_norm_module *m, tg_tensor *x) { return tg_group_norm(x, m->groups, m->weight, m->bias, NORM_EPS); }

tg_nn_batch_norm_module tg_nn_batch_norm(tg_tape *t, const char *name, int64_t channels)
{
    tg_nn_batch_norm_module m = {.weight = NULL};
    tg_scope_push(t, name);
    m.weight = vector(t, "weight", channels, 1);
    m.bias = vector(t, "bias", channels, 0);
    m.running.mean = tg_buffer(t, "running_mean", tg_zeros(t, TG_SHAPE(channels)));
    m.running.var = tg_buffer(t, "running_var", tg_ones(t, TG_SHAPE(channels)));
    m.batches = tg_buffer(t, "num_batches_tracked", tg_full(t, TG_I64, TG_SCALAR_SHAPE, 0));
    tg_scope_pop(t);
    return m;
}

tg_tensor *tg_nn_batch_norm_of(tg_nn_batch_norm_module *m, tg_tensor *x, bool training)
{
    return tg_batch_norm(x, m->weight, m->bias, &(tg_batch_norm_options){.running = &m->running, .training = training, .eps = NORM_EPS});
}

tg_status tg_nn_update_running(tg_nn_batch_norm_module *m)
{
    const tg_status s = m->running.next_mean ? tg_assign(m->batches, tg_add_s(m->batches, 1)) : TG_OK;
    return s == TG_OK ? tg_update_running(&m->running) : s;
}
