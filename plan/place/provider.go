package place

import (
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Split says how many of count tasks each item of a capacity provider strategy
// gets. Without a weight all get none.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
func Split(strategy []types.CapacityProviderStrategyItem, count int) []int {
	given := make([]int, len(strategy))
	for turn, i := range Turns(strategy) {
		if turn == count {
			break
		}
		given[i]++
	}
	return given
}

// Turns yields for one task after the other, from 0 on and without end, which
// item of a capacity provider strategy gets it: first the bases, then by weight,
// each task going where the share is furthest behind. Without a weight there are
// no turns.
func Turns(strategy []types.CapacityProviderStrategyItem) iter.Seq2[int, int] {
	return func(yield func(turn, item int) bool) {
		heaviest := 0
		for _, item := range strategy {
			heaviest = max(heaviest, int(item.Weight))
		}
		if heaviest == 0 {
			return
		}
		turn := 0
		for i, item := range strategy {
			for range item.Base {
				if !yield(turn, i) {
					return
				}
				turn++
			}
		}
		weighted := make([]int, len(strategy)) // beyond the base
		for ; ; turn++ {
			next := -1
			for i, item := range strategy {
				if item.Weight > 0 && (next < 0 || (weighted[i]+1)*int(strategy[next].Weight) < (weighted[next]+1)*int(item.Weight)) {
					next = i
				}
			}
			weighted[next]++
			if !yield(turn, next) {
				return
			}
		}
	}
}
