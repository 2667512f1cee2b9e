# pairs.awk - workload,threads,build,microseconds of this build (twice: new, again) and of another (base), round by round, as a table of
# ratios and their geometric means.

function least(key,    i, m)
{
    m = us[key, 0]
    for (i = 1; i < n[key]; i++) if (us[key, i] < m) m = us[key, i]
    return m
}

# The ratio in the middle of the rounds' ones.
function middle(a, b,    i, j, k, r, x)
{
    k = n[a] < n[b] ? n[a] : n[b]
    for (i = 0; i < k; i++) {
        x = us[a, i] / us[b, i]
        for (j = i; j > 0 && r[j - 1] > x; j--) r[j] = r[j - 1]
        r[j] = x
    }
    return k % 2 ? r[(k - 1) / 2] : (r[k / 2 - 1] + r[k / 2]) / 2
}

{
    key = $1 "," $2
    if (!(key in known)) order[keys++] = known[key] = key
    us[key "," $3, n[key "," $3]++ + 0] = $4
}

END {
    print "| workload | threads | this build | the base | this / base | middle of the rounds | this / itself | middle of the rounds |"
    print "|---|--:|--:|--:|--:|--:|--:|--:|"
    for (i = 0; i < keys; i++) {
        new = order[i] ",new"; base = order[i] ",base"; again = order[i] ",again"
        if (!n[new] || !n[base] || !n[again]) continue
        r[1] = least(new) / least(base); r[2] = middle(new, base); r[3] = least(new) / least(again); r[4] = middle(new, again)
        split(order[i], part, ",")
        printf "| %s | %s | %.5g us | %.5g us | %.3f | %.3f | %.3f | %.3f |\n", part[1], part[2], least(new), least(base), r[1], r[2], r[3], r[4]
        for (k = 1; k <= 4; k++) logs[k] += log(r[k])
        rows++
        if (r[1] > worst) { worst = r[1]; worst_of = part[1] ", " part[2] " thread(s)" }
    }
    if (!rows) { print "pairs: nothing was measured" >"/dev/stderr"; exit 1 }
    printf "\nGeometric means: %.3f (middle %.3f); of this build against itself %.3f (middle %.3f). The largest: %.3f, %s.\n",
        exp(logs[1] / rows), exp(logs[2] / rows), exp(logs[3] / rows), exp(logs[4] / rows), worst, worst_of
}
