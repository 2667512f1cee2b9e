# verdicts.awk - which promises the measurements keep. Reads collect.awk's table, then promises.csv; FS is a comma.

# The figure by what it is held against: "" where either was not measured.
function held(w, threads, figure, against,    own, other)
{
    if (!((w, threads, "tapegrad", figure) in v)) return ""
    own = v[w, threads, "tapegrad", figure]
    if (against == "spread" || against == "-") return own
    if (against == "one thread") { threads = 1; against = "tapegrad" }
    if (!((w, threads, against, figure) in v)) return ""
    other = v[w, threads, against, figure]
    return other > 0 ? own / other : ""
}

# The worst over the workloads that the pattern means, and in `which` where that was.
function worst(pattern, threads, figure, against,    i, r, most, least)
{
    most = least = ""
    for (i = 0; i < workloads; i++) {
        r = meant(order[i], pattern) ? held(order[i], threads, figure, against) : ""
        if (r == "") continue
        if (least == "" || r < least) least = r
        if (most == "" || r > most) { most = r; which = order[i] }
    }
    return against == "spread" && least > 0 ? most / least : most
}

function meant(workload, pattern)
{
    return pattern ~ /\*$/ ? index(workload, substr(pattern, 1, length(pattern) - 1)) == 1 : workload == pattern
}

# In the form that the promise has: 1/50, 1.20 or 200.
function form(r, bound)
{
    if (r == "") return "–"
    return bound ~ /^1\// && r > 0 ? sprintf("1/%.3g", 1 / r) : bound ~ /\./ ? sprintf("%.2f", r) : sprintf("%.0f", r)
}

function value(bound,    part) { return split(bound, part, "/") == 2 ? part[1] / part[2] : bound + 0 }

function named_as(word) { return word in name ? name[word] : word }

BEGIN {
    words = "us_min=time|extra_mb=memory|allocations=allocations in 1,000 steps|page_faults=page faults in 1,000 steps|" \
        "forward_ns_per_op=an op forward|forward_backward_ns_per_op=an op forward and backward|plan_ns_per_node=ns to plan a node|" \
        "torch-python=PyTorch|torch-tuned=PyTorch with malloc tuned|torch-c++=PyTorch C++|one thread=that on one thread|" \
        "spread=the shortest"
    n = split(words, pair, "|")
    for (i = 1; i <= n; i++) {
        split(pair[i], part, "=")
        name[part[1]] = part[2]
    }
}

FNR == 1 { file++ }

file == 1 && FNR > 1 {
    v[$1, $2, $3, $4] = $5
    if (!($1 in known)) { known[$1] = 1; order[workloads++] = $1 }
}

file == 2 && !/^#/ && NF == 5 {
    if (!printed++) {
        print "| promise | threads | at most | measured | |"
        print "|---|--:|--:|--:|---|"
    }
    r = worst($1, $2, $3, $4)
    kind = r == "" ? "not measured" : r <= value($5) ? "holds" : "misses"
    count[kind]++
    named = kind == "misses" && $1 ~ /\*$/ && $4 != "spread" ? ", " which : ""
    printf "| %s: %s%s | %s | %s | %s | %s%s |\n", $1 == "*" ? "all" : $1, named_as($3), $4 == "-" ? "" : " / " named_as($4), $2, $5,
        form(r, $5), kind == "misses" ? "**misses**" : kind, named
}

END { printf "\n%d hold, %d miss, %d not measured.\n", count["holds"], count["misses"], count["not measured"] }
