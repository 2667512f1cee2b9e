/* named_tensors.c - what has to be true of tensors and names that go to a file. */
#include "io/named_tensors.h"

#include <stdlib.h>

tg_tape *tg_named_tensors_tape(tg_tensor *const *tensors, int n, const char *function, tg_status *s)
{
    tg_tape *tape = NULL;
    *s            = tensors ? TG_ERR_ARG : TG_ERR_NULL;
    if (!tensors || n < 1) return NULL; /* no tensor, no tape to tell it to */
    for (int i = 0; i < n; i++) {
        const tg_node *node = tg_check(tensors[i], function);
        *s                  = node ? TG_OK : tensors[i] ? TG_ERR_STALE : TG_ERR_NULL;
        if (node && tape && node->tape != tape)
            *s = tg_fail_on(tape, TG_ERR_TAPE, function, "tensor %d belongs to another tape than the ones before", i);
        if (*s != TG_OK) return NULL;
        tape = node->tape;
    }
    return tape;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static tg_status check_sorted(const tg_named_tensors *x, const char **sorted, const char *reserved)
{
    char         text[TG_NAME_TEXT];
    const size_t n = (size_t)x->n;
    for (size_t i = 0; i < n; i++) {
        if (!x->names[i]) return tg_fail_on(x->tape, TG_ERR_NULL, x->function, "the name of tensor %zu is NULL", i);
        if (reserved && !strcmp(x->names[i], reserved))
            return tg_fail_on(x->tape, TG_ERR_ARG, x->function, "the format keeps the name '%s' for itself", reserved);
        sorted[i] = x->names[i];
    }
    if (n > 1) qsort(sorted, n, sizeof *sorted, compare_names);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            return tg_fail_on(x->tape, TG_ERR_ARG, x->function, "two tensors have the same name %s", tg_name_text(sorted[i], text));
    return TG_OK;
}

tg_status tg_named_tensors_check(const tg_named_tensors *x, const char *reserved)
{
    const size_t size   = (size_t)x->n * sizeof(char *);
    const char **sorted = tg_tape_alloc(x->tape, size);
    if (!sorted) return TG_ERR_MEMORY;
    const tg_status s = check_sorted(x, sorted, reserved);
    tg_tape_free_bytes(x->tape, sorted, size);
    return s;
}
