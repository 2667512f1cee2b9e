#!/bin/sh
# test_bench.sh - every benchmark workload gives the same results under both evaluators in its first steps, and takes no memory once warm;
# and what bench/compare makes of measurements is right. make check sets BUILD. Sanitizers make the large workloads slow: there only the
# small ones run.
set -eu
bench=$BUILD/bench/tg-bench
dir=$BUILD/tests/bench
mkdir -p "$dir"
export OMP_NUM_THREADS=1

all=$("$bench" --list)
case $BUILD in
*/asan | */tsan | */debug) names="W1_mlp_small W3_xor W8_tiny_fwd W8_tiny" sanitized=1 ;;
*) names=$all sanitized='' ;;
esac

status=0
wrong() {
    echo "$*"
    status=1
}

for name in $names; do "$bench" --check "$name" || status=1; done

# Steps that take no memory; without a sanitizer's own, less than a page fault in each.
steady() {
    found=$("$bench" --steady "$1" "$2")
    echo "$found"
    case $found in *'"allocations": 0,'*'"plans": 0,'*) ;; *) status=1 ;; esac
    faults=$(echo "$found" | sed 's/.*"page_faults": \([0-9]*\).*/\1/')
    [ -n "$sanitized" ] || [ "$faults" -lt "$2" ] || wrong "$1: $faults page faults"
}
for name in $names; do
    case $name in
    W1_* | W3_* | W8_*) steady "$name" 100 ;;
    *) steady "$name" 20 ;;
    esac
done

# The cost of vector loops: a row for each dtype.
BENCH_SECONDS=0.001 "$bench" --functions exp | tee "$BUILD/bench/functions"
[ "$(grep -c '^exp  *f[36][24]  *[0-9]' "$BUILD/bench/functions")" = 2 ] || status=1
# No axis costs many times the best one. The promise is 3; a machine that is busy with other things gets 8, and the shortest of up to three
# tables for each axis.
differ() {
    awk -v most="$1" '
        /^\[/ { shape = $1; next }
        NF < 4 || /^nano/ { next }
        {
            name = shape " " substr($0, 1, 32)
            axes[name] = split(substr($0, 33), ns, " ") - 1
            for (i = 1; i <= axes[name]; i++) if (!((name, i) in best) || ns[i] + 0 < best[name, i]) best[name, i] = ns[i] + 0
        }
        END {
            for (name in axes) {
                low = high = best[name, 1]
                for (i = 2; i <= axes[name]; i++) {
                    if (best[name, i] < low) low = best[name, i]
                    if (best[name, i] > high) high = best[name, i]
                }
                rows++
                if (high > most * low) { print name ": the worst axis takes " high / low " times the best"; bad = 1 }
            }
            if (rows < 8) print "a table of " rows + 0 " rows"
            exit !(bad || rows < 8)
        }'
}
for op in gather amax; do
    : >"$dir/axes"
    for _ in 1 2 3; do
        BENCH_CLOCK=cpu BENCH_SECONDS=0.001 "$bench" --axes 1 "$op" >>"$dir/axes"
        said=$(differ "$([ -n "$sanitized" ] && echo 1e9 || echo 8)" <"$dir/axes") || { said='' && break; }
    done
    [ -z "$said" ] || wrong "$said"
done
# Each op's small case runs. PyTorch, where it is installed, gets the same from the same numbers, and each op that the oracle compares with it
# has a case.
BENCH_SECONDS=0.001 "$bench" --ops-small >"$dir/ops" || status=1
cut -d' ' -f1 "$dir/ops" | sort >"$dir/cases"
[ "$(awk 'NR > 1 && !($2 > 0)' "$dir/ops" | wc -l)" = 0 ] || wrong "$dir/ops: a case without a time"
if "$bench" --ops no_such_op 2>"$dir/refused"; then status=1; fi
grep -q 'no_such_op' "$dir/refused" || status=1
python=${PYTHON:-/usr/bin/python3}
if [ -z "$sanitized" ] && "$python" -c 'import torch' 2>"$dir/no_torch"; then
    "$python" tests/oracle/compare.py --names | while read -r name; do
        ! grep -q "tg_$name(" include/tapegrad/*.h || echo "$name"
    done | sort >"$dir/compared"
    [ "$(wc -l <"$dir/compared")" -gt 200 ] || wrong "$dir/compared: few names"
    comm -23 "$dir/compared" "$dir/cases" >"$dir/without"
    [ ! -s "$dir/without" ] || wrong "bench/ops.def has no case for" "$(cat "$dir/without")"
    BUILD=$BUILD bench/peer_ops.py --check --small || wrong "bench/ops.def: both sides of a case compute something else"
fi
if "$bench" --functions no_such_op 2>"$BUILD/bench/refused"; then status=1; fi
grep -q 'no_such_op' "$BUILD/bench/refused" || status=1
# Graphs that change are planned each time.
case $BUILD in
*/asan | */tsan | */debug) ;;
*) test "$(BENCH_SECONDS=0.01 "$bench" --plan | grep -c '"plan_ns_per_node"')" = 2 || status=1 ;;
esac

