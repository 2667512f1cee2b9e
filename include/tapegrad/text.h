/* text.h - text as numbers: characters or bytes, and windows of them for language models. Part of tapegrad.h. */
#ifndef TAPEGRAD_TEXT_H
#define TAPEGRAD_TEXT_H

#include <tapegrad/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- text --------------------------------------------------------------------------------------------------------------
 * A text is a tensor of its bytes, uint8 [n]: a file's, or tg_from_data(t, TG_U8, TG_SHAPE(n), bytes).
 *
 *     tg_tensor  *text  = tg_text_read(t, "input.txt");
 *     tg_vocab   *vocab = tg_vocab_new(text, NULL);
 *     tg_dataset *data  = tg_window_dataset(tg_vocab_encode(vocab, text), &(tg_window_options){.context = 128});
 */

/* A file's bytes. NULL after an error: TG_ERR_IO where the system refuses; an empty file is TG_ERR_FORMAT. */
TG_API tg_tensor *tg_text_read(tg_tape *tape, const char *path);

typedef struct tg_vocab tg_vocab; /* what has an id; belongs to its tape, survives tg_reset */

typedef struct tg_vocab_options {
    bool    bytes;   /* bytes have ids, 0 to 255 all of them, whatever the text. Else the characters of UTF-8 that the text has */
    bool    unknown; /* id 0 stands for every character that has none; without it such a character is an error. Not with bytes */
    int64_t least;   /* characters that the text has less often have no id; needs unknown. Usually 1 */
} tg_vocab_options;

/* The characters of a text, in the order of their code points, whatever order they come in: the same texts have the same ids. A byte that is not
 * part of UTF-8 counts as a character of its own, behind all others. options may be NULL. */
TG_API tg_vocab *tg_vocab_new(tg_tensor *text, const tg_vocab_options *options) TG_MUST_USE;

TG_API int64_t     tg_vocab_size(const tg_vocab *v);             /* ids are 0 … size-1; -1 for NULL */
TG_API const char *tg_vocab_text(const tg_vocab *v, int64_t id); /* the character, "" for unknown ones; NULL outside the ids */

/* The ids of a text's characters, i64 [characters]. TG_ERR_INDEX for a character that has none. */
TG_API tg_tensor *tg_vocab_encode(tg_vocab *v, tg_tensor *text);

/* Writes the characters of ids, i64 or i32 of any shape, into buf, always terminated, and returns the length that the whole text has, as snprintf
 * does; unknown ones are U+FFFD. -1 after an error. */
TG_API int64_t tg_vocab_decode(const tg_vocab *v, tg_tensor *ids, char *buf, size_t size);
TG_API void    tg_vocab_free(tg_vocab *v); /* before the tape's end, where wished; NULL is allowed */

typedef struct tg_window_options {
    int64_t context; /* ids of a window; 0: 64 */
    int64_t stride;  /* from one window's beginning to the next one's; 0: context, so that each id is predicted once */
} tg_window_options;

/* Windows for language models: sample i has x = ids[i stride … i stride + context - 1] and, as y, the ids one place further on. ids: [n], of any
 * integers, copied. Windows that would not be full are left out; n has to be more than context. */
TG_API tg_dataset *tg_window_dataset(tg_tensor *ids, const tg_window_options *options) TG_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
