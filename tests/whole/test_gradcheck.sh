#!/bin/sh
# test_gradcheck.sh - the program tg-gradcheck: the library's ops, a shared object with ops that are right and ops with a fault each, objects that
# cannot be checked, and what it says of wrong calls. make check sets BUILD, CC, FLAGS.
set -eu
x=$BUILD/tg-gradcheck
dir=$BUILD/tests/gradcheck
rm -rf "$dir"
mkdir -p "$dir"
fail() { echo "test_gradcheck.sh: $*"; exit 1; }
# shellcheck disable=SC2086
object() { $CC $FLAGS -Werror -shared -o "$dir/$1.so" "tests/whole/gradcheck/$2.c" ${3:-}; }
# What is printed and the exit status, which has to be $1.
ends() { want=$1; shift; status=0; "$@" >"$dir/out" 2>"$dir/err" || status=$?; [ $status = "$want" ] || { cat "$dir/out" "$dir/err"; fail "$* ended with $status, not $want"; }; }
says() { grep -qF -- "$1" "$dir/$2" || { cat "$dir/$2"; fail "it does not say: $1"; }; }

# The library: all of it if TAPEGRAD_GRADCHECK is all, which takes half a minute of a machine that does nothing else; or else every tenth name, and those
# whose rows are looked at.
of='--op relu --op softmax --op matmul --op floor'
[ "${TAPEGRAD_GRADCHECK:-}" = all ] && of='' || of="$of $("$x" --list | awk 'NR % 10 == 3 { print "--op", $0 }' | tr '\n' ' ')"
# shellcheck disable=SC2086
ends 0 env OMP_NUM_THREADS=1 "$x" $of
says ' 0 wrong, ' out
grep -q '^matmul  *[0-9]* *[0-9]* *[0-9.]*e-[0-9]*  order [12].* ok$' "$dir/out" || fail "no row of matmul"
grep -q '^floor  *zero$' "$dir/out" || fail "no row of floor"
! grep -q "$(printf '\033')" "$dir/out" || fail "colour in a file"
ends 0 "$x" --color always --op relu
says "$(printf '\033[32mok')" out
ends 0 "$x" --list
[ "$(wc -l <"$dir/out")" -gt 350 ] || fail "the list is too short"
grep -qx logsumexp "$dir/out" || fail "logsumexp is not listed"
# Every op has samples and, where it has a gradient, forward mode and a rule for batches.
ends 0 "$x" --coverage
awk -F' [|] ' 'NR > 2 { n++; sub(/^[|] /, "", $1) }
    NR > 2 && $3 != "no inputs" && $6 != "of other ops" && ($2 + 0 == 0 || $3 == "none" || $5 != "rule" && $5 != "by kind" || $3 == "any order" && $4 == "") { print; bad = 1 }
    END { exit bad || n < 350 }' "$dir/out" || fail "an op lacks something"
grep -q '^| sigmoid | [^|]* | any order | vjp of the tangent | by kind | fused | float32 float64 | `SIGMOID(x)` |$' "$dir/out" || fail "no row of sigmoid"
ends 0 "$x" --help
says 'EXIT STATUS' out
ends 0 "$x" --version

# A user's object.
object cases cases
ends 1 "$x" "$dir/cases.so"
for right in right_cube right_function right_inverse; do grep -q "^$right .* ok$" "$dir/out" || { cat "$dir/out"; fail "$right is said to be wrong"; }; done
grep -q '^right_cube  *2 ' "$dir/out" || fail "both cases of right_cube are one op"
# Below the row of op $1 stands $2.
names() { awk -v op="$1" '/^[^ ]/ { on = $1 == op && $NF == "WRONG"; next } on' "$dir/out" | grep -q "$2" || { cat "$dir/out"; fail "of $1 it does not say: $2"; }; }
names little_off 'analytic .*, numeric .*, ratio 1.0005'
names wrong_sign 'ratio -1;'
names wrong_value 'ratio 0.999001'
names clips 'not proportional to the incoming one'
names wrong_forward 'forward mode (tg_jvp) gives another derivative'
names wrong_in_single 'f is another in float32'
names inf_in_dead_branch 'left out by.*the derivative of order 1 there is nan'
names inf_in_dead_branch 'tg_mul_zero'
names swapped 'input 0, element 0: analytic'
says '3 ok, 8 wrong' out
ends 1 "$x" --json "$dir/cases.so"
python3 - "$dir/out" <<'P' || fail "the JSON is not as it should be"
import json, sys
said = json.load(open(sys.argv[1]))
ops = {op["name"]: op for op in said["ops"]}
assert said["ok"] is False and said["wrong"] == 8 and len(ops) == 11
assert ops["right_cube"]["verdict"] == "ok" and ops["right_cube"]["samples"] == 2 and ops["right_cube"]["error"] < 1e-6
first = ops["wrong_sign"]["failures"][0]
assert abs(first["analytic"] + first["numeric"]) < 1e-6 and first["order"] == 1 and ops["wrong_sign"]["wrong"] > 1
P
ends 0 "$x" --op right_cube --order 1 --seeds 3 "$dir/cases.so"
ends 1 "$x" --rtol 1e-3 --order 1 "$dir/cases.so"
grep -q '^little_off .* ok$' "$dir/out" || fail "rtol 1e-3 does not pass what is 0.05 % off"

# Objects that cannot be checked, and wrong calls.
k=0
while read -r sentence; do
    object "bad$k" bad "-DBAD=$k"
    ends 2 "$x" "$dir/bad$k.so"
    says "$sentence" err
    k=$((k + 1))
done <<'S'
lists no cases: it needs TG_GRADCHECK_CASES
case 0 has neither f nor op
case 0 has no name
case 0, x: input 0 has a shape that no tensor can have
case 0, x: input 0 has no numbers from lo to hi
case 0, x: input 0 has no indices from 0 to hi-1
case 0, x: no input is TG_CASE_VARIED
case 0, x: its order is 3, and can be 1 or 2
case 0, x: input 0 has a kind that is no tg_case_kind
was compiled with the headers of tapegrad 0.0.7
S
wrong() { sentence=$1; shift; ends 2 "$x" "$@"; says "tg-gradcheck: $sentence" err; }
wrong 'there is no option --fast' --fast
wrong 'there is no op softmix' --op softmix
wrong 'a value is missing after --op' --op
wrong 'a value that this option does not take: 0' --seeds 0
wrong 'a value that this option does not take: nan' --rtol nan
wrong 'a value that this option does not take: maybe' --color maybe
wrong 'one shared object at a time, not also b.so' a.so b.so
wrong './nowhere.so' nowhere.so