# A wrong command line is refused, with the names of what there is.
if "$bench" no_such_workload 2>"$dir/refused"; then status=1; fi
grep -q 'no_such_workload' "$dir/refused" || status=1

# ---- measurements, tables and verdicts -------------------------------------------------------------------------------

# line PEER WORKLOAD THREADS FIGURES: as tg-bench and the peers print it
line() { echo "{\"peer\": \"$1\", \"workload\": \"$2\", \"threads\": $3, $4}"; }
# figures SHORTEST MEDIAN PEAK BASE
figures() { echo "\"us_per_step_min\": $1, \"us_per_step_median\": $2, \"peak_rss_mb\": $3, \"base_rss_mb\": $4"; }

# Two rounds: of times the shortest counts, of medians the one in the middle.
{
    line tapegrad A_x 1 "$(figures 110.0 130.0 30.0 10.0), \"limit_us_min\": 100.0, \"limit_us_median\": 100.0"
    line tapegrad A_x 1 "$(figures 105.0 120.0 31.0 10.0), \"limit_us_min\": 101.0, \"limit_us_median\": 102.0"
    line torch-python A_x 1 "$(figures 199.0 200.0 250.0 225.0)"
    line tapegrad A_x 2 "$(figures 70.0 71.0 30.0 10.0)"
    line tapegrad A_x 1 '"steps": 1000, "allocations": 0, "page_faults": 0'
    line tapegrad B_y 1 '"steps": 1000, "allocations": 0, "page_faults": 7'
    line tapegrad chain_10 1 '"record_ns_per_op": 8.0, "forward_ns_per_op": 10.0'
    line tapegrad chain_100 1 '"record_ns_per_op": 9.0, "forward_ns_per_op": 14.0'
} >"$dir/lines"
cat >"$dir/promises.csv" <<'PROMISES'
# workload,threads,figure,against,at most
A_x,1,us_min,limit,1.05
A_x,1,us_min,limit,1.04
A_x,1,us_min,torch-python,1/2
A_x,2,us_min,one thread,0.67
A_x,1,extra_mb,torch-python,0.8
*,1,allocations,-,0
*,1,page_faults,-,0
chain_*,1,forward_ns_per_op,spread,1.5
B_y,1,us_min,limit,1.1
PROMISES
awk -v FS='[{},] *' -f bench/collect.awk "$dir/lines" >"$dir/csv"
awk -F, -f bench/report.awk "$dir/csv" >"$dir/report"
awk -F, -f bench/verdicts.awk "$dir/csv" "$dir/promises.csv" >"$dir/verdicts"

