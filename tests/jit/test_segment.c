/* test_segment.c - machine code for runs of pointwise ops against the ops' own loops, bit for bit: every recipe, every instruction set
 * this CPU has, special values, all kinds of operands, sizes around a vector's, random programs up to and beyond what the registers hold.
 * Operands in memory end where the page that follows may not be touched. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jit/segment.h"
#include "ops/ops.h"

enum { MOST = 2048, AREAS = 8, SLOT = MOST * 8 + 64, SLOTS = 40, UNTOUCHED = 0x5a };

static uint64_t state = 1;
static uint64_t random_bits(void) /* splitmix64 */
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static int random_below(int n) { return (int)(random_bits() % (uint64_t)n); }

static double random_number(void)
{
    static const double special[] = {0, -0.0, 1, -1, 2, 0.5, INFINITY, -INFINITY, NAN, 1e-40, -1e-40, 3e38, -3e38, 1e-300, 1e300,
                                     TG_SLOPE_NEAR, -TG_SLOPE_NEAR, 0x1.fff002p-1, -0x1.fff002p-1, 0x1.fff0000000001p-1};
    if (random_below(4) == 0) return special[random_below((int)(sizeof special / sizeof *special))];
    return ((double)(random_bits() >> 11) * 0x1p-53 - 0.5) * 6;
}

/* ---- memory: areas that end at a page which must not be touched, and tile registers ---------------------------------- */

static char *area[AREAS], *tiles, *expected;
static size_t area_bytes;

static int make_memory(void **unused)
{
    (void)unused;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    area_bytes = (MOST * 8 + page - 1) / page * page;
    for (int i = 0; i < AREAS; i++) {
        area[i] = mmap(NULL, area_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area[i] == MAP_FAILED || mprotect(area[i] + area_bytes, page, PROT_NONE)) return -1;
    }
    tiles = aligned_alloc(64, (size_t)SLOT * SLOTS);
    expected = aligned_alloc(64, (size_t)SLOT * SLOTS);
    return tiles && expected ? 0 : -1;
}
static int free_memory(void **unused)
{
    (void)unused;
    for (int i = 0; i < AREAS; i++) munmap(area[i], area_bytes + (size_t)sysconf(_SC_PAGESIZE));
    free(tiles);
    free(expected);
    return 0;
}

static void fill(void *to, size_t n, tg_dtype dtype, bool condition)
{
    for (size_t i = 0; i < n; i++) {
        if (condition) ((uint8_t *)to)[i] = (uint8_t)random_below(2);
        else if (dtype == TG_F32) ((float *)to)[i] = (float)random_number();
        else ((double *)to)[i] = random_number();
    }
}

/* Equal, or both NaN: which of two NaNs an operation passes on is nobody's business. */
static bool same(const void *a, const void *b, size_t n, tg_dtype dtype, bool condition)
{
    for (size_t i = 0; i < n; i++) {
        if (condition) {
            if (((const uint8_t *)a)[i] != ((const uint8_t *)b)[i]) return false;
        } else if (dtype == TG_F32) {
            const float x = ((const float *)a)[i], y = ((const float *)b)[i];
            if (memcmp(&x, &y, sizeof x) && !(isnan(x) && isnan(y))) return false;
        } else {
            const double x = ((const double *)a)[i], y = ((const double *)b)[i];
            if (memcmp(&x, &y, sizeof x) && !(isnan(x) && isnan(y))) return false;
        }
    }
    return true;
}

/* ---- one program on a segment and by loops --------------------------------------------------------------------------- */

/* Its values: operands first, then results of ops on earlier ones. Each has a slot in `expected`, where the loops compute it, full. */
typedef struct trial {
    tg_isa     isa;
    tg_dtype   dtype;
    size_t     rows, cols, between, item; /* between: elements from row to row of what lies apart */
    tg_segment s;
    int        n, number[SLOTS]; /* in the segment */
    bool       condition[SLOTS];
    tg_location   place[SLOTS];     /* of operands and of stored results */
    bool       stored[SLOTS];
    void      *pointers[TG_SEGMENT_POINTERS + 1];
    int        n_pointers;
} trial;

static char *slot(int v) { return expected + (size_t)v * SLOT; }

/* Where the place has the element for this point. */
static size_t element_of(const trial *t, const tg_location *place, size_t r, size_t c)
{
    switch (place->reach) {
    case TG_FULL: return r * (place->apart ? t->between : t->cols) + c;
    case TG_COLUMN: return r;
    case TG_ROW: return c;
    case TG_SCALAR: break;
    }
    return 0;
}

