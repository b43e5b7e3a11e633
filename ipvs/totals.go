package ipvs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseTotals reads the text of /proc/net/ip_vs_stats: under titles a line of what was counted and one of what comes per second, in hex.
func parseTotals(text string) (s Stats, r Rates, err error) {
	var rows [][]uint64
	for line := range strings.Lines(text) {
		if row, ok := hexRow(line); ok {
			rows = append(rows, row)
		}
	}
	if len(rows) != 2 {
		return s, r, fmt.Errorf("%d lines of numbers, want 2: %w", len(rows), errTotals)
	}
	n := rows[0]
	s = Stats{n[0], n[1], n[2], n[3], n[4]}
	n = rows[1]
	return s, Rates{n[0], n[1], n[2], n[3], n[4]}, nil
}

var errTotals = errors.New("not the form of ip_vs_stats")

// hexRow reads the five numbers of a line, or says that it is none of numbers.
func hexRow(line string) (row []uint64, ok bool) {
	for _, word := range strings.Fields(line) {
		n, err := strconv.ParseUint(word, 16, 64)
		if err != nil {
			return nil, false
		}
		row = append(row, n)
	}
	return row, len(row) == 5
}
