package main

import "context"

func runDataGet(ctx context.Context, s *settings, _ []string) error {
	_, err := s.openData(ctx, s.data.fallBack(defaultData))
	return err
}
