# demos.sh - compiles demos and runs each in quick mode under each evaluator: exit status 0, last line "result: {…}" of valid JSON, and that demos
# fail when they should. For the scripts test_demos_*.sh, which take a part each ($part) so that they can run side by side. make check sets BUILD, CC,
# FLAGS, LIBS, EVALUATORS.
dir=$BUILD/tests/demos/$part
rm -rf "$dir"
mkdir -p "$dir"
touch "$dir/file"

die() {
    echo "$*"
    exit 1
}

number='-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?'
field="\"[a-z_]+\": (\"[0-9a-z_]*\"|true|false|null|$number)"

# The last line has the form of a JSON object, names the demo, and says whether it went well: result NAME true|false
result() {
    tail -n 1 "$dir/log" | grep -Eq "^result: \{$field(, $field)*\}\$" || die "$1: the last line is no result"
    tail -n 1 "$dir/log" | grep -q "^result: {\"demo\": \"$1\", .*\"ok\": $2, " || die "$1: not \"ok\": $2"
}

# run STATUS NAME OPTIONS…: in $dir, which is where the output directory goes; stdout to the log
run() {
    want=$1
    name=$2
    shift 2
    status=0
    (cd "$dir" && "./$name" "$@") >"$dir/log" || status=$?
    [ "$status" -eq "$want" ] || {
        cat "$dir/log"
        die "$name $*: exit status $status instead of $want"
    }
}

# Says on its own that it did not learn: unlearned NAME OPTIONS…
unlearned() {
    run 1 "$@" 2>"$dir/errors"
    result "$1" false
    grep -q 'did not learn' "$dir/log" || die "$1: does not say that it did not learn"
}

# A directory of data that is none, and one that is not there.
no_data() {
    for data in file no/such/directory; do
        run 1 "$1" --data "$data" 2>"$dir/errors"
        grep -q "$data" "$dir/errors" || die "$1: says nothing about the directory $data"
    done
}

# each LEAST FILES…: all of them, which are at least so many
each() {
    least=$1
    shift
    count=0
    for c; do
        name=$(basename "$c" .c)
        # shellcheck disable=SC2086
        $CC $FLAGS -Werror -o "$dir/$name" "$c" "$BUILD/libtapegrad.a" $LIBS
        for e in ${EVALUATORS:-reference fused}; do
            export TAPEGRAD_EVAL="$e"
            run 0 "$name" --quick
            result "$name" true
            tail -n 1 "$dir/log"
        done
        run 0 "$name" --help
        grep -q '^usage: ' "$dir/log" || die "$name --help: no usage"
        if grep -q '^  --out ' "$dir/log"; then
            for out in file file/below; do # where nothing can be written, nothing is begun
                run 1 "$name" --quick --out "$out" 2>"$dir/errors"
                [ ! -s "$dir/log" ] || die "$name --out $out: began all the same"
            done
        fi
        run 2 "$name" --no-such-option 2>"$dir/errors"
        grep -q no-such-option "$dir/errors" || die "$name: says nothing about an option that there is not"
        export TAPEGRAD_EVAL=fusde
        run 1 "$name" --quick 2>"$dir/errors"
        grep -q TAPEGRAD_EVAL "$dir/errors" || die "$name: says nothing about TAPEGRAD_EVAL=fusde"
        unset TAPEGRAD_EVAL
        count=$((count + 1))
    done
    [ "$count" -ge "$least" ] || die "only $count demos"
}
