package ref

// Cast is y = x; the device rounds what it stores.
func Cast(y, x []float64) { copy(y, x) }
