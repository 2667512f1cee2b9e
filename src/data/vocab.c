/* vocab.c - characters and bytes as ids. */
#include <tapegrad/text.h>

#include <inttypes.h>
#include <string.h>
#include <tapegrad/tensor.h>

#include "data/arrays.h"
#include "io/input_file.h"

/* A character as a number: its code point, or behind all of them a byte that is not part of UTF-8. */
enum { STRAY = 0x110000, CHARACTERS = STRAY + 256 };

struct tg_vocab {
    tg_owned  owned; /* first */
    tg_tape  *tape;
    bool      bytes, unknown;
    int64_t   size;
    uint32_t *character; /* [size] by id, ascending but for the unknown one; NULL where ids are bytes */
    char (*text)[5];     /* [size], with a zero behind each */
};

/* ---- UTF-8 --------------------------------------------------------------------------------------------------------- */

/* The character at s, which has n > 0 bytes left, and how many of them it takes: shortest forms alone, and no surrogates (RFC 3629). */
static uint32_t next_character(const uint8_t *s, size_t n, size_t *taken)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    uint32_t              c = length == 1 ? s[0] : s[0] & (0x7fu >> length);
    bool                  good = length > 0 && length <= n;
    for (size_t k = 1; good && k < length; k++) {
        good = (s[k] & 0xc0) == 0x80;
        c = c << 6 | (s[k] & 0x3f);
    }
    good = good && c >= least[length] && c < STRAY && (c < 0xd800 || c > 0xdfff);
    *taken = good ? length : 1;
    return good ? c : (uint32_t)STRAY + s[0];
}