static void spread(const trial *t, int v, const char *from)
{
    const size_t item = t->condition[v] ? 1 : t->item;
    for (size_t r = 0; r < t->rows; r++)
        for (size_t c = 0; c < t->cols; c++)
            memcpy(slot(v) + (r * t->cols + c) * item, from + element_of(t, &t->place[v], r, c) * item, item);
}

static size_t elements(const trial *t, const tg_location *place) { return element_of(t, place, t->rows - 1, t->cols - 1) + 1; }

static void add_operand(trial *t, bool tile, tg_reach reach, bool condition)
{
    const int    v = t->n++;
    tg_location *place = &t->place[v];
    t->condition[v] = condition;
    if (tile || condition || t->n_pointers == AREAS) {
        *place = (tg_location){.tile = true, .at = (uint32_t)v * SLOT, .reach = condition ? TG_FULL : reach};
        fill(tiles + place->at, elements(t, place), t->dtype, condition);
        spread(t, v, tiles + place->at);
    } else {
        *place = (tg_location){.at = (uint32_t)t->n_pointers, .reach = reach, .apart = reach == TG_FULL && random_below(2)};
        t->pointers[t->n_pointers] = area[t->n_pointers] + area_bytes - elements(t, place) * t->item;
        fill(t->pointers[t->n_pointers], elements(t, place), t->dtype, false);
        spread(t, v, t->pointers[t->n_pointers++]);
    }
    t->number[v] = tg_segment_input(&t->s, t->place[v], condition);
}

static int any_value(const trial *t, bool condition)
{
    for (int tries = 0; tries < 200; tries++) {
        const int v = random_below(t->n);
        if (t->condition[v] == condition) return v;
    }
    return -1;
}

static int add_op_of(trial *t, const tg_op *op, const int *operands)
{
    int         numbers[3];
    const void *in[3] = {NULL};
    for (int i = 0; i < op->arity; i++) {
        numbers[i] = t->number[operands[i]];
        in[i] = slot(operands[i]);
    }
    const int v = t->n++;
    t->number[v] = tg_segment_op(&t->s, op, numbers);
    t->condition[v] = op->flags & TG_OP_BOOL;
    const tg_loop loop = tg_isa_loop(t->isa, op, t->dtype);
    (loop ? loop : op->loop[t->dtype])(t->rows * t->cols, slot(v), in, NULL); /* a copy is the same for all of them */
    return v;
}

static void add_op(trial *t, const tg_op *op)
{
    int operands[3];
    for (int i = 0; i < op->arity; i++)
        if ((operands[i] = any_value(t, op->flags & TG_OP_SELECT && i == 0)) < 0) return;
    add_op_of(t, op, operands);
}

static void store_at(trial *t, int v, tg_location place)
{
    t->stored[v] = true;
    t->place[v] = place;
    tg_segment_store(&t->s, t->number[v], place);
}

static void store_value(trial *t, int v)
{
    if (!t->condition[v] && t->n_pointers < AREAS && random_below(2)) {
        const tg_location place = {.at = (uint32_t)t->n_pointers, .reach = TG_FULL, .apart = random_below(2)};
        char             *end = area[t->n_pointers] + area_bytes;
        t->pointers[t->n_pointers++] = memset(end - elements(t, &place) * t->item, UNTOUCHED, elements(t, &place) * t->item);
        store_at(t, v, place);
    } else {
        store_at(t, v, (tg_location){.tile = true, .at = (uint32_t)v * SLOT, .reach = TG_FULL});
    }
}

/* Each row as it should be, and what lies between them as it was. */
static void check_stored(const trial *t, int v)
{
    const tg_location *place = &t->place[v];
    const size_t       item = t->condition[v] ? 1 : t->item;
    const char        *got = place->tile ? tiles + place->at : t->pointers[place->at];
    for (size_t r = 0; r < t->rows; r++) {
        const char *row = got + element_of(t, place, r, 0) * item;
        assert_true(same(row, slot(v) + r * t->cols * item, t->cols, t->dtype, t->condition[v]));
        for (size_t k = t->cols * item; place->apart && r + 1 < t->rows && k < t->between * item; k++) assert_int_equal((uint8_t)row[k], UNTOUCHED);
    }
}

/* false: the registers did not suffice. */
static bool run_trial(trial *t, tg_bytes *bytes)
{
    size_t                  at;
    const tg_segment_result result = tg_segment_compile(&t->s, &at);
    if (result == TG_SEGMENT_CROWDED) return false;
    assert_int_equal(result, TG_SEGMENT_OK);
    char *code = tg_code_map(bytes);
    assert_non_null(code);
    ((tg_segment_fn)(uintptr_t)(code + at))(tiles, t->pointers, t->rows, t->cols);
    tg_code_unmap(code, bytes->n);
    for (int v = 0; v < t->n; v++) {
        if (t->stored[v]) check_stored(t, v);
    }
    return true;
}

