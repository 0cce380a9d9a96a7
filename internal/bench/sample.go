package bench

import "slices"

// A Sample is what a contender did in one go.
type Sample struct {
	Steps   int     `json:"steps"`
	Seconds float64 `json:"seconds"`
	Images  int     `json:"images"` // 0 for what takes no pictures
	// Latency has the median and the 99th percentile of single forward runs, in
	// seconds; it is nil where they were not looked at one by one.
	Latency *[2]float64 `json:"latency,omitempty"`
}

// Median returns the middle of the numbers, the mean of the two middle ones of
// an even number, and 0 of none.
func Median(numbers []float64) float64 {
	n := len(numbers)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(numbers))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Spread returns the least and the greatest of the numbers, of which there is
// at least one.
func Spread(numbers []float64) [2]float64 {
	return [2]float64{slices.Min(numbers), slices.Max(numbers)}
}

// percentiles sorts times, and returns the median and the smallest that 99 of
// 100 do not exceed. Of no times it is nil.
func percentiles(times []float64) *[2]float64 {
	n := len(times)
	if n == 0 {
		return nil
	}
	slices.Sort(times)
	return &[2]float64{Median(times), times[(99*n+99)/100-1]}
}
