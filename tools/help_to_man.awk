# help_to_man.awk - what a program's --help prints in the form of a manual's page, as that page: headings begin lines, all else is indented and stays
# as it is. -v name=PROGRAM -v version=VERSION
BEGIN { printf ".TH %s 1 \"\" \"tapegrad %s\" \"tapegrad\"\n", toupper(name), version }
{ gsub(/\\/, "\\e"); gsub(/-/, "\\-") }
/^[A-Z]/ { if (open) print ".fi"; open = 0; print ".SH " $0; next }
/^$/     { print ".PP"; if (open) print ".fi\n.nf"; next }
{
    if (!open && !one_line_name) { sub(/^ */, ""); print; one_line_name = 1; next }
    if (!open) print ".nf"
    open = 1
    sub(/^    /, "")
    sub(/^\./, "\\\\\\&.")
    print
}
END { if (open) print ".fi" }
