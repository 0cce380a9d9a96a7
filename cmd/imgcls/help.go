package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// explain prints the help of a command, or of imgcls for an empty path.
func (f *frame) explain(path []string) error {
	cmd, rest, err := f.root.Find(path)
	if err != nil || len(rest) > 0 {
		g := f.grammar()
		return g.unknownCommand(g.root, strings.Join(path, " "))
	}
	return cmd.Help()
}

// usage prints what a command is given: arguments, commands below it, and its flags,
// those of a topic together in the order of the table.
func (f *frame) usage(cmd *cobra.Command) error {
	var b strings.Builder
	if !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
	} else {
		fmt.Fprintf(&b, "Usage:\n  %s COMMAND [flags]\n", cmd.CommandPath())
		b.WriteString("\nCommands:\n")
		tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(tw, "  %s\t%s\n", strings.Join(append([]string{sub.Name()}, sub.Aliases...), ", "), sub.Short)
			}
		}
		tw.Flush()
		fmt.Fprintf(&b, "\n`%s COMMAND --help` explains one of them.\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	topics := slices.Clone(f.s.topics)
	topics = append(topics[1:], topics[0]) // those of all commands come last
	for _, t := range topics {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.SortFlags = false
		for _, r := range t.rows {
			if flag := cmd.Flag(r.name); flag != nil {
				flags.AddFlag(flag)
			}
		}
		if flags.HasFlags() {
			fmt.Fprintf(&b, "\n%s:\n%s", t.name, flags.FlagUsages())
		}
	}
	_, err := fmt.Fprint(cmd.OutOrStderr(), b.String())
	return err
}