static void begin_trial(trial *t, tg_bytes *bytes, tg_isa isa, tg_dtype dtype, size_t rows, size_t cols)
{
    t->isa = isa;
    t->dtype = dtype;
    t->rows = rows;
    t->cols = cols;
    t->item = tg_dtype_size(dtype);
    t->n = t->n_pointers = 0;
    t->between = cols + (size_t)random_below(40);
    t->pointers[TG_SEGMENT_POINTERS] = (void *)(uintptr_t)t->between;
    memset(t->stored, 0, sizeof t->stored);
    tg_segment_begin(&t->s, bytes, NULL, isa, dtype);
}

static void set_element(const trial *t, int v, size_t i, double value)
{
    char *at = t->place[v].tile ? tiles + t->place[v].at : t->pointers[t->place[v].at];
    if (t->dtype == TG_F32) ((float *)(void *)at)[i] = (float)value;
    else ((double *)(void *)at)[i] = value;
    spread(t, v, at);
}

/* Results y, none too near to 1 but for the i-th if `far`. */
static void set_results(const trial *t, int v, size_t i, bool far)
{
    static const double beyond[] = {0x1.fff002p-1, 0.99995, 1, 1.5, INFINITY}, not_beyond[] = {TG_SLOPE_NEAR, 0, -0.0, NAN, -INFINITY};
    const size_t        n = elements(t, &t->place[v]);
    for (size_t k = 0; k < n; k++) set_element(t, v, k, (random_below(2) ? 1 : -1) * ((double)random_below(900) / 1000));
    if (far) set_element(t, v, i % n, beyond[random_below(5)] * (random_below(3) ? 1 : -1));
    else set_element(t, v, i % n, not_beyond[random_below(5)]);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------ */

static tg_heap heap;
static trial   t;
static const size_t sizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100};
enum { SIZES = sizeof sizes / sizeof *sizes };

#define FOR_ALL_ISAS(ISA, DTYPE)                                     \
    for (tg_isa ISA = TG_ISA_AVX2; ISA < TG_NISAS; ISA++)            \
        for (tg_dtype DTYPE = TG_F32; DTYPE <= TG_F64; DTYPE++)      \
            if (tg_segment_can(ISA, DTYPE))

static void test_every_recipe(void **unused)
{
    (void)unused;
    int known = 0;
    FOR_ALL_ISAS(isa, dtype)
    {
        for (int i = 0; i < tg_op_count(); i++) {
            const tg_op *op = tg_op_at(i);
            if (!tg_segment_knows(op)) continue;
            known++;
            for (int k = 0; k < SIZES; k++) {
                tg_bytes bytes = {.heap = &heap};
                begin_trial(&t, &bytes, isa, dtype, 1 + (size_t)random_below(3), sizes[k]);
                if (op->flags & TG_OP_SELECT) add_operand(&t, true, TG_FULL, true);
                for (int j = 0; j < 3; j++) add_operand(&t, random_below(2), (tg_reach)random_below(4), false);
                add_op(&t, op);
                store_value(&t, t.n - 1);
                assert_true(run_trial(&t, &bytes));
                tg_bytes_free(&bytes);
            }
        }
    }
    if (tg_segment_can(TG_ISA_AVX2, TG_F32)) assert_true(known >= 2 * 30);
}

/* What the rows say is what there is: a recipe, or the word that there is none. */
static void test_words(void **unused)
{
    static const struct {
        const char *name, *recipe;
    } rows[] = {
#define UNARY(NAME, TYPES, FORMULA, DX, COST, RECIPE, ...)           {#NAME, #RECIPE},
#define BINARY(NAME, TYPES, FORMULA, DX, DY, COST, RECIPE, ...)      {#NAME, #RECIPE},
#define TERNARY(NAME, TYPES, FORMULA, DX, DY, DZ, COST, RECIPE, ...) {#NAME, #RECIPE},
#define SCALED                                                       BINARY
#define QUOTIENT                                                     BINARY
#define SELECT                                                       TERNARY
#define SLOPE(NAME, OF, FORMULA, DX, COST, RECIPE, ...)              {#NAME, #RECIPE},
#define FLAT(NAME, TYPES, FORMULA, COST, RECIPE)                     {#NAME, #RECIPE},
#define ROW(NAME, FORMULA, COST, RECIPE)                             {#NAME, #RECIPE},
#include "table/pointwise_each.h"
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const tg_op *op = tg_op_at((int)i);
        assert_string_equal(op->name, rows[i].name);
        assert_int_equal(op->row, i + 1);
        if (!rows[i].recipe[0]) fail_msg("%s has neither a recipe nor the word NONE", op->name);
        if (tg_segment_knows(op) != !!strcmp(rows[i].recipe, "NONE")) fail_msg("%s: its recipe is %s", op->name, rows[i].recipe);
    }
    for (int i = 0; i < tg_op_count(); i++)
        if (!tg_op_at(i)->row && tg_segment_knows(tg_op_at(i))) fail_msg("%s is no row", tg_op_at(i)->name);
}

