/* assembler.c - encodes instructions. One function for each form; what an instruction means stands where it is used. */
#include "jit/assembler.h"

#include <string.h>

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

void tg_bytes_put(tg_bytes *b, const void *data, size_t n)
{
    if (b->failed) return;
    if (b->n + n > b->cap) {
        size_t cap = b->cap ? b->cap : 1024;
        while (cap < b->n + n) cap *= 2;
        uint8_t *more = tg_heap_resize(b->heap, b->data, b->cap, cap);
        if (!more) {
            b->failed = true;
            return;
        }
        b->data = more;
        b->cap = cap;
    }
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

void tg_bytes_free(tg_bytes *b)
{
    tg_heap_free(b->heap, b->data, b->cap);
    b->data = NULL;
    b->n = b->cap = 0;
}

static void byte(tg_assembler *a, int value)
{
    const uint8_t b = (uint8_t)value;
    tg_bytes_put(a->out, &b, 1);
}
static void word32(tg_assembler *a, int32_t value) { tg_bytes_put(a->out, &value, sizeof value); }

/* ---- operands ----------------------------------------------------------------------------------------------------- */

static int modrm(int mod, int reg, int rm) { return mod << 6 | (reg & 7) << 3 | (rm & 7); }

/* A displacement of 4 bytes to the pool: filled in when the pool's place is known. tail: bytes of the instruction behind it. */
static void pool_displacement(tg_assembler *a, int32_t offset, int tail)
{
    if (a->n_fix == sizeof a->fix / sizeof *a->fix) {
        a->failed = true;
        return;
    }
    a->fix[a->n_fix].at = a->out->n;
    a->fix[a->n_fix].next = a->out->n + 4 + (size_t)tail;
    a->fix[a->n_fix++].offset = offset;
    word32(a, 0);
}

/* modrm, sib and displacement; always a displacement of 4 bytes, which means the same in VEX and EVEX. */
static void memory_operand(tg_assembler *a, int reg, const tg_address *m, int tail)
{
    if (m->pool) {
        byte(a, modrm(0, reg, 5));
        pool_displacement(a, m->offset, tail);
        return;
    }
    const int scale = m->scale == 8 ? 3 : m->scale == 4 ? 2 : m->scale == 2 ? 1 : 0;
    byte(a, modrm(2, reg, 4));
    byte(a, scale << 6 | ((m->index == NO_REGISTER ? RSP : m->index) & 7) << 3 | (m->base & 7));
    if (a->uses && m->base == a->tiles_base) tg_bytes_put(a->uses, &a->out->n, sizeof a->out->n);
    word32(a, m->offset);
}

/* The upper bits of an operand's registers, for the inverted R, X and B bits of a prefix. */
typedef struct upper {
    int x, b;
} upper;

static upper upper_bits(const tg_vector_instruction *v)
{
    if (!v->memory) return (upper){v->evex ? v->second >> 4 & 1 : 0, v->second >> 3 & 1};
    if (v->memory->pool) return (upper){0, 0};
    return (upper){v->memory->index == NO_REGISTER ? 0 : v->memory->index >> 3 & 1, v->memory->base >> 3 & 1};
}

/* ---- vector instructions ------------------------------------------------------------------------------------------- */

static void vex_prefix(tg_assembler *a, const tg_vector_instruction *v)
{
    const upper u = upper_bits(v);
    byte(a, 0xc4);
    byte(a, (~v->reg >> 3 & 1) << 7 | !u.x << 6 | !u.b << 5 | v->code.map);
    byte(a, v->code.wide << 7 | (~v->first & 15) << 3 | (v->width == W256) << 2 | v->code.pp);
}

static void evex_prefix(tg_assembler *a, const tg_vector_instruction *v)
{
    const upper u = upper_bits(v);
    byte(a, 0x62);
    byte(a, (~v->reg >> 3 & 1) << 7 | !u.x << 6 | !u.b << 5 | (~v->reg >> 4 & 1) << 4 | v->code.map);
    byte(a, v->code.wide << 7 | (~v->first & 15) << 3 | 4 | v->code.pp);
    byte(a, v->zeroing << 7 | (int)v->width << 5 | v->broadcast << 4 | (~v->first >> 4 & 1) << 3 | v->mask);
}

void tg_assemble_vector(tg_assembler *a, const tg_vector_instruction *v)
{
    if (v->evex) evex_prefix(a, v);
    else vex_prefix(a, v);
    byte(a, v->code.opcode);
    if (v->memory) memory_operand(a, v->reg, v->memory, v->immediate >= 0);
    else byte(a, modrm(3, v->reg, v->second));
    if (v->immediate >= 0) byte(a, v->immediate);
}

/* ---- integer instructions ------------------------------------------------------------------------------------------ */

static void rex(tg_assembler *a, int reg, int rm) { byte(a, 0x48 | (reg >> 3 & 1) << 2 | (rm >> 3 & 1)); }

void tg_assemble_alu(tg_assembler *a, tg_alu op, int to, int from)
{
    rex(a, from, to);
    byte(a, (int)op);
    byte(a, modrm(3, from, to));
}

static void based(tg_assembler *a, int opcode, int to, int base, int32_t offset)
{
    rex(a, to, base);
    byte(a, opcode);
    byte(a, modrm(2, to, base));
    if ((base & 7) == RSP) byte(a, 0x24); /* as a base it needs a sib byte */
    word32(a, offset);
}
void tg_assemble_load(tg_assembler *a, int to, int base, int32_t offset) { based(a, 0x8b, to, base, offset); }
void tg_assemble_store(tg_assembler *a, int from, int base, int32_t offset) { based(a, 0x89, from, base, offset); }
void tg_assemble_lea(tg_assembler *a, int to, int base, int32_t offset) { based(a, 0x8d, to, base, offset); }

void tg_assemble_lea_pool(tg_assembler *a, int to, int32_t offset)
{
    rex(a, to, 0);
    byte(a, 0x8d);
    byte(a, modrm(0, to, 5));
    pool_displacement(a, offset, 0);
}

static void short_form(tg_assembler *a, int opcode, int reg)
{
    if (reg >= R8) byte(a, 0x41);
    byte(a, opcode + (reg & 7));
}
void tg_assemble_push(tg_assembler *a, int reg) { short_form(a, 0x50, reg); }
void tg_assemble_pop(tg_assembler *a, int reg) { short_form(a, 0x58, reg); }

void tg_assemble_neg(tg_assembler *a, int reg)
{
    rex(a, 0, reg);
    byte(a, 0xf7);
    byte(a, modrm(3, 3, reg));
}

void tg_assemble_set(tg_assembler *a, int to, int32_t value)
{
    rex(a, 0, to);
    byte(a, 0xc7);
    byte(a, modrm(3, 0, to));
    word32(a, value);
}

void tg_assemble_align(tg_assembler *a, int to)
{
    rex(a, 0, to);
    byte(a, 0x83);
    byte(a, modrm(3, 4, to));
    byte(a, -64);
}

void tg_assemble_low_bits(tg_assembler *a, int to, int from, int count)
{
    const tg_vector_instruction bzhi = {.code = {0, 2, 0xf5, 1}, .reg = to, .first = count, .second = from, .immediate = -1};
    tg_assemble_vector(a, &bzhi);
}

void tg_assemble_mask(tg_assembler *a, int mask, int from)
{
    const tg_vector_instruction kmovw = {.code = {0, 1, 0x92, 0}, .reg = mask, .second = from, .immediate = -1};
    tg_assemble_vector(a, &kmovw);
}

static void kmovw(tg_assembler *a, int opcode, int mask, int base, int32_t offset)
{
    const tg_address            m = {.base = base, .index = NO_REGISTER, .offset = offset};
    const tg_vector_instruction move = {.code = {0, 1, (uint8_t)opcode, 0}, .reg = mask, .memory = &m, .immediate = -1};
    tg_assemble_vector(a, &move);
}
void tg_assemble_mask_load(tg_assembler *a, int mask, int base, int32_t offset) { kmovw(a, 0x90, mask, base, offset); }
void tg_assemble_mask_store(tg_assembler *a, int mask, int base, int32_t offset) { kmovw(a, 0x91, mask, base, offset); }

void tg_assemble_mask_test(tg_assembler *a, int mask)
{
    const tg_vector_instruction kortestw = {.code = {0, 1, 0x98, 0}, .reg = mask, .second = mask, .immediate = -1};
    tg_assemble_vector(a, &kortestw);
}

void tg_assemble_call_pool(tg_assembler *a, int32_t offset)
{
    byte(a, 0xff);
    byte(a, modrm(0, 2, 5));
    pool_displacement(a, offset, 0);
}

void tg_assemble_return(tg_assembler *a)
{
    byte(a, 0xc5), byte(a, 0xf8), byte(a, 0x77); /* vzeroupper */
    byte(a, 0xc3);
}

/* ---- jumps --------------------------------------------------------------------------------------------------------- */

size_t tg_assemble_jump(tg_assembler *a, tg_condition c)
{
    byte(a, 0x0f);
    byte(a, 0x80 | (int)c);
    word32(a, 0);
    return a->out->n;
}

static void set_jump(tg_assembler *a, size_t jump, size_t to)
{
    const int32_t distance = (int32_t)((int64_t)to - (int64_t)jump);
    if (!a->out->failed) memcpy(a->out->data + jump - 4, &distance, sizeof distance);
}

void tg_assemble_jump_back(tg_assembler *a, tg_condition c, size_t to) { set_jump(a, tg_assemble_jump(a, c), to); }
void tg_assemble_go_back(tg_assembler *a, size_t to)
{
    byte(a, 0xe9);
    word32(a, 0);
    set_jump(a, a->out->n, to);
}
void tg_assemble_here(tg_assembler *a, size_t jump) { set_jump(a, jump, a->out->n); }

/* ---- constants ------------------------------------------------------------------------------------------------------ */

int32_t tg_assemble_constant(tg_assembler *a, const void *data, size_t n)
{
    for (size_t at = 0; at + n <= a->n_pool; at += n)
        if (!memcmp(a->pool + at, data, n)) return (int32_t)at;
    const size_t at = (a->n_pool + n - 1) / n * n;
    if (at + n > sizeof a->pool) {
        a->failed = true;
        return -1;
    }
    memset(a->pool + a->n_pool, 0, at - a->n_pool); /* what is skipped is compared with constants to come, too */
    memcpy(a->pool + at, data, n);
    a->n_pool = at + n;
    return (int32_t)at;
}

bool tg_assemble_pool(tg_assembler *a)
{
    static const uint8_t zeros[TG_ALIGN];
    tg_bytes *out = a->out;
    tg_bytes_put(out, zeros, -out->n & (TG_ALIGN - 1));
    const size_t pool = out->n;
    tg_bytes_put(out, a->pool, a->n_pool);
    tg_bytes_put(out, zeros, -out->n & (TG_ALIGN - 1));
    if (a->failed || out->failed) return false;
    for (size_t i = 0; i < a->n_fix; i++) {
        const int32_t distance = (int32_t)((int64_t)(pool + (size_t)a->fix[i].offset) - (int64_t)a->fix[i].next);
        memcpy(out->data + a->fix[i].at, &distance, sizeof distance);
    }
    return true;
}
