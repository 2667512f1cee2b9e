/* run_log.c - appending to a run's log: records of one event each. */
#define _DEFAULT_SOURCE /* flock */
#include "io/run_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <tapegrad/gradient.h>
#include <tapegrad/tensor.h>
#include <time.h>
#include <unistd.h>

#include "io/directory.h"
#include "io/png.h"

enum { LONGEST_TAG = 200, PARTS = TG_LOG_HISTOGRAM_PARTS, LARGEST_SIDE = 4096 };

struct tg_run_log {
    tg_owned      owned; /* first */
    tg_tape      *tape;
    tg_input_file file; /* open for reading and writing; its size is what was written whole */
};

/* ---- writing events ------------------------------------------------------------------------------------------------ */

static tg_status write_all(const tg_input_file *f, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        const ssize_t w = write(f->fd, (const char *)bytes + done, n - done);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) return tg_input_error(f, "write", w < 0 ? errno : EIO);
        done += (size_t)w;
    }
    return TG_OK;
}

/* Appends the event, which is freed, as a record. */
static tg_status append(tg_run_log *l, tg_wire *event)
{
    unsigned char head[TG_RECORD_HEAD], tail[4];
    tg_wire       record = {.tape = l->tape};
    tg_record_frame(event->bytes, event->n, head, tail);
    tg_wire_raw(&record, head, sizeof head);
    tg_wire_raw(&record, event->bytes, event->n);
    tg_wire_raw(&record, tail, sizeof tail);
    tg_status s = event->failed || record.failed ? TG_ERR_MEMORY : write_all(&l->file, record.bytes, record.n);
    if (s == TG_OK) l->file.size += (int64_t)record.n;
    else if (s == TG_ERR_IO && ftruncate(l->file.fd, (off_t)l->file.size) != 0) (void)tg_input_error(&l->file, "shorten", errno);
    tg_wire_free(&record);
    tg_wire_free(event);
    return s;
}

