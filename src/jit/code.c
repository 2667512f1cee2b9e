/* code.c - memory that may be executed: written first, then made read-only and executable, never both. */
#define _GNU_SOURCE
#include "jit/segment.h"

#include <string.h>

#if defined(__x86_64__) && defined(__unix__)
#include <sys/mman.h>

void *tg_code_map(const tg_bytes *b)
{
    void *p = mmap(NULL, b->n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    memcpy(p, b->data, b->n);
    if (mprotect(p, b->n, PROT_READ | PROT_EXEC) == 0) return p;
    munmap(p, b->n);
    return NULL;
}

void tg_code_unmap(void *code, size_t bytes)
{
    if (code) munmap(code, bytes);
}
#else
void *tg_code_map(const tg_bytes *b)
{
    (void)b;
    return NULL;
}
void tg_code_unmap(void *code, size_t bytes) { (void)code, (void)bytes; }
#endif