static void test_random_programs(void **unused)
{
    (void)unused;
    const tg_op *ops[64];
    int          n = 0, crowded = 0, ran = 0;
    for (int i = 0; i < tg_op_count(); i++)
        if (tg_segment_knows(tg_op_at(i))) ops[n++] = tg_op_at(i);
    FOR_ALL_ISAS(isa, dtype)
    {
        for (int k = 0; k < 1500; k++) {
            tg_bytes  bytes = {.heap = &heap};
            const int operands = 1 + random_below(12), count = 1 + random_below(SLOTS - 14);
            begin_trial(&t, &bytes, isa, dtype, 1 + (size_t)random_below(5), 1 + (size_t)random_below(70));
            for (int i = 0; i < operands; i++) add_operand(&t, random_below(2), (tg_reach)random_below(4), i > 0 && random_below(6) == 0);
            for (int i = 0; i < count; i++) add_op(&t, ops[random_below(n)]);
            for (int v = operands; v < t.n; v++)
                if (v == t.n - 1 || random_below(3) == 0) store_value(&t, v);
            if (run_trial(&t, &bytes)) ran++;
            else crowded++;
            tg_bytes_free(&bytes);
        }
    }
    if (tg_segment_can(TG_ISA_AVX2, TG_F32)) assert_true(ran > crowded && crowded > 0);
}

/* More results in use at once than there are registers. */
static void test_crowded(void **unused)
{
    (void)unused;
    FOR_ALL_ISAS(isa, dtype)
    {
        tg_bytes bytes = {.heap = &heap};
        size_t   at;
        int      v[TG_SEGMENT_MOST];
        tg_segment_begin(&t.s, &bytes, NULL, isa, dtype);
        v[0] = tg_segment_input(&t.s, (tg_location){.tile = true}, false);
        for (int i = 1; i < 60; i++) v[i] = tg_segment_op(&t.s, &tg_op_add, (int[]){v[i - 1], v[0]});
        for (int i = 59; i > 0; i--) v[i - 1] = tg_segment_op(&t.s, &tg_op_mul, (int[]){v[i], v[i - 1]});
        tg_segment_store(&t.s, v[0], (tg_location){.tile = true});
        assert_int_equal(tg_segment_compile(&t.s, &at), TG_SEGMENT_CROWDED);
        assert_int_equal(bytes.n, 0);

        tg_segment_begin(&t.s, &bytes, NULL, isa, dtype); /* more steps than there is room for */
        v[0] = tg_segment_input(&t.s, (tg_location){.tile = true}, false);
        for (int i = 0; i < 2 * TG_SEGMENT_MOST; i++) v[0] = tg_segment_op(&t.s, &tg_op_add, (int[]){v[0], v[0]});
        assert_int_equal(tg_segment_compile(&t.s, &at), TG_SEGMENT_CROWDED);
        tg_bytes_free(&bytes);
    }
}

/* More inputs than registers: they are loaded again. */
static void test_many_inputs(void **unused)
{
    (void)unused;
    FOR_ALL_ISAS(isa, dtype)
    {
        tg_bytes bytes = {.heap = &heap};
        begin_trial(&t, &bytes, isa, dtype, 2, 37);
        for (int i = 0; i < SLOTS - 4; i++) add_operand(&t, true, TG_FULL, false);
        const int inputs = t.n;
        for (int round = 0; round < 2; round++) {
            int sum = t.number[0];
            for (int i = 1; i < inputs; i++) sum = tg_segment_op(&t.s, &tg_op_add, (int[]){sum, t.number[i]});
            const int v = t.n++;
            t.number[v] = sum;
            t.condition[v] = false;
            memcpy(slot(v), slot(0), SLOT);
            for (int i = 1; i < inputs; i++)
                tg_isa_loop(isa, &tg_op_add, dtype)(2 * 37, slot(v), (const void *[]){slot(v), slot(i)}, NULL);
            store_value(&t, v);
        }
        assert_true(run_trial(&t, &bytes));
        tg_bytes_free(&bytes);
    }
}

