# Holds what a compiler made of each kernel to the table: awk -f resources.awk TABLE BUILD
#
# A line is "kernel architecture registers N shared N spilled N". A GPU hands out
# registers in eights, and ptxas does not always come to the same number, so a kernel
# may take as many eights as the table says, or fewer; shared memory and spills are as
# in the table. Of the table only the architectures that were built count.
function eights(n) { return int((n + 7) / 8) }
FNR == NR { table[$1 " " $2] = $0; next }
{
	key = $1 " " $2
	built[key] = 1
	architecture[$2] = 1
	split(table[key], t)
	if (!(key in table)) said = "is not in the table"
	else if (eights($4) > eights(t[4])) said = "takes more registers than the table says: " t[4]
	else if ($6 != t[6]) said = "has another amount of shared memory than the table says: " t[6]
	else if ($8 > t[8]) said = "spills more bytes than the table says: " t[8]
	else next
	print $0 ": " said
	bad = 1
}
END {
	for (key in table) {
		split(key, k, " ")
		if (architecture[k[2]] && !(key in built)) {
			print key ": is in the table, and no such kernel was built"
			bad = 1
		}
	}
	exit bad
}
