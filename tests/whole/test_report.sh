#!/bin/sh
# test_report.sh - a run's report: the numbers in it are the log's, nothing in it leads to a network, names from outside stay text; and where Chromium is
# installed, what a browser makes of it: every chart is there with its numbers, and no error. make check sets BUILD, CC, FLAGS, LIBS.
set -eu
dir=$BUILD/tests/report
rm -rf "$dir"
mkdir -p "$dir"
# shellcheck disable=SC2086
$CC $FLAGS -Werror -o "$dir/report" tests/whole/report/report.c "$BUILD/libtapegrad.a" $LIBS
"$dir/report" "$dir"
page=$dir/report.html

die() {
    echo "$*"
    exit 1
}

[ ! -e "$page.graph.dot" ] && [ ! -e "$page.graph.svg" ] || die "files are left beside the report"
! grep -qE '(src|href)="?(https?:)?//|@import|url\(' "$page" || die "the report leads to a network"
[ "$(grep -c '</script>' "$page")" = 2 ] || die "a name ends the script"
! grep -q '<b>' "$page" || die "a name became a tag"
grep -q 'id="h-texts"' "$page" || die "the texts are not there"
! grep -q 'h-texts' "$dir/plain.html" || die "there is a section of texts without any"
grep -q '<dt>rate</dt><dd>0.5</dd>' "$dir/plain.html" || die "the hyper-parameters are not there"

grep -q 'Recorded graph' "$dir/many.html" && ! grep -q 'class="graph"' "$dir/many.html" || die "a graph of thousands of nodes is drawn"

if command -v python3 >/dev/null; then
    python3 - "$page" <<'PY'
import json, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))
nasty = '</script><b>"&\\ übung'
charts = {c["name"]: {s["name"]: s for s in c["series"]} for c in data["curves"]}
loss = charts["loss"]
assert set(loss) == {"train", "test"}, loss.keys()
train = dict(zip(loss["train"]["step"], loss["train"]["value"]))
assert [train[i] for i in range(5)] == [100 + i for i in range(5)] and train[7] is None and abs(train[19] - 1 / 19) < 1e-7 and len(train) == 20
assert loss["test"]["step"] == [5, 10, 15]
assert charts["</script><b>\"&\\ übung".rsplit("/", 1)[0]], charts.keys()
long = charts["long"]["long"]
assert charts["far"]["far"]["step"] == [(1 << 60) + 256 * i for i in range(3)]
assert len(long["step"]) <= 2001 and long["step"][-1] == 4999 and long["value"] == long["step"]
h, = [h for h in data["histograms"]]
assert h["name"] == "weights/layer.weight" and h["step"] == [5, 10, 15] and h["low"] == h["high"] == h["mean"] == [1, 1, 1] and all(sum(c) == 12 for c in h["count"])
assert data["confusion"] == {"names": ["zero", nasty, "2"], "count": [[1, 0, 0], [0, 1, 0], [0, 2, 1]]}
assert [e["caption"] for e in data["examples"]] == [nasty, ""] and data["examples"][0]["width"] == 3
assert data["pictures"][0]["caption"] == "picture, step 3" and data["pictures"][0]["height"] == 5
import base64, zlib
png = base64.b64decode(data["examples"][0]["src"].split(",")[1])
assert png[:8] == b"\x89PNG\r\n\x1a\n"
n = png.index(b"IDAT")
raw = zlib.decompress(png[n + 4 : n + 4 + int.from_bytes(png[n - 4 : n], "big")])
assert raw[1:4] + raw[5:8] == bytes([0, 50, 100, 150, 200, 255]), raw
assert "<dt>rate</dt><dd>0.125</dd>" in page and "layer.weight" in page and "square" in page
PY
fi

browser=$(command -v chromium || true)
[ -n "$browser" ] || { echo "chromium is not there: no browser looked at the page"; exit 0; }
# What the browser makes of a page, as HTML; what it says itself goes to $dir/browser.
look() {
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --enable-logging=stderr --virtual-time-budget=4000 --user-data-dir="$dir/profile" \
        --dump-dom "$1" 2>"$dir/browser"
}
look 'data:text/html,<p>hello</p>' | grep -q hello || { echo "chromium does not run here: no browser looked at the page"; exit 0; }
look "file://$(cd "$dir" && pwd)/report.html" >"$dir/dom.html" || die "chromium failed"
! grep -i 'CONSOLE' "$dir/browser" || die "the browser's console has something to say"
grep -q 'data-ready="yes"' "$dir/dom.html" || die "the script did not come to its end"
count() { grep -o "$1" "$dir/dom.html" | wc -l; }
[ "$(count 'role="img" aria-label="loss: train ends at 0.052632, test ends at 0.13333"')" = 1 ] || die "the chart of losses is not there with its numbers"
[ "$(count '<figure>')" = 8 ] || die "$(count '<figure>') figures instead of four charts, a histogram, two examples and a picture"
[ "$(count '<td>0.13333</td>')" = 1 ] || die "the table of numbers is not there"
