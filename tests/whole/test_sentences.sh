#!/bin/sh
# test_sentences.sh - every public function that gives a tensor is called with tensors of each dtype and several shapes, stale handles and
# NULL, axes, shapes and numbers within and without their range, all combined. Whatever it is made of, its sentence begins with its own
# name, and the handler is told once a call. The program is written from the headers, so that no new function is forgotten.
# make check sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$BUILD/tests/sentences
mkdir -p "$dir"

# Functions with arguments that are not made up here: arrays of tensors and the like have tests of their own (test_misuse.c).
by_hand=' tg_text_read tg_vocab_encode tg_from_dlpack tg_idx_tensor tg_npy_read tg_npy_read_rows tg_archive_read tg_archive_read_rows tg_table_tensor tg_table_labels tg_optim_state_get tg_ema_of tg_record tg_record_on tg_cat tg_stack tg_hstack tg_vstack tg_block_diag tg_einsum tg_index tg_index_put tg_paramf tg_bufferf tg_from_data tg_from_f32 tg_from_f64
tg_from_i64 tg_borrow tg_frozen_tensor tg_multi_dot tg_quantiles tg_nanquantiles tg_param_at tg_buffer_at tg_param_named tg_buffer_named tg_param tg_buffer tg_rnn_cell tg_lstm_cell tg_gru_cell tg_rnn tg_lstm tg_gru tg_multi_head_attention
 tg_batch_input tg_batch_same tg_batch_each tg_linear_jvp tg_multilinear_jvp tg_raw_vjp tg_register_hook tg_recorded_at tg_custom_vjp tg_implicit '
for name in $by_hand; do
    grep -q "$name(" include/tapegrad/*.h || { echo "test_sentences.sh: there is no $name"; exit 1; }
done

sh tests/whole/prototypes.sh include/tapegrad/*.h | awk -F'|' -v by_hand="$by_hand" '
function list(type) {
    if (type == "tg_tensor *" || type == "const tg_tensor *") return "TENSORS"
    if (type == "tg_tensor **") return "PLACES"
    if (type == "tg_tape *") return "TAPES"
    if (type == "const tg_axes *") return "AXES"
    if (type == "const tg_shape *") return "SHAPES"
    if (type == "tg_dtype") return "DTYPES"
    if (type == "int" || type == "tg_convolve_mode") return "INTS"
    if (type == "int64_t") return "SIZES"
    if (type == "double") return "NUMBERS"
    if (type == "bool") return "TRUTHS"
    if (type ~ /^const tg_[a-z0-9_]*_options \*$/) return "OPTIONS"
    return ""
}
$2 == "tg_tensor *" {
    name = $1
    if (index(by_hand, " " name " ") || index(by_hand, "\n" name " ") || index(by_hand, " " name "\n")) next
    loops = ""; call = ""
    for (i = 1; i <= NF - 2; i++) {
        l = list($(i + 2))
        if (l == "") { print "test_sentences.sh: " name ": no values for arguments of type " $(i + 2) > "/dev/stderr"; bad = 1; next }
        loops = loops "    for (int i" i " = 0; i" i " < COUNT(" l "); i" i "++)\n"
        call = call (i > 1 ? ", " : "") l "[i" i "]"
    }
    printf "static void call_%s(void)\n{\n%s        AFTER(%s(%s), \"%s\");\n}\n\n", name, loops, name, call, name
    names = names "    call_" name "();\n"
    functions++
}
END {
    if (bad) exit 1
    printf "static void call_all(void)\n{\n%s}\n\nenum { FUNCTIONS = %d };\n", names, functions
}' >"$dir/calls.h"

sanitize=$(echo "$FLAGS" | grep -o -- '-fsanitize=[^ ]*' || true)
# shellcheck disable=SC2086
"$CC" -std=c11 -O1 -Wall -Wextra -Werror $sanitize -fopenmp -Iinclude -I"$dir" -o "$dir/sentences" tests/whole/sentences/sentences.c "$BUILD/libtapegrad.a" $LIBS
"$dir/sentences"