static void write_character(char to[5], uint32_t c)
{
    size_t n = 0;
    if (c >= STRAY) to[n++] = (char)(c - STRAY);
    else if (c < 0x80) to[n++] = (char)c;
    else if (c < 0x800) to[n++] = (char)(0xc0 | c >> 6);
    else if (c < 0x10000) to[n++] = (char)(0xe0 | c >> 12), to[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    else to[n++] = (char)(0xf0 | c >> 18), to[n++] = (char)(0x80 | (c >> 12 & 0x3f)), to[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    if (c >= 0x80 && c < STRAY) to[n++] = (char)(0x80 | (c & 0x3f));
    to[n] = 0;
}

/* ---- making ---------------------------------------------------------------------------------------------------------- */

static void free_owned(tg_owned *o)
{
    tg_vocab *v = (tg_vocab *)(void *)o;
    if (v->character) tg_tape_free_bytes(v->tape, v->character, (size_t)v->size * sizeof *v->character);
    if (v->text) tg_tape_free_bytes(v->tape, v->text, (size_t)v->size * sizeof *v->text);
    tg_tape_free_bytes(v->tape, v, sizeof *v);
}

void tg_vocab_free(tg_vocab *v)
{
    if (!v || !tg_may(v->tape, TG_IN_FUNCTION, "tg_vocab_free")) return;
    tg_disown(v->tape, &v->owned);
    free_owned(&v->owned);
}

/* The bytes of a text, checked and computed; false after an error. */
static bool bytes_of(tg_tape *t, tg_tensor *text, const char *function, const uint8_t **bytes, size_t *n)
{
    const tg_node *node = tg_check(text, function);
    char           shape[TG_SHAPE_TEXT];
    if (!node) return false;
    if (node->tape != t)
        tg_fail_on(t, TG_ERR_TAPE, function, "the text belongs to another tape");
    else if (node->dtype != TG_U8 || node->shape->rank != 1)
        tg_fail_on(t, TG_ERR_DTYPE, function, "a text is uint8 [n], not %s %s", tg_dtype_name((tg_dtype)node->dtype),
                   tg_shape_text(node->shape, shape, sizeof shape));
    else {
        *n = (size_t)node->shape->dim[0];
        *bytes = tg_data(text);
        return *bytes || (*n == 0 && tg_eval(&text, 1) == TG_OK);
    }
    return false;
}

/* Counts the characters: [CHARACTERS], from the tape's heap; NULL after an error. */
static int64_t *count_characters(tg_tape *t, const uint8_t *text, size_t n)
{
    int64_t *count = tg_tape_alloc(t, CHARACTERS * sizeof *count);
    for (size_t at = 0, taken; count && at < n; at += taken) count[next_character(text + at, n - at, &taken)]++;
    return count;
}

/* Room for the ids of a vocabulary of this size. */
static bool make_room(tg_vocab *v, int64_t size)
{
    v->size = size;
    v->text = tg_tape_alloc(v->tape, (size_t)size * sizeof *v->text);
    if (v->text && !v->bytes) v->character = tg_tape_alloc(v->tape, (size_t)size * sizeof *v->character);
    return v->text && (v->bytes || v->character);
}

static bool list_bytes(tg_vocab *v)
{
    if (!make_room(v, 256)) return false;
    for (int b = 0; b < 256; b++) v->text[b][0] = (char)b;
    return true;
}

static bool list_characters(tg_vocab *v, const uint8_t *text, size_t n, int64_t least)
{
    int64_t *count = count_characters(v->tape, text, n), size = v->unknown, id = v->unknown;
    if (!count) return false;
    for (uint32_t c = 0; c < CHARACTERS; c++) size += count[c] >= least;
    const bool ok = make_room(v, size);
    for (uint32_t c = 0; ok && c < CHARACTERS; c++) {
        if (count[c] < least) continue;
        v->character[id] = c;
        write_character(v->text[id++], c);
    }
    tg_tape_free_bytes(v->tape, count, CHARACTERS * sizeof *count);
    return ok;
}

tg_vocab *tg_vocab_new(tg_tensor *text, const tg_vocab_options *options)
{
    static const char       function[] = "tg_vocab_new";
    const tg_vocab_options  usual = {0}, *o = options ? options : &usual;
    const tg_node          *node = tg_check(text, function);
    size_t                  n = 0;
    if (!node) return NULL;
    tg_tape *t = node->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (o->least < 0 || (o->least > 1 && !o->unknown) || (o->bytes && (o->unknown || o->least > 1))) {
        tg_fail_on(t, TG_ERR_ARG, function,
                   o->least < 0 ? "least is %" PRId64
                   : o->bytes   ? "every byte has an id: bytes goes without unknown and least"
                                : "characters are left out, as fewer than %" PRId64 ", with unknown alone",
                   o->least);
        return NULL;
    }
    const uint8_t *bytes;
    if (!bytes_of(t, text, function, &bytes, &n)) return NULL;
    tg_vocab *v = tg_tape_alloc(t, sizeof *v);
    if (!v) return NULL;
    *v = (tg_vocab){.owned = {.free = free_owned}, .tape = t, .bytes = o->bytes, .unknown = o->unknown};
    if (!(o->bytes ? list_bytes(v) : list_characters(v, bytes, n, o->least ? o->least : 1))) {
        free_owned(&v->owned);
        return NULL;
    }
    tg_own(t, &v->owned);
    return v;
}

int64_t     tg_vocab_size(const tg_vocab *v) { return v ? v->size : -1; }
const char *tg_vocab_text(const tg_vocab *v, int64_t id) { return v && id >= 0 && id < v->size ? v->text[id] : NULL; }

/* ---- there and back ---------------------------------------------------------------------------------------------------- */

/* -1: it has none. */
static int64_t id_of(const tg_vocab *v, uint32_t c)
{
    int64_t low = v->unknown, high = v->size;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (v->character[middle] < c) low = middle + 1;
        else high = middle;
    }
    return low < v->size && v->character[low] == c ? low : v->unknown - 1;
}

/* How many characters the text has. */
static int64_t count_all(const tg_vocab *v, const uint8_t *text, size_t n)
{
    int64_t count = 0;
    for (size_t at = 0, taken; at < n; at += taken, count++) {
        if (v->bytes) taken = 1;
        else (void)next_character(text + at, n - at, &taken);
    }
    return count;
}

tg_tensor *tg_vocab_encode(tg_vocab *v, tg_tensor *text)
{
    static const char function[] = "tg_vocab_encode";
    size_t            n = 0, taken = 1;
    void             *data;
    char              character[5], name[TG_NAME_TEXT];
    if (!v) return NULL;
    TG_CALL(v->tape);
    if (!tg_may(v->tape, TG_IN_FUNCTION, function)) return NULL;
    const uint8_t *bytes;
    if (!bytes_of(v->tape, text, function, &bytes, &n)) return NULL;
    const tg_node *leaf = tg_new_leaf(v->tape, TG_I64, &(tg_shape){1, {count_all(v, bytes, n)}}, NULL, &data);
    int64_t       *id = data;
    for (size_t at = 0; leaf && at < n; at += taken, id++) {
        const uint32_t c = v->bytes ? bytes[at] : next_character(bytes + at, n - at, &taken);
        if ((*id = v->bytes ? c : id_of(v, c)) >= 0) continue;
        write_character(character, c);
        tg_fail_on(v->tape, TG_ERR_INDEX, function, "the character %s at byte %zu has no id, and there is none for unknown ones",
                   tg_name_text(character, name), at);
        return NULL;
    }
    return tg_handle(leaf);
}

int64_t tg_vocab_decode(const tg_vocab *v, tg_tensor *ids, char *buf, size_t size)
{
    static const char function[] = "tg_vocab_decode";
    size_t            length = 0, room = size ? size - 1 : 0;
    if (buf && size) buf[0] = 0;
    if (!v) return -1;
    TG_CALL(v->tape);
    if (!tg_may(v->tape, TG_IN_FUNCTION, function)) return -1;
    const tg_node *node = tg_check(ids, function);
    if (!node) return -1;
    if (node->tape != v->tape || (node->dtype != TG_I64 && node->dtype != TG_I32)) {
        tg_fail_on(v->tape, node->tape != v->tape ? TG_ERR_TAPE : TG_ERR_DTYPE, function,
                   node->tape != v->tape ? "the ids belong to another tape" : "ids are int64 or int32, not %s", tg_dtype_name((tg_dtype)node->dtype));
        return -1;
    }
    const void *data = tg_data(ids);
    if (!data && tg_node_numel(node) > 0) return -1;
    for (int64_t i = 0; i < tg_node_numel(node); i++) {
        const int64_t id = node->dtype == TG_I64 ? ((const int64_t *)data)[i] : ((const int32_t *)data)[i];
        if (id < 0 || id >= v->size) {
            tg_fail_on(v->tape, TG_ERR_INDEX, function, "id %" PRId64 " is %" PRId64 ", outside 0 to %" PRId64, i, id, v->size - 1);
            return -1;
        }
        const char  *text = v->unknown && id == 0 ? "\xef\xbf\xbd" : v->text[id];
        const size_t bytes = v->bytes || !text[0] ? 1 : strlen(text);
        if (buf && length + bytes <= room) memcpy(buf + length, text, bytes), buf[length + bytes] = 0;
        else room = length < room ? length : room; /* what comes behind a character that did not fit is left out, too */
        length += bytes;
    }
    return (int64_t)length;
}

/* ---- files ------------------------------------------------------------------------------------------------------------- */

tg_tensor *tg_text_read(tg_tape *t, const char *path)
{
    static const char function[] = "tg_text_read";
    if (!t) return NULL;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return NULL;
    if (!path) {
        tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
        return NULL;
    }
    tg_input_file  f = {.tape = t, .function = function, .fd = -1};
    const tg_node *leaf = NULL;
    void          *data;
    tg_path_text(path, f.path);
    tg_status s = tg_input_open(&f, path);
    if (s == TG_OK) leaf = tg_new_leaf(t, TG_U8, &(tg_shape){1, {f.size}}, NULL, &data);
    if (leaf) s = tg_input_read_at(&f, 0, data, (size_t)f.size);
    tg_input_close(&f);
    return leaf && s == TG_OK ? tg_handle(leaf) : NULL;
}
