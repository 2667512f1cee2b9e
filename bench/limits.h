/* limits.h - the least a workload can take: its matrix products through bare cblas_sgemm, or its one pass over memory. */
#ifndef LIMITS_H
#define LIMITS_H

typedef struct limit limit;

/* Memory and a list of what to run, or NULL: this workload has no limit, or there was no memory. */
limit *limit_new(const char *workload);

/* All of a step's work once, on as many threads as OpenMP says. */
void limit_run(limit *l);

void limit_free(limit *l);

/* One line about the BLAS in use: its version and the core it chose. */
void limit_print_blas(void);

#endif
