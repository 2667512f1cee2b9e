# collect.awk - lines of JSON from tg-bench and the peers as a table: workload,threads,peer,figure,value. Of several rounds' values it
# takes the smallest, and of medians the one in the middle. The limit becomes a peer of its own. FS='[{},] *' makes each field
# "name": value.

function add(workload, threads, peer, figure, value,    key)
{
    key = workload "," threads "," peer "," figure
    if (!(key in count)) order[keys++] = key
    seen[key, count[key]++] = value + 0
}

# The k-th of the key's values in ascending order, from 0.
function ranked(key, k,    i, j, value)
{
    for (i = 1; i < count[key]; i++) {
        value = seen[key, i]
        for (j = i; j > 0 && seen[key, j - 1] > value; j--) seen[key, j] = seen[key, j - 1]
        seen[key, j] = value
    }
    return seen[key, k]
}

# A field of the line, if it is there, as a figure of the peer.
function take(name, peer, figure)
{
    if (name in field) add(field["workload"], field["threads"], peer, figure, field[name])
}

BEGIN { n = split("record_ns_per_op forward_ns_per_op forward_backward_ns_per_op plan_ns_per_node bytes_per_op " \
                  "allocations page_faults test_accuracy", plain, " ") }

{
    split("", field)
    for (i = 1; i <= NF; i++) {
        at = index($i, "\": ")
        if (at) field[substr($i, 2, at - 2)] = substr($i, at + 3)
    }
    for (name in field) gsub("\"", "", field[name])

    peer = field["peer"]
    take("us_per_step_min", peer, "us_min")
    take("us_per_step_median", peer, "us_median")
    take("limit_us_min", "limit", "us_min")
    take("limit_us_median", "limit", "us_median")
    if ("epoch_seconds" in field) add(field["workload"], field["threads"], peer, "us_min", 1e6 * field["epoch_seconds"])
    if ("peak_rss_mb" in field) add(field["workload"], field["threads"], peer, "extra_mb", field["peak_rss_mb"] - field["base_rss_mb"])
    for (i = 1; i <= n; i++) take(plain[i], peer, plain[i])
}

END {
    print "workload,threads,peer,figure,value"
    for (i = 0; i < keys; i++) {
        key = order[i]
        printf "%s,%.10g\n", key, ranked(key, key ~ /_median$/ ? int(count[key] / 2) : 0)
    }
}
