/* fpenv.h - the floating-point environment that results are defined in: rounding to nearest, no traps, subnormals as they are.
 *
 * The host program may compute in another one. So may the threads of a team: each keeps what it was started with or was given since. Every
 * public function that computes, and every thread of a team, therefore takes the library's environment first, and puts back in the end what
 * it found, exception flags included: loops compute both sides of a choice and whole vectors, so that flags would tell nothing. Where
 * the host's is the same that takes about 10 ns. */
#ifndef TG_FPENV_H
#define TG_FPENV_H

#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)

typedef struct tg_fpenv {
    uint32_t vectors; /* MXCSR: six flags, operands' subnormals as zeros, six masks, rounding, results' subnormals as zeros */
    uint16_t x87;     /* its control word, which decides how the C library rounds when it writes and reads decimal numbers */
} tg_fpenv;

enum { TG_FPENV_USUAL = 0x1f80, TG_FPENV_FLAGS = 0x3f, TG_FPENV_USUAL_X87 = 0x37f };

/* Nothing that is computed may be moved over these: values pass through memory, which the assembler code is said to change. */
static inline void tg_fpenv_write_vectors(uint32_t e) { __asm__ volatile("ldmxcsr %0" : : "m"(e) : "memory"); }
static inline void tg_fpenv_write_x87(uint16_t e) { __asm__ volatile("fldcw %0" : : "m"(e) : "memory"); }

static inline tg_fpenv tg_fpenv_enter(void)
{
    tg_fpenv host;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(host.vectors), "=m"(host.x87) : : "memory");
    if ((host.vectors & ~(uint32_t)TG_FPENV_FLAGS) != TG_FPENV_USUAL) tg_fpenv_write_vectors(TG_FPENV_USUAL);
    if (host.x87 != TG_FPENV_USUAL_X87) tg_fpenv_write_x87(TG_FPENV_USUAL_X87);
    return host;
}

/* Reading MXCSR to see whether it has to be written takes longer than writing it. */
static inline void tg_fpenv_leave(tg_fpenv host)
{
    tg_fpenv_write_vectors(host.vectors);
    if (host.x87 != TG_FPENV_USUAL_X87) tg_fpenv_write_x87(host.x87);
}

#elif defined(__aarch64__) && defined(__GNUC__)

typedef struct tg_fpenv {
    uint64_t control, status; /* FPCR, FPSR */
} tg_fpenv;

static inline tg_fpenv tg_fpenv_read(void)
{
    tg_fpenv e;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(e.control), "=r"(e.status) : : "memory");
    return e;
}

static inline tg_fpenv tg_fpenv_enter(void)
{
    const tg_fpenv host = tg_fpenv_read();
    if (host.control) __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
    return host;
}

static inline void tg_fpenv_leave(tg_fpenv host)
{
    const tg_fpenv now = tg_fpenv_read();
    if (now.control != host.control) __asm__ volatile("msr fpcr, %0" : : "r"(host.control) : "memory");
    if (now.status != host.status) __asm__ volatile("msr fpsr, %0" : : "r"(host.status) : "memory");
}

#else

#include <fenv.h>

typedef fenv_t tg_fpenv;

static inline tg_fpenv tg_fpenv_enter(void)
{
    tg_fpenv host;
    fegetenv(&host);
    fesetenv(FE_DFL_ENV);
    return host;
}

static inline void tg_fpenv_leave(tg_fpenv host) { fesetenv(&host); }

#endif

#endif
