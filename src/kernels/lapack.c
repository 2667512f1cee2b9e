/* lapack.c - the only file that knows LAPACK's symbols. Its matrices are stored by columns: to it, ours are their own transposes. */
#include "kernels/lapack.h"

#include "kernels/blas.h"

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

int tg_syevd_work(int n) { return 1 + 6 * n + 2 * n * n; }
int tg_syevd_whole(int n) { return 3 + 5 * n; }

bool tg_syevd(tg_dtype dtype, int n, void *a, void *values, void *work, int *whole)
{
    const int lwork = tg_syevd_work(n), liwork = tg_syevd_whole(n), host = tg_blas_enter();
    int       info = 0;
    if (dtype == TG_F32) ssyevd_("V", "U", &n, a, &n, values, work, &lwork, whole, &liwork, &info, 1, 1);
    else dsyevd_("V", "U", &n, a, &n, values, work, &lwork, whole, &liwork, &info, 1, 1);
    tg_blas_leave(host);
    return info == 0;
}
