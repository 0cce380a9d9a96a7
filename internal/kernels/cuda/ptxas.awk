# Reads what `ptxas -v` says, prints a line for each kernel and architecture, and
# fails if one spills registers to memory or needs more than `most`. It fails as
# well if nothing was read: then the compiler's words have changed.
/Compiling entry function/ { split($0, word, "'"); kernel = word[2]; arch = word[4] }
/bytes stack frame/ {
	match($0, /[0-9]+ bytes spill stores/); spilled = substr($0, RSTART) + 0
	match($0, /[0-9]+ bytes spill loads/);  spilled += substr($0, RSTART)
}
/Used [0-9]+ registers/ {
	match($0, /Used [0-9]+/); registers = substr($0, RSTART + 5) + 0
	shared = match($0, /[0-9]+ bytes smem/) ? substr($0, RSTART) + 0 : 0
	bad = spilled > 0 || registers > most
	printf "%-24s %-8s %3d registers %5d bytes shared %4d spilled%s\n", kernel, arch, registers, shared, spilled, bad ? "  <- too many" : ""
	failed += bad
	seen++
}
END {
	if (!seen) { print "ptxas reported no kernel"; exit 1 }
	if (failed) { printf "%d kernels spill registers or need more than %d\n", failed, most; exit 1 }
}
