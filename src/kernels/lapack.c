/* lapack.c - the only file that knows LAPACK's symbols. Its matrices are stored by columns: to it, ours are their own transposes. */
#include "kernels/lapack.h"

#include "kernels/blas.h"

#include <limits.h>

/* Fortran hands the length of a text behind all other arguments. */
void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info, size_t);
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
void sgetrf_(const int *m, const int *n, float *a, const int *lda, int *pivots, int *info);
void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivots, int *info);
void strsm_(const char *side, const char *uplo, const char *trans, const char *diag, const int *m, const int *n, const float *alpha, const float *a,
            const int *lda, float *b, const int *ldb, size_t, size_t, size_t, size_t);
void dtrsm_(const char *side, const char *uplo, const char *trans, const char *diag, const int *m, const int *n, const double *alpha, const double *a,
            const int *lda, double *b, const int *ldb, size_t, size_t, size_t, size_t);
void ssyevd_(const char *jobz, const char *uplo, const int *n, float *a, const int *lda, float *w, float *work, const int *lwork, int *iwork, const int *liwork,
             int *info, size_t, size_t);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork, int *iwork,
             const int *liwork, int *info, size_t, size_t);

void sgesv_(const int *n, const int *k, float *a, const int *lda, int *pivots, float *b, const int *ldb, int *info);
void dgesv_(const int *n, const int *k, double *a, const int *lda, int *pivots, double *b, const int *ldb, int *info);
void sgelqf_(const int *m, const int *n, float *a, const int *lda, float *tau, float *work, const int *lwork, int *info);
void dgelqf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork, int *info);
void sorglq_(const int *m, const int *n, const int *k, float *a, const int *lda, const float *tau, float *work, const int *lwork, int *info);
void dorglq_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau, double *work, const int *lwork, int *info);
void sgesdd_(const char *jobz, const int *m, const int *n, float *a, const int *lda, float *s, float *u, const int *ldu, float *vt, const int *ldvt, float *work,
             const int *lwork, int *iwork, int *info, size_t);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u, const int *ldu, double *vt, const int *ldvt,
             double *work, const int *lwork, int *iwork, int *info, size_t);

/* The lower triangle of a is the upper one of a^T: a^T = U^T U with U = L^T. */
int tg_potrf(tg_dtype dtype, int n, void *a)
{
    int info = 0;
    if (n == 0) return 0;
    const int host = tg_blas_enter();
    if (dtype == TG_F32) spotrf_("U", &n, a, &n, &info, 1);
    else dpotrf_("U", &n, a, &n, &info, 1);
    tg_blas_leave(host);
    return info;
}

void tg_getrf(tg_dtype dtype, int n, void *a, int *pivots)
{
    int info; /* positive: U has a zero on its diagonal */
    if (n == 0) return;
    const int host = tg_blas_enter();
    if (dtype == TG_F32) sgetrf_(&n, &n, a, &n, pivots, &info);
    else dgetrf_(&n, &n, a, &n, pivots, &info);
    tg_blas_leave(host);
    for (int k = 0; k < n; k++) pivots[k]--;
}

/* op(A) X = B is X^T op(A)^T = B^T: with all three as LAPACK sees them, A is on the other side and its other triangle is stored, and what is transposed
 * stays so. */
void tg_trsm(tg_dtype dtype, tg_trsm_kind kind, int m, int n, const void *a, void *b)
{
    const char  *side = kind.right ? "L" : "R", *uplo = kind.upper ? "L" : "U", *trans = kind.transpose ? "T" : "N", *diag = kind.unit ? "U" : "N";
    const int    lda = kind.right ? n : m;
    const float  one_f32 = 1;
    const double one_f64 = 1;
    if (m == 0 || n == 0) return;
    const int host = tg_blas_enter();
    if (dtype == TG_F32) strsm_(side, uplo, trans, diag, &n, &m, &one_f32, a, &lda, b, &n, 1, 1, 1, 1);
    else dtrsm_(side, uplo, trans, diag, &n, &m, &one_f64, a, &lda, b, &n, 1, 1, 1, 1);
    tg_blas_leave(host);
}

