// Package fetch brings files of known size and sums from the network and
// unpacks archives of known contents.
//
// Get tries the addresses of a file in turn. One that is slower than others
// may be gives way to the next, and when all are slow the fastest goes on: a
// download never ends for slowness. What has come stays beside the target as
// NAME.part, so that a cut, an interrupt or a crash costs nothing: the same
// call, or the next one, asks for the rest by Range. The file gets its name
// only when its size and both its sums are right; a file with wrong sums gets
// the name NAME.bad and is never used.
//
// An answer that cannot be the file is refused before a byte of it is kept: a
// web page, as the login pages of networks send, another length, a redirect to
// plain http or to a host that is not among the file's addresses. Plain http
// is used only for a mirror that the user names.
//
// Unpack writes the known members of a gzipped tar into a staging folder
// beside the target, through an os.Root that nothing can leave, and renames
// the folder to its place when all members have come at their exact sizes. An
// archive that holds anything else is refused, and nothing of it stays.
package fetch
