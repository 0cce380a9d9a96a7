# Reads what `ptxas -v` says and prints a line for each kernel and architecture:
# registers of a thread, bytes of shared memory, bytes that registers are spilled
# to. It fails if nothing was read: then the compiler's words have changed.
/Compiling entry function/ { split($0, word, "'"); kernel = word[2]; arch = word[4] }
/bytes stack frame/ {
	match($0, /[0-9]+ bytes spill stores/); spilled = substr($0, RSTART) + 0
	match($0, /[0-9]+ bytes spill loads/);  spilled += substr($0, RSTART)
}
/Used [0-9]+ registers/ {
	match($0, /Used [0-9]+/); registers = substr($0, RSTART + 5) + 0
	shared = match($0, /[0-9]+ bytes smem/) ? substr($0, RSTART) + 0 : 0
	printf "%s %s registers %d shared %d spilled %d\n", kernel, arch, registers, shared, spilled
	seen++
}
END {
	if (!seen) { print "ptxas reported no kernel"; exit 1 }
}
