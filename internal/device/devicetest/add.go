package devicetest

import "imgcls/internal/graph"

var addCases = []testCase{
	{name: "one", op: graph.Add{}, in: []arg{float(1), float(1)}, rows: 2, near: contraction},
	{name: "images", op: graph.Add{}, in: []arg{float(2, 3, 5, 3), float(2, 3, 5, 3)}, rows: 2, near: contraction},
	{name: "prime", op: graph.Add{}, in: []arg{float(1009), float(1009)}, rows: 2, near: contraction},
	{name: "large", op: graph.Add{}, in: []arg{float(7, 4567), float(7, 4567)}, rows: 2, near: contraction},

	{name: "one", op: graph.ChannelSum{}, in: []arg{float(1)}, near: contraction},
	{name: "one row", op: graph.ChannelSum{}, in: []arg{float(5)}, near: contraction},
	{name: "rows", op: graph.ChannelSum{}, in: []arg{float(101, 3)}, near: contraction},
	{name: "images", op: graph.ChannelSum{}, in: []arg{float(3, 7, 5, 17)}, near: contraction},
	{name: "long sums", op: graph.ChannelSum{}, in: []arg{float(4, 28, 28, 6)}, near: contraction},
}
