#!/bin/sh
# test_bench.sh - every benchmark workload gives the same results under both evaluators in its first steps, and takes no memory once warm.
# make check sets BUILD. Sanitizers make the large workloads slow: there only the small ones run.
set -eu
bench=$BUILD/bench/tg-bench
export OMP_NUM_THREADS=1

case $BUILD in
*/asan | */tsan | */debug) names="W1_mlp_small W3_xor W8_tiny_fwd W8_tiny" ;;
*) names=$("$bench" --list) ;;
esac

status=0
for name in $names; do "$bench" --check "$name" || status=1; done

for name in W1_mlp_small W3_xor W8_tiny; do
    line=$("$bench" --steady "$name" 100)
    echo "$line"
    case $line in *'"allocations": 0,'*'"plans": 0,'*) ;; *) status=1 ;; esac
done

# Graphs that change are planned each time.
case $BUILD in
*/asan | */tsan | */debug) ;;
*) test "$(BENCH_SECONDS=0.01 "$bench" --plan | grep -c '"plan_ns_per_node"')" = 2 || status=1 ;;
esac

# A wrong command line is refused, with the names of what there is.
if "$bench" no_such_workload 2>"$BUILD/bench/refused"; then status=1; fi
grep -q 'no_such_workload' "$BUILD/bench/refused" || status=1
exit $status
