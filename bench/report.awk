# report.awk - collect.awk's table as a page: times and ratios, then what chains cost, then what steady loops ask for. FS is a comma.

function get(row, peer, figure) { return (row, peer, figure) in v ? v[row, peer, figure] : "" }

function time(row, peer,    us)
{
    us = get(row, peer, "us_min")
    if (us == "") return "–"
    return us < 999.5 ? sprintf("%.3g µs", us) : us < 99950 ? sprintf("%.3g ms", us / 1000) : sprintf("%.0f ms", us / 1000)
}

function number(x) { return sprintf(x >= 99.5 ? "%.0f" : x >= 9.95 ? "%.1f" : "%.2f", x) }

# Of two rows of peers' times: the shortest ones' ratio, and where noise makes that doubtful the medians' in brackets.
function ratio(row1, peer1, row2, peer2,    least, middle)
{
    least = quotient(get(row1, peer1, "us_min"), get(row2, peer2, "us_min"))
    middle = quotient(get(row1, peer1, "us_median"), get(row2, peer2, "us_median"))
    if (least == "") return "–"
    return number(least) (middle != "" && (middle > 1.1 * least || least > 1.1 * middle) ? " (" number(middle) ")" : "")
}

function quotient(a, b) { return a == "" || b == "" || b == 0 ? "" : a / b }

function memory(row, peer,    mb)
{
    mb = get(row, peer, "extra_mb")
    return mb == "" ? "–" : sprintf("%.0f", mb)
}

function times_table(    i, row, part, own)
{
    print "| workload | threads | tapegrad | limit | PyTorch | PyTorch, malloc tuned | PyTorch C++ | tapegrad / limit | " \
          "PyTorch / tapegrad | tuned / tapegrad | C++ / tapegrad | MB | PyTorch MB |"
    print "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for (i = 0; i < rows; i++) {
        row = order[i]
        split(row, part, ",")
        own = part[1] == "W7a_lstm" ? "W7b_cell," part[2] : row # the built-in LSTM against the written-out one
        printf "| %s | %s | %s | %s | %s | %s | %s ", part[1], part[2], time(own, "tapegrad"), time(row, "limit"),
            time(row, "torch-python"), time(row, "torch-tuned"), time(row, "torch-c++")
        printf "| %s | %s | %s | %s | %s | %s |\n", ratio(row, "tapegrad", row, "limit"), ratio(row, "torch-python", own, "tapegrad"),
            ratio(row, "torch-tuned", own, "tapegrad"), ratio(row, "torch-c++", own, "tapegrad"), memory(own, "tapegrad"),
            memory(row, "torch-python")
    }
    print ""
}

# That both networks learned the same.
function accuracy(row,    own, peer, part)
{
    own = get(row, "tapegrad", "test_accuracy")
    peer = get(row, "torch-python", "test_accuracy")
    split(row, part, ",")
    if (own != "" && peer != "")
        printf "%s, %s thread(s): test accuracy %.1f %%, PyTorch's %.1f %%.\n\n", part[1], part[2], 100 * own, 100 * peer
}

function chains_table(    i, row)
{
    print "| ops in a chain | record | forward | forward and backward | a new plan, per node | bytes |"
    print "|--:|--:|--:|--:|--:|--:|"
    for (i = 0; i < chains; i++) {
        row = chain[i]
        sub(",.*", "", row)
        sub("chain_", "", row)
        printf "| %s | %.1f ns | %.1f ns | %.1f ns | %.0f ns | %.0f |\n", row, v[chain[i], "tapegrad", "record_ns_per_op"],
            v[chain[i], "tapegrad", "forward_ns_per_op"], v[chain[i], "tapegrad", "forward_backward_ns_per_op"],
            v[chain[i], "tapegrad", "plan_ns_per_node"], v[chain[i], "tapegrad", "bytes_per_op"]
    }
    print ""
}

function steady_table(    i, part)
{
    print "| 1,000 steps, once warm | allocations | page faults |"
    print "|---|--:|--:|"
    for (i = 0; i < steadies; i++) {
        split(steady[i], part, ",")
        printf "| %s | %d | %d |\n", part[1], v[steady[i], "tapegrad", "allocations"], v[steady[i], "tapegrad", "page_faults"]
    }
    print ""
}

NR > 1 {
    row = $1 "," $2
    v[row, $3, $4] = $5
    if ($4 == "us_min" && !(row in timed)) { timed[row] = 1; order[rows++] = row }
    if ($4 == "record_ns_per_op") chain[chains++] = row
    if ($4 == "allocations") steady[steadies++] = row
}

END {
    if (rows) times_table()
    for (i = 0; i < rows; i++) accuracy(order[i])
    if (chains) chains_table()
    if (steadies) steady_table()
}
