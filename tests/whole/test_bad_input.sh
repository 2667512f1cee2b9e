#!/bin/sh
# test_bad_input.sh - every op's function is called with each kind of wrongness that its arguments can have: rows of tests/whole/bad_input/ say what
# a right call is and what each argument may not be. The wrappers are written from the headers, so that a new function without a row fails.
# make check sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$BUILD/tests/bad_input
mkdir -p "$dir"

# Functions that are no ops: files, leaves, what a tape has; test_misuse*.c calls them wrongly. Nor are those of things that are neither
# tensors nor tapes: archives, tables, optimizers.
no_ops=' tg_text_read tg_idx_tensor tg_npy_read tg_npy_read_rows tg_record tg_record_on tg_result tg_grad tg_grad_of tg_set_requires_grad tg_set_row_gradient tg_register_hook tg_retain_grad tg_recorded_at tg_recompute tg_custom_vjp tg_implicit tg_param_at
 tg_param_named tg_buffer_at tg_buffer_named tg_vmap tg_vmap_fn tg_per_sample_grad tg_clipped_sum_grad tg_batch_input tg_batch_same tg_batch_each '

# Those that give derivatives have wrong calls in tests/diff, and solvers in tests/solve.
derivatives=' tg_jvp tg_vjp tg_hvp tg_gnvp tg_jacobian tg_hessian tg_laplacian tg_numerical_jacobian tg_conjugate_gradient tg_newton_cg tg_levenberg_marquardt tg_ode tg_ode_adjoint '

sh tests/whole/prototypes.sh include/tapegrad/*.h | awk -F'|' -v no_ops="$(echo "$no_ops$derivatives" | tr '\n' ' ')" '
function argument(i, type) {
    if (type == "tg_tensor *") return "v[" i "].tensor"
    if (type == "tg_tape *") return "v[" i "].tape"
    if (type == "tg_tensor **") return "v[" i "].places"
    if (type == "double") return "v[" i "].number"
    if (type ~ /^(int|int64_t|bool|tg_dtype|tg_convolve_mode)$/) return "(" type ")v[" i "].n"
    if (type ~ /^(const .*|tg_tensor \*const) \*$/) return "v[" i "].pointer"
    print "test_bad_input.sh: no values for arguments of type " type > "/dev/stderr"
    bad = 1
}
function is_op(   i) {
    for (i = 3; i <= NF; i++) if ($i ~ /^(const )?(tg_|struct [A-Za-z]*)[a-z]+ \*$/ && $i !~ /tg_(tensor|tape|axes|shape) \*$/) return 0
    return !index(no_ops, " " $1 " ")
}
is_op() {
    call = ""
    for (i = 0; i < NF - 2; i++) {
        call = call (i ? ", " : "") argument(i, $(i + 3))
        if ($(i + 3) == "tg_tensor **") places = i
    }
    call = $1 "(" call ")"
    if ($2 == "tg_status") call = call " == TG_OK ? *v[" places "].places : NULL"
    printf "static tg_tensor *call_%s(const value *v) { return %s; }\n", $1, call
    table = table "    {\"" $1 "\", " NF - 2 ", call_" $1 ", 0},\n"
}
END {
    if (bad) exit 1
    printf "\nstatic function functions[] = {\n%s};\n", table
}' >"$dir/calls.h"

sanitize=$(echo "$FLAGS" | grep -o -- '-fsanitize=[^ ]*' || true)
# shellcheck disable=SC2086
"$CC" -std=c11 -O1 -Wall -Wextra -Werror $sanitize -fopenmp -Iinclude -I"$dir" -o "$dir/bad_input" tests/whole/bad_input/*.c "$BUILD/libtapegrad.a" $LIBS
"$dir/bad_input"
