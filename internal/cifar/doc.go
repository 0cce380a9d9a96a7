// Package cifar reads CIFAR-10 in its official binary form: 60,000 colour
// images of 32×32 pixels in ten classes, as six files of 10,000 records.
//
// A record is 3,073 bytes: the label, then the red, the green and the blue
// plane of 1,024 bytes each, row by row. Read turns the planes into
// interleaved pixels, the order in which every other source of images comes,
// so that an image is 32×32×3 bytes and a part of the set N×32×32×3.
//
// Read takes the folder cifar-10-batches-bin, the folder that holds it, or the
// archive cifar-10-binary.tar.gz. The archive is read in memory, only the
// names of the set count, and reading stops at the sizes that the set has, so
// a hostile archive can neither write anywhere nor fill the memory. Files with
// fewer or more records than the official ones are read with a warning; every
// other departure is a *fault.Error of kind Data.
//
// The other editions, CIFAR-100 and the Python pickles, are told apart by
// their names and refused with the name of the right archive. A pickle can run
// code, so none is ever opened.
package cifar
