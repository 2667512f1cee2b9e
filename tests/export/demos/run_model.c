/* run_model.c - calls the function that a demo exported, MODEL of the file MODEL_FILE, with the input of an example, and compares what it gives with the
 * example's output: run_model EXAMPLE.npz TOLERANCE, where 0 stands for the same bits, else it is relative to the largest number. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

#ifndef MODEL_FILE
#define MODEL      model
#define MODEL_FILE "model.c"
#endif
#include MODEL_FILE

#define JOIN_(A, B) A##B
#define JOIN(A, B)  JOIN_(A, B)

static struct JOIN(MODEL, _scratch) scratch;

static double largest(const float *x, const float *y, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i] - (y ? (double)y[i] : 0)));
    return most;
}

int main(int argc, char **argv)
{
    tg_tape     *t    = tg_tape_new(NULL);
    tg_archive  *a    = argc > 2 ? tg_archive_open(t, argv[1]) : NULL;
    tg_tensor   *in   = tg_archive_read(a, tg_archive_name(a, 0)), *want = tg_archive_read(a, tg_archive_name(a, 1));
    const size_t size = (size_t)tg_numel(want) * sizeof(float);
    float       *got  = malloc(size + 1);
    if (!in || !want || !got || MODEL(tg_data(in), got, &scratch) != 0) return 2;
    const bool   same = memcmp(got, tg_data(want), size) == 0;
    const double off  = largest(got, tg_data_f32(want), tg_numel(want)) / largest(tg_data_f32(want), NULL, tg_numel(want));
    printf("%s: %lld numbers, %s, %.3g apart, %zu bytes of scratch memory\n", argv[1], (long long)tg_numel(want), same ? "the same bits" : "other bits", off, sizeof scratch);
    free(got);
    tg_tape_free(t);
    return !(same || off <= strtod(argv[2], NULL)); /* NaN is not */
}
