package optim

// betterBy is the share of the least loss so far by which a loss has to be less to count
// as better.
const betterBy = 1e-4

// A Plateau is where the schedule plateau stands: PyTorch's ReduceLROnPlateau with its
// usual constants. The zero Plateau has seen nothing.
type Plateau struct {
	Best *float64 `json:"best"` // the least loss that was better
	Bad  int      `json:"bad"`  // epochs since then, or since the last cut
	Cuts int      `json:"cuts"` // of the rate, so far
}

// See takes note of an epoch's loss: where more than patience of them in a row are not
// better, the rate is cut.
func (p *Plateau) See(loss float64, patience int) {
	switch {
	case p.Best == nil && loss-loss == 0, p.Best != nil && loss < *p.Best*(1-betterBy):
		p.Best, p.Bad = &loss, 0
	default:
		p.Bad++
	}
	if p.Bad > patience {
		p.Bad = 0
		p.Cuts++
	}
}