static tg_wire begin_event(const tg_run_log *l, int64_t step)
{
    struct timespec now;
    tg_wire         e = {.tape = l->tape};
    clock_gettime(CLOCK_REALTIME, &now);
    tg_wire_double(&e, TG_EVENT_TIME, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
    if (step > 0) tg_wire_int(&e, TG_EVENT_STEP, (uint64_t)step);
    return e;
}

/* An event of one value, which begins with its tag, and which is freed. */
static tg_status append_value(tg_run_log *l, int64_t step, tg_wire *value)
{
    tg_wire event = begin_event(l, step), summary = {.tape = l->tape};
    tg_wire_message(&summary, TG_SUMMARY_VALUE, value);
    tg_wire_message(&event, TG_EVENT_SUMMARY, &summary);
    return append(l, &event);
}

static tg_wire begin_value(const tg_run_log *l, const char *tag)
{
    tg_wire v = {.tape = l->tape};
    tg_wire_text(&v, TG_VALUE_TAG, tag);
    return v;
}

/* "text" and the like, which says to TensorBoard what a tensor is; `content` is freed. */
static void add_plugin(tg_wire *value, const char *name, tg_wire *content)
{
    tg_wire plugin = {.tape = value->tape}, metadata = {.tape = value->tape};
    tg_wire_text(&plugin, TG_PLUGIN_NAME, name);
    if (content) tg_wire_message(&plugin, TG_PLUGIN_CONTENT, content);
    tg_wire_message(&metadata, TG_METADATA_PLUGIN, &plugin);
    tg_wire_message(value, TG_VALUE_METADATA, &metadata);
}

/* A vector of n texts, or of no floats: its shape and dtype. */
static void add_tensor(tg_wire *value, const char *text)
{
    enum { OF_FLOATS = 1, OF_STRINGS = 7, DIM = 2, SIZE = 1 };
    tg_wire tensor = {.tape = value->tape}, shape = {.tape = value->tape}, dim = {.tape = value->tape};
    if (text) tg_wire_int(&dim, SIZE, 1);
    tg_wire_message(&shape, DIM, &dim);
    tg_wire_int(&tensor, TG_TENSOR_DTYPE, text ? OF_STRINGS : OF_FLOATS);
    tg_wire_message(&tensor, TG_TENSOR_SHAPE, &shape);
    if (text) tg_wire_text(&tensor, TG_TENSOR_STRINGS, text);
    tg_wire_message(value, TG_VALUE_TENSOR, &tensor);
}

/* ---- opening and closing ------------------------------------------------------------------------------------------- */

bool tg_run_log_path(const char *directory, char path[TG_LOG_PATH])
{
    return snprintf(path, TG_LOG_PATH, "%s/events.out.tfevents.tapegrad", directory) < TG_LOG_PATH;
}

static void drop(tg_run_log *l)
{
    tg_input_close(&l->file);
    tg_tape_free_bytes(l->tape, l, sizeof *l);
}

static void free_log(tg_owned *self) { drop((tg_run_log *)(void *)self); }

static tg_status open_file(tg_input_file *f, const char *directory, const char *path)
{
    struct stat st;
    const tg_status made = tg_directory_make(f->tape, f->function, directory);
    if (made != TG_OK) return made;
    do f->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0) return tg_input_error(f, "open", errno);
    if (fstat(f->fd, &st) != 0) return tg_input_error(f, "examine", errno);
    if (!S_ISREG(st.st_mode)) return tg_fail_on(f->tape, TG_ERR_IO, f->function, "%s is not a regular file", f->path);
    if (flock(f->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? tg_fail_on(f->tape, TG_ERR_IO, f->function, "%s is being written already", f->path) : tg_input_error(f, "lock", errno);
    f->size = (int64_t)st.st_size;
    return TG_OK;
}

/* What a killed process left half written goes; a new file begins with its version. */
static tg_status begin_file(tg_run_log *l, int64_t first_step)
{
    int64_t   end = 0;
    tg_status s = tg_records_read(&l->file, NULL, NULL, &end);
    if (s == TG_OK && end < l->file.size && ftruncate(l->file.fd, (off_t)end) != 0) s = tg_input_error(&l->file, "shorten", errno);
    if (s != TG_OK) return s;
    l->file.size = end;
    if (!end) {
        tg_wire event = begin_event(l, 0);
        tg_wire_text(&event, TG_EVENT_VERSION, "brain.Event:2");
        return append(l, &event);
    }
    if (first_step < 0) return TG_OK;
    tg_wire event = begin_event(l, first_step), session = {.tape = l->tape};
    tg_wire_int(&session, TG_SESSION_STATUS, TG_SESSION_START);
    tg_wire_message(&event, TG_EVENT_SESSION, &session);
    return append(l, &event);
}

tg_run_log *tg_run_log_open(tg_tape *t, const char *directory, int64_t first_step)
{
    static const char function[] = "tg_run_log_open";
    char              path[TG_LOG_PATH];
    tg_status         s = TG_OK;
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (!directory) s = tg_fail_on(t, TG_ERR_NULL, function, "the directory is NULL");
    else if (first_step < -1) s = tg_fail_on(t, TG_ERR_ARG, function, "first_step must be -1 or more, got %lld", (long long)first_step);
    else if (!tg_run_log_path(directory, path)) s = tg_fail_on(t, TG_ERR_ARG, function, "the directory's path is too long");
    tg_run_log *l = s == TG_OK ? tg_tape_alloc(t, sizeof *l) : NULL;
    if (!l) return NULL;
    *l = (tg_run_log){.owned = {.free = free_log}, .tape = t, .file = {.tape = t, .function = function, .fd = -1}};
    tg_path_text(path, l->file.path);
    s = open_file(&l->file, directory, path);
    if (s == TG_OK) s = begin_file(l, first_step);
    if (s != TG_OK) {
        drop(l);
        return NULL;
    }
    tg_own(t, &l->owned);
    return l;
}

void tg_run_log_close(tg_run_log *l)
{
    if (!l || !tg_may(l->tape, TG_IN_FUNCTION, "tg_run_log_close")) return;
    tg_disown(l->tape, &l->owned);
    drop(l);
}

tg_status tg_run_log_flush(tg_run_log *l)
{
    if (!l) return TG_ERR_NULL;
    TG_CALL(l->tape);
    if (!tg_may(l->tape, TG_IN_FUNCTION, "tg_run_log_flush")) return TG_ERR_ARG;
    l->file.function = "tg_run_log_flush";
    return fsync(l->file.fd) == 0 ? TG_OK : tg_input_error(&l->file, "flush", errno);
}

/* ---- what a record is about ------------------------------------------------------------------------------------------ */

static tg_status check_text(tg_tape *t, const char *function, const char *what, const char *text)
{
    size_t n = 1;
    if (!text) return tg_fail_on(t, TG_ERR_NULL, function, "the %s is NULL", what);
    for (const char *s = text; *s && n; s += n) n = *s == '\n' || *s == '\t' ? 1 : tg_printable_length(s);
    return n ? TG_OK : tg_fail_on(t, TG_ERR_ARG, function, "the %s is not printable UTF-8", what);
}

/* What every call asks first. */
static tg_status check(tg_run_log *l, const char *function, int64_t step, const char *tag)
{
    if (!tg_may(l->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    l->file.function = function;
    const tg_status s = check_text(l->tape, function, "tag", tag);
    if (s != TG_OK) return s;
    if (step < 0) return tg_fail_on(l->tape, TG_ERR_ARG, function, "the step must be 0 or more, got %lld", (long long)step);
    if (!*tag || strlen(tag) > LONGEST_TAG || strpbrk(tag, "\n\t"))
        return tg_fail_on(l->tape, TG_ERR_ARG, function, "a tag is 1 to %d bytes of printable UTF-8 in one line", LONGEST_TAG);
    return TG_OK;
}

tg_status tg_run_log_scalar(tg_run_log *l, int64_t step, const char *tag, double value)
{
    if (!l) return TG_ERR_NULL;
    TG_CALL(l->tape);
    const tg_status s = check(l, "tg_run_log_scalar", step, tag);
    if (s != TG_OK) return s;
    tg_wire v = begin_value(l, tag);
    tg_wire_float(&v, TG_VALUE_NUMBER, (float)value);
    return append_value(l, step, &v);
}

tg_status tg_run_log_text(tg_run_log *l, int64_t step, const char *tag, const char *text)
{
    static const char function[] = "tg_run_log_text";
    if (!l) return TG_ERR_NULL;
    TG_CALL(l->tape);
    tg_status s = check(l, function, step, tag);
    if (s == TG_OK) s = check_text(l->tape, function, "text", text);
    if (s != TG_OK) return s;
    tg_wire v = begin_value(l, tag);
    add_plugin(&v, "text", NULL);
    add_tensor(&v, text);
    return append_value(l, step, &v);
}

tg_status tg_run_log_hyper(tg_run_log *l, const char *const *names, const double *values, int n)
{
    static const char function[] = "tg_run_log_hyper";
    if (!l) return TG_ERR_NULL;
    TG_CALL(l->tape);
    if (!tg_may(l->tape, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    l->file.function = function;
    if (n < 0) return tg_fail_on(l->tape, TG_ERR_ARG, function, "n must be 0 or more, got %d", n);
    if (n && (!names || !values)) return tg_fail_on(l->tape, TG_ERR_NULL, function, "%s is NULL", names ? "values" : "names");
    for (int i = 0; i < n; i++) {
        const tg_status s = check_text(l->tape, function, "name", names[i]);
        if (s != TG_OK) return s;
    }
    tg_wire start = {.tape = l->tape}, content = start, v = begin_value(l, "_hparams_/session_start_info");
    for (int i = 0; i < n; i++) {
        tg_wire entry = {.tape = l->tape}, number = entry;
        tg_wire_double(&number, TG_HYPER_NUMBER, values[i]);
        tg_wire_text(&entry, TG_HYPER_KEY, names[i]);
        tg_wire_message(&entry, TG_HYPER_VALUE, &number);
        tg_wire_message(&start, TG_HYPER_PARAMETERS, &entry);
    }
    tg_wire_message(&content, TG_HYPER_STARTED, &start);
    add_plugin(&v, "hparams", &content);
    add_tensor(&v, NULL);
    return append_value(l, 0, &v);
}

/* ---- histograms ------------------------------------------------------------------------------------------------------ */

typedef struct histogram {
    double low, high, n, sum, squares;
    double count[PARTS];
} histogram;

static double at(const tg_node *n, const void *data, int64_t i) { return tg_dtypes[n->dtype].read((const char *)data + (size_t)i * tg_dtypes[n->dtype].size); }

static size_t part_of(const histogram *h, double x)
{
    const double width = h->high - h->low, place = width > 0 && isfinite(width) ? (x - h->low) / width * PARTS : 0;
    return place < PARTS ? (size_t)place : PARTS - 1;
}

static void count(const tg_node *x, const void *data, histogram *h)
{
    const int64_t n = tg_node_numel(x);
    *h = (histogram){.low = (double)INFINITY, .high = -(double)INFINITY};
    for (int64_t i = 0; i < n; i++) {
        const double v = at(x, data, i);
        if (!isfinite(v)) continue;
        h->n++;
        h->sum += v;
        h->squares += v * v;
        if (v < h->low) h->low = v;
        if (v > h->high) h->high = v;
    }
    for (int64_t i = 0; i < n; i++) {
        const double v = at(x, data, i);
        if (isfinite(v)) h->count[part_of(h, v)]++;
    }
    if (!(h->n > 0)) h->low = h->high = 0;
}

static tg_status append_histogram(tg_run_log *l, int64_t step, const char *tag, tg_tensor *x)
{
    histogram   h;
    double      limit[PARTS];
    const void *data = tg_data(x);
    if (!data) return l->tape->services.latest;
    count(tg_node_of(x), data, &h);
    for (int k = 0; k < PARTS; k++) limit[k] = k + 1 < PARTS ? h.low + (h.high - h.low) * (k + 1) / PARTS : h.high;
    tg_wire v = begin_value(l, tag), m = {.tape = l->tape};
    tg_wire_double(&m, TG_HISTOGRAM_LOW, h.low);
    tg_wire_double(&m, TG_HISTOGRAM_HIGH, h.high);
    tg_wire_double(&m, TG_HISTOGRAM_NUMBER, h.n);
    tg_wire_double(&m, TG_HISTOGRAM_SUM, h.sum);
    tg_wire_double(&m, TG_HISTOGRAM_SQUARES, h.squares);
    tg_wire_doubles(&m, TG_HISTOGRAM_LIMITS, limit, PARTS);
    tg_wire_doubles(&m, TG_HISTOGRAM_COUNTS, h.count, PARTS);
    tg_wire_message(&v, TG_VALUE_HISTOGRAM, &m);
    return append_value(l, step, &v);
}

/* Is it a tensor of this tape? */
static tg_status check_tensor(const tg_run_log *l, const char *function, const tg_tensor *x)
{
    const tg_node *n = tg_check(x, function);
    if (!n) return x ? TG_ERR_STALE : tg_fail_on(l->tape, TG_ERR_NULL, function, "the tensor is NULL");
    return n->tape == l->tape ? TG_OK : tg_fail_on(l->tape, TG_ERR_TAPE, function, "the tensor belongs to another tape than the log");
}

tg_status tg_run_log_histogram(tg_run_log *l, int64_t step, const char *tag, tg_tensor *x)
{
    static const char function[] = "tg_run_log_histogram";
    if (!l) return TG_ERR_NULL;
    TG_CALL(l->tape);
    tg_status s = check(l, function, step, tag);
    if (s == TG_OK) s = check_tensor(l, function, x);
    return s == TG_OK ? append_histogram(l, step, tag, x) : s;
}

tg_status tg_run_log_params(tg_run_log *l, int64_t step, const char *pattern, bool gradients)
{
    static const char function[] = "tg_run_log_params";
    char              tag[LONGEST_TAG + 16]; /* a parameter's name is no longer than a tag */
    if (!l) return TG_ERR_NULL;
    TG_CALL(l->tape);
    tg_status s = check(l, function, step, "weights");
    if (s == TG_OK && pattern) s = tg_check_glob(l->tape, pattern, function);
    for (int i = 0; i < tg_param_count(l->tape) && s == TG_OK; i++) {
        tg_tensor *x = tg_param_at(l->tape, i), *g = gradients ? tg_grad_of(x) : NULL;
        if (pattern && !tg_glob_matches(pattern, tg_name(x))) continue;
        snprintf(tag, sizeof tag, "weights/%s", tg_name(x));
        s = append_histogram(l, step, tag, x);
        snprintf(tag, sizeof tag, "gradients/%s", tg_name(x));
        if (s == TG_OK && g) s = append_histogram(l, step, tag, g);
    }
    return s;
}

/* ---- pictures --------------------------------------------------------------------------------------------------------- */

static unsigned char shade(const tg_node *x, const void *data, int64_t i)
{
    const double v = at(x, data, i);
    if ((tg_dtype)x->dtype == TG_U8) return (unsigned char)v;
    return (unsigned char)(v > 0 ? v < 1 ? v * 255 + 0.5 : 255 : 0); /* NaN is black */
}

tg_status tg_run_log_image(tg_run_log *l, int64_t step, const char *tag, tg_tensor *x)
{
    static const char function[] = "tg_run_log_image";
    char              text[TG_SHAPE_TEXT];
    if (!l) return TG_ERR_NULL;
    TG_CALL(l->tape);
    tg_status s = check(l, function, step, tag);
    if (s == TG_OK) s = check_tensor(l, function, x);
    if (s != TG_OK) return s;
    const int     rank = tg_rank(x);
    const int64_t channels = rank == 3 ? tg_dim(x, 0) : 1, height = tg_dim(x, -2), width = tg_dim(x, -1);
    if (rank < 2 || rank > 3 || (channels != 1 && channels != 3) || height < 1 || width < 1 || height > LARGEST_SIDE || width > LARGEST_SIDE)
        return tg_fail_on(l->tape, TG_ERR_SHAPE, function, "a picture is [H,W], [1,H,W] or [3,H,W] with sides of 1 to %d, got %s", LARGEST_SIDE,
                          tg_shape_text(tg_shape_of(x), text, sizeof text));
    if (tg_dtype_of(x) != TG_U8 && !tg_dtype_is_float(tg_dtype_of(x)))
        return tg_fail_on(l->tape, TG_ERR_DTYPE, function, "a picture is uint8 or float, got %s", tg_dtype_name(tg_dtype_of(x)));
    const void    *data = tg_data(x);
    const size_t   plane = (size_t)(height * width);
    unsigned char *pixels = data ? tg_tape_alloc(l->tape, plane * (size_t)channels) : NULL;
    if (!pixels) return l->tape->services.latest;
    for (size_t i = 0; i < plane * (size_t)channels; i++) pixels[i % plane * (size_t)channels + i / plane] = shade(tg_node_of(x), data, (int64_t)i);
    tg_wire v = begin_value(l, tag), image = {.tape = l->tape}, png = image;
    tg_png_write(&png, pixels, (size_t)height, (size_t)width, (size_t)channels);
    tg_tape_free_bytes(l->tape, pixels, plane * (size_t)channels);
    tg_wire_int(&image, TG_IMAGE_HEIGHT, (uint64_t)height);
    tg_wire_int(&image, TG_IMAGE_WIDTH, (uint64_t)width);
    tg_wire_int(&image, TG_IMAGE_COLOURS, (uint64_t)channels);
    tg_wire_message(&image, TG_IMAGE_BYTES, &png);
    tg_wire_message(&v, TG_VALUE_IMAGE, &image);
    return append_value(l, step, &v);
}
