package place

import "github.com/aws/aws-sdk-go-v2/service/ecs/types"

// Split says how many of count tasks each item of a capacity provider strategy
// gets: first the bases, then the rest by weight, each task going where the
// share is furthest behind. Without a weight, nothing is left for the rest: all
// are zero then.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
func Split(strategy []types.CapacityProviderStrategyItem, count int) []int {
	given := make([]int, len(strategy))
	weighted := make([]int, len(strategy)) // beyond the base
	heaviest := 0
	for _, item := range strategy {
		heaviest = max(heaviest, int(item.Weight))
	}
	if heaviest == 0 {
		return given
	}
	for i, item := range strategy {
		given[i] = min(count, int(item.Base))
		count -= given[i]
	}
	for range count {
		next := -1
		for i, item := range strategy {
			if item.Weight > 0 && (next < 0 || (weighted[i]+1)*int(strategy[next].Weight) < (weighted[next]+1)*int(item.Weight)) {
				next = i
			}
		}
		weighted[next]++
		given[next]++
	}
	return given
}
