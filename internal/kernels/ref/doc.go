// Package ref is the arithmetic of every operation in its plainest form. It is
// the specification: the reference device runs it, and every other device is
// compared with it.
//
// A function takes its outputs first, then its inputs, then extents. Tensors
// are slices in the layouts of package graph: images N H W C, filters O R S I,
// matrices row by row. Real numbers are float64, whatever type they have
// elsewhere; bytes, class numbers and counters keep their types. Outputs are
// overwritten whole and share no memory with inputs. An output that nobody
// reads may be nil where the function says so.
//
// Sums run over k in ascending order. A product is converted to float64 before
// it is added: the language then rounds it, so that no processor fuses the two
// and all give the same bits.
//
// The functions trust their caller: slices have the lengths that the extents
// give, indices are in range.
package ref