# has FILE LINE: word for word
has() { grep -Fxq "$2" "$1" || { cat "$1"; wrong "$1 lacks: $2"; }; }
has "$dir/csv" 'A_x,1,tapegrad,us_min,105'
has "$dir/csv" 'A_x,1,tapegrad,us_median,130'
has "$dir/csv" 'A_x,1,limit,us_min,100'
has "$dir/csv" 'A_x,1,torch-python,extra_mb,25'
has "$dir/report" '| A_x | 1 | 105 µs | 100 µs | 199 µs | – | – | 1.05 (1.27) | 1.90 (1.54) | – | – | 20 | 25 |'
has "$dir/report" '| A_x | 2 | 70 µs | – | – | – | – | – | – | – | – | 20 | – |'
has "$dir/report" '| B_y | 0 | 7 |'
has "$dir/verdicts" '| A_x: time / limit | 1 | 1.05 | 1.05 | holds |'
has "$dir/verdicts" '| A_x: time / limit | 1 | 1.04 | 1.05 | **misses** |'
has "$dir/verdicts" '| A_x: time / PyTorch | 1 | 1/2 | 1/1.9 | **misses** |'
has "$dir/verdicts" '| A_x: time / that on one thread | 2 | 0.67 | 0.67 | holds |'
has "$dir/verdicts" '| A_x: memory / PyTorch | 1 | 0.8 | 0.80 | holds |'
has "$dir/verdicts" '| all: allocations in 1,000 steps | 1 | 0 | 0 | holds |'
has "$dir/verdicts" '| all: page faults in 1,000 steps | 1 | 0 | 7 | **misses**, B_y |'
has "$dir/verdicts" '| chain_*: an op forward / the shortest | 1 | 1.5 | 1.40 | holds |'
has "$dir/verdicts" '| B_y: time / limit | 1 | 1.1 | – | not measured |'
has "$dir/verdicts" '5 hold, 3 miss, 1 not measured.'

# Two builds: ratios of the shortest times and the middle ones of the rounds, and their geometric means.
awk -F, -f bench/pairs.awk >"$dir/pairs" <<'END'
A_x,1,new,10
A_x,1,base,5
A_x,1,again,10
A_x,1,new,12
A_x,1,base,12
A_x,1,again,11
A_x,1,new,16
A_x,1,base,10
A_x,1,again,8
B_y,2,new,8
B_y,2,base,16
B_y,2,again,8
END
has "$dir/pairs" '| A_x | 1 | 10 us | 5 us | 2.000 | 1.600 | 1.250 | 1.091 |'
has "$dir/pairs" '| B_y | 2 | 8 us | 16 us | 0.500 | 0.500 | 1.000 | 1.000 |'
has "$dir/pairs" 'Geometric means: 1.000 (middle 0.894); of this build against itself 1.118 (middle 1.044). The largest: 2.000, A_x, 1 thread(s).'

# What is promised is about workloads that there are; lines with a * mean several.
sed -n 's/^\([A-Za-z0-9_]*\),.*/\1/p' bench/promises.csv | sort -u >"$dir/promised"
[ -s "$dir/promised" ] || wrong "bench/promises.csv promises nothing"
echo "$all" | sort >"$dir/workloads"
comm -23 "$dir/promised" "$dir/workloads" >"$dir/unknown"
[ ! -s "$dir/unknown" ] || wrong "bench/promises.csv: there is no workload" "$(cat "$dir/unknown")"

# All of it once: compare runs, and puts its page between the comments and nowhere else.
printf '%s\n' 'before' '<!-- measured: begin -->' 'old' '<!-- measured: end -->' 'after' >"$dir/page"
bench/compare --alone --rounds 1 --repeats 1 --seconds 0.001 --csv "$dir/csv" --page "$dir/page" W3 2>"$dir/progress" || status=1
[ "$(sed -n '1p;$p' "$dir/page" | tr '\n' ' ')" = 'before after ' ] || wrong "$dir/page: what is around the comments is gone"
grep -q '^| W3_xor | 1 | ' "$dir/page" || wrong "$dir/page: no measurement"
if grep -q '^old$' "$dir/page"; then wrong "$dir/page: what was there is still there"; fi
exit $status