void tg_gesv(tg_dtype dtype, int n, int k, void *a, int *pivots, void *b)
{
    int info;
    if (n == 0 || k == 0) return;
    const int host = tg_blas_enter();
    if (dtype == TG_F32) sgesv_(&n, &k, a, &n, pivots, b, &n, &info);
    else dgesv_(&n, &k, a, &n, pivots, b, &n, &info);
    tg_blas_leave(host);
}

/* ---- orthogonal factors ---------------------------------------------------------------------------------------------
 * Memory beyond the least that LAPACK's functions take lets them work in blocks of this many rows. */
enum { BLOCK = 32 };

int64_t tg_qr_work(int64_t n) { return BLOCK * n; }

/* a^T = L W with L = R^T, stored by columns, and W = Q^T. */
void tg_qr_by_reflections(tg_dtype dtype, int m, int n, void *a, void *r, void *tau, void *work)
{
    const int lwork = (int)tg_qr_work(n), host = tg_blas_enter();
    int       info;
    if (dtype == TG_F32) sgelqf_(&n, &m, a, &n, tau, work, &lwork, &info);
    else dgelqf_(&n, &m, a, &n, tau, work, &lwork, &info);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            if (dtype == TG_F32) ((float *)r)[i * n + j] = j < i ? 0 : ((const float *)a)[i * n + j];
            else ((double *)r)[i * n + j] = j < i ? 0 : ((const double *)a)[i * n + j];
    if (dtype == TG_F32) sorglq_(&n, &m, &n, a, &n, tau, work, &lwork, &info);
    else dorglq_(&n, &m, &n, a, &n, tau, work, &lwork, &info);
    tg_blas_leave(host);
}

/* ---- spectra -------------------------------------------------------------------------------------------------------- */

int tg_syevd_work(int n, bool vectors) { return vectors ? 1 + 6 * n + 2 * n * n : 1 + (2 + BLOCK) * n; }
int tg_syevd_whole(int n, bool vectors) { return vectors ? 3 + 5 * n : 1; }

bool tg_syevd(tg_dtype dtype, bool vectors, int n, void *a, void *values, void *work, int *whole)
{
    const char *job = vectors ? "V" : "N";
    const int   lwork = tg_syevd_work(n, vectors), liwork = tg_syevd_whole(n, vectors), host = tg_blas_enter();
    int         info = 0;
    if (dtype == TG_F32) ssyevd_(job, "U", &n, a, &n, values, work, &lwork, whole, &liwork, &info, 1, 1);
    else dsyevd_(job, "U", &n, a, &n, values, work, &lwork, whole, &liwork, &info, 1, 1);
    tg_blas_leave(host);
    return info == 0;
}

/* What the manual of gesdd says is the least, for "S" and for "N", and room for blocks. */
int64_t tg_gesdd_work(int64_t m, int64_t n, bool vectors)
{
    const int64_t less = m < n ? m : n, more = m < n ? n : m, block = BLOCK * (m + n);
    if (vectors) return (double)less * (double)less > INT_MAX ? INT64_MAX : 4 * less * less + 7 * less + block;
    return 3 * less + (more > 7 * less ? more : 7 * less) + less + block;
}

/* a^T = V diag(s) U^T, and by columns V [n,k] and U^T [k,m] are what vh and u are by rows. */
bool tg_gesdd(tg_dtype dtype, int m, int n, void *a, void *s, void *u, void *vh, void *work, int *whole)
{
    const char *job = u ? "S" : "N";
    const int   k = m < n ? m : n, lwork = (int)tg_gesdd_work(m, n, u != NULL), host = tg_blas_enter();
    int         info = 0;
    if (dtype == TG_F32) sgesdd_(job, &n, &m, a, &n, s, vh, &n, u, &k, work, &lwork, whole, &info, 1);
    else dgesdd_(job, &n, &m, a, &n, s, vh, &n, u, &k, work, &lwork, whole, &info, 1);
    tg_blas_leave(host);
    return info == 0;
}
