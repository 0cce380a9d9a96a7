package augment

// TTA lists the kinds of test-time augmentation: which views of a picture an evaluation
// averages the logits of.
//
//	none  the picture alone
//	flip  it and its mirror image
//	6     these by one half; by the other, both of the picture moved by a pixel up and
//	      left, and down and right, with its border mirrored, as airbench does
var TTA = []string{"none", "flip", "6"}

// A View is one way to look at a picture: what ViewPolicy makes of it for the draw.
type View struct {
	Draw
	Weight float64 // of its logits; those of all views add up to 1
}

// ViewPolicy is what Draws of views are of.
var ViewPolicy = Policy{Crop: 1, Reflect: true}

// Views returns the views of a kind, the picture itself first; "" is none. There are no
// views of a kind that is not in TTA.
func Views(tta string) []View {
	view := func(at int, flip bool, weight float64) View { return View{Draw{Top: at, Left: at, Flip: flip}, weight} }
	switch tta {
	case "", "none":
		return []View{view(1, false, 1)}
	case "flip":
		return []View{view(1, false, 0.5), view(1, true, 0.5)}
	case "6":
		return []View{
			view(1, false, 0.25), view(1, true, 0.25),
			view(0, false, 0.125), view(0, true, 0.125), view(2, false, 0.125), view(2, true, 0.125),
		}
	}
	return nil
}
