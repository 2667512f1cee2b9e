# reference_filter.awk - a header as Doxygen wants it: "make reference" reads the headers through it, which are written for people.
#
# A comment before a declaration is its description, and that of the declarations right below it that have none of their own; a comment
# behind a declaration is its description, too. A line of dashes begins a group: its title, the text below it, and all declarations until the
# next one. Characters that Doxygen would take for commands are escaped.

function escaped(s)
{
    gsub(/[\\@#%&<>]/, "\\\\&", s)
    return s
}

# A comment that stands alone, with its ends and the " * " of its lines taken away.
function text(comment,   s)
{
    s = comment
    sub(/^\/\* ?/, "", s)
    sub(/ ?\*\/[ \t]*$/, "", s)
    gsub(/\n \* ?/, "\n", s)
    return escaped(s)
}

function end_group() { if (group) print "///\\}"; group = 0 }

function begin_group(comment,   title, rest)
{
    end_group()
    title = comment
    sub(/\n.*/, "", title)
    gsub(/^\/\* -+ *| *-+ *(\*\/)?$/, "", title)
    rest = ""
    if (comment ~ /\n/) {
        rest = comment
        sub(/^[^\n]*\n \* ?/, "", rest)
        rest = text("/* " rest)
    }
    printf "/** \\name %s\n%s\n*/\n///\\{\n", escaped(title), rest
    group = 1
    shared = rest
}

BEGIN { depth = 0 }

# Comments over whole lines.
!inside && /^\/\*/ && !/\*\/./ || inside {
    comment = inside ? comment "\n" $0 : $0
    inside = comment !~ /\*\/[ \t]*$/
    if (inside) next
    if (FNR_first == 0) { FNR_first = 1; print "/** \\file\n" text(comment) "\n*/"; next }
    if (comment ~ /^\/\* ----/) begin_group(comment)
    else shared = text(comment)
    next
}

/^[ \t]*$/ { if (!depth) shared = group_text; print; next }

# A declaration: with its own comment behind it, else with the one above.
depth == 0 && /^(TG_API|typedef|enum|static inline|#define TG_|struct)/ {
    behind = ""
    line = $0
    if (match(line, /\/\*.*\*\/[ \t]*$/)) {
        behind = text(substr(line, RSTART, RLENGTH))
        line = substr(line, 1, RSTART - 1)
    }
    print "/** " (shared != "" ? shared "\n\n" : "") behind "\n*/"
    $0 = line
}

{
    line = $0
    if (match(line, /\/\*.*\*\/[ \t]*$/)) line = substr(line, 1, RSTART - 1) "/**< " text(substr(line, RSTART, RLENGTH)) " */"
    print line
    if (line ~ /^(extern "C"|})/ && depth == 0) next
    opened = line
    depth += gsub(/\{/, "{", opened) - gsub(/\}/, "}", opened)
}

END { end_group() }
