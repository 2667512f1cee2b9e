#!/bin/sh
# No file is too long. And the layout of src/: each line of the list below may use its own rooms and those of the lines above it. Checked of
# every #include, and, in what was compiled, of every function and table that one file uses of another; and no files use each other in a
# circle (but those of src/ops, where rules call whatever ops they are made of). And of every use of a node's address: who reads or writes
# the bytes goes through tg_host_memory.
set -u
rooms='table
tensor profile
kernels jit
graph
ops
plan
run
optim
data io show dist
diff
nn export solve'
# What the walk back calls of ops, the ops whose kinds are their own, the list of ops, and that of evaluators by which a tape finds its own.
upwards='tg_add tg_apart tg_batch_same tg_contiguous tg_ones_like tg_sum_to tg_unreshaped tg_view_of tg_wrap_index tg_zeros_like tg_op_matmul tg_op_const tg_op_at tg_op_count tg_evaluators'
dir=$BUILD/tests/layout
mkdir -p "$dir"
status=0

rank="$(echo "$rooms" | awk '{ for (i = 1; i <= NF; i++) printf "%s=%d ", $i, NR }')"

# Lines "file file name": the first uses the second, because of name.
grep -rn '^ *# *include "' src | sed 's/^src\/\([^:]*\):[0-9]*: *# *include "\([^"]*\)".*/\1 \2 #include/' >"$dir/includes"
find "$BUILD/src" -name '*.o' | while read -r o; do
    f=${o#"$BUILD"/src/} && f=${f%.o}.c
    [ -e "src/$f" ] || f=${f%_*}.c # one source for several instruction sets
    [ -e "src/$f" ] && nm -P "$o" | awk -v f="$f" '{ print f, $2, $1 }'
done >"$dir/symbols"
awk 'NR == FNR { if ($2 ~ /^[TDRBVW]$/) home[$3] = $1; next }
     $2 == "U" && ($3 in home) && home[$3] != $1 { print $1, home[$3], $3 }' "$dir/symbols" "$dir/symbols" >"$dir/uses"

cat "$dir/includes" "$dir/uses" | awk -v rank="$rank" -v upwards="$upwards" '
    function room(f) { sub(/\/.*/, "", f); return f }
    BEGIN {
        n = split(rank, r, " "); for (i = 1; i <= n; i++) { split(r[i], p, "="); at[p[1]] = p[2] }
        n = split(upwards, r, " "); for (i = 1; i <= n; i++) may[r[i]] = 1
    }
    !(room($1) in at) || !(room($2) in at) { print "src/" $1 " uses " $2 ": no room of the layout"; bad = 1; next }
    at[room($2)] > at[room($1)] && !($3 in may && room($1) == "graph") { print "src/" $1 " uses " $2 " (" $3 "), which is above it"; bad = 1 }
    END { exit bad }' || status=1

awk '!($1 ~ /^ops\// && $2 ~ /^ops\//) && $3 !~ /^('"$(echo "$upwards" | tr ' ' '|')"')$/ { print $1, $2 }' "$dir/uses" | sort -u | tsort >/dev/null 2>"$dir/circles" ||
    { echo "these files use each other in a circle:"; sed 's/^tsort: //' "$dir/circles"; status=1; }
# A file of more lines has a second subject; lines.h is written by a tool.
find src include tests bench demos tools -name '*.[ch]' -o -name '*.sh' | xargs wc -l |
    awk '$2 != "total" && $2 != "include/tapegrad/lines.h" && $1 > 500 { print $2 " has " $1 " lines, more than 500"; bad = 1 } END { exit bad }' || status=1

# Those that give addresses to nodes, and ask where values lie, without a look at the bytes. (p->memory is a program's, which is the host's.)
addresses='graph/anomaly.c graph/backward.c graph/drop.c graph/graph.h graph/kept.c graph/read.c graph/record.c graph/slots.c plan/compile.c run/fused.c run/reference.c'
(cd src && awk -v named=" $addresses " '
    { gsub(/(^|[^A-Za-z0-9_.>])p->memory/, "") }
    !/(->|\.)memory([^A-Za-z0-9_]|$)/ { next }
    index(named, " " FILENAME " ") { used[FILENAME] = 1; next }
    { print "src/" FILENAME ":" FNR " uses a node'"'"'s address instead of tg_host_memory or tg_same_memory"; bad = 1 }
    END {
        n = split(named, f, " ")
        for (i = 1; i <= n; i++) if (!(f[i] in used)) { print "src/" f[i] " uses no address: this list need not name it"; bad = 1 }
        exit bad
    }' $(find graph ops plan run optim data io show diff -name '*.[ch]')) || status=1
# Modules are examples of what can be built with the public functions alone.
! grep -n '#include [<"]' src/nn/*.c | grep -v '<tapegrad_nn.h>\|<math.h>\|<stdio.h>' || { echo "modules include tapegrad_nn.h alone"; status=1; }
# Threads of a team take the library's floating-point environment: TG_TEAM sees to it. (process.c only starts the team.)
! grep -rn 'omp parallel' src | grep -v '^src/tensor/team.h:\|^src/tensor/process.c:' || { echo "TG_TEAM makes teams (tensor/team.h)"; status=1; }
[ -s "$dir/uses" ] || { echo "nothing was compiled"; status=1; }
exit $status
