package ref_test

import (
	"testing"

	"imgcls/internal/device/devicetest"
	"imgcls/internal/device/ref"
)

func TestConformance(t *testing.T) { devicetest.Run(t, ref.New(), ref.New()) }

func TestRoundingConformance(t *testing.T) { devicetest.Run(t, ref.NewRounding(), ref.NewRounding()) }