/* ---- vectors that go to the op's loop --------------------------------------------------------------------------------- */

/* Each lane in turn is the one that no result can be read for, or none is, while the registers hold as much as they can: results to be used
 * afterwards, inputs, conditions. The slopes are used further on, and stored, also where an operand lies. */
static bool run_fixups(tg_isa isa, tg_dtype dtype, size_t cols, int live, size_t lane, bool far)
{
    tg_bytes  bytes = {.heap = &heap};
    int       sums[SLOTS], held = -1;
    const int shape = random_below(6);
    begin_trial(&t, &bytes, isa, dtype, 1 + (size_t)random_below(3), cols);
    if (shape == 5)
        for (int i = 0; i < AREAS - 2; i++) add_operand(&t, false, TG_SCALAR, false); /* the next pointers are in no register */
    const int x = t.n, y = x + 1, z = x + 2;
    add_operand(&t, random_below(2) && shape != 5, (tg_reach)random_below(4), false);
    add_operand(&t, random_below(2) && shape != 5, random_below(2) ? TG_FULL : (tg_reach)random_below(4), false);
    add_operand(&t, true, TG_FULL, false);
    set_results(&t, y, lane, far);
    const int point = shape == 1 ? add_op_of(&t, &tg_op_neg, (int[]){x}) : x; /* x may be computed here, and y */
    const int result = shape == 2 ? add_op_of(&t, &tg_op_abs, (int[]){y}) : y;
    if (shape == 3) held = add_op_of(&t, &tg_op_lt, (int[]){z, x});
    for (int i = 0; i < live; i++) sums[i] = add_op_of(&t, &tg_op_add, (int[]){i ? sums[i - 1] : z, z});
    const int tanh_slope = add_op_of(&t, &tg_op_tanh_slope, (int[]){point, result});
    const int sigmoid_slope = add_op_of(&t, &tg_op_sigmoid_slope, (int[]){shape == 4 ? result : point, result});
    int       all = add_op_of(&t, &tg_op_mul_zero, (int[]){tanh_slope, sigmoid_slope});
    for (int i = live; i-- > 0 && t.n < SLOTS - 2;) all = add_op_of(&t, &tg_op_sub, (int[]){sums[i], all});
    if (held >= 0) all = add_op_of(&t, &tg_op_where, (int[]){held, all, sigmoid_slope});
    store_value(&t, all);
    const int over = random_below(2) ? x : y;
    if (!t.place[over].tile && t.place[over].reach == TG_FULL && !t.place[over].apart && random_below(2)) store_at(&t, tanh_slope, t.place[over]);
    else store_value(&t, tanh_slope);
    const bool ran = run_trial(&t, &bytes);
    tg_bytes_free(&bytes);
    return ran;
}

static void test_fixups(void **unused)
{
    (void)unused;
    FOR_ALL_ISAS(isa, dtype)
    {
        int ran = 0, crowded = 0;
        for (int live = 0; live < 14; live++)
            for (int k = 0; k < SIZES; k++)
                for (size_t lane = 0; lane < sizes[k]; lane++) {
                    const bool done = run_fixups(isa, dtype, sizes[k], live, lane, lane % 4 != 3);
                    ran += done;
                    crowded += !done;
                }
        assert_true(ran > 3000 && (crowded > 0 || isa == TG_ISA_AVX512));
    }
}

/* More of them than are kept account of. */
static void test_many_fixups(void **unused)
{
    (void)unused;
    FOR_ALL_ISAS(isa, dtype)
    {
        tg_bytes bytes = {.heap = &heap};
        size_t   at;
        tg_segment_begin(&t.s, &bytes, NULL, isa, dtype);
        int v = tg_segment_input(&t.s, (tg_location){.tile = true}, false);
        for (int i = 0; i < TG_FIXUPS; i++) v = tg_segment_op(&t.s, &tg_op_tanh_slope, (int[]){v, v});
        tg_segment_store(&t.s, v, (tg_location){.tile = true});
        assert_int_equal(tg_segment_compile(&t.s, &at), TG_SEGMENT_CROWDED);
        assert_int_equal(bytes.n, 0);
        tg_bytes_free(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_every_recipe),
        cmocka_unit_test(test_random_programs),
        cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_many_inputs),
        cmocka_unit_test(test_fixups),
        cmocka_unit_test(test_many_fixups),
    };
    tg_heap_init(&heap, NULL);
    return cmocka_run_group_tests(tests, make_memory, free_memory);
}
