package ecs

import (
	"encoding/base64"
	"fmt"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// page takes one page of at most limit keys from keys, which are in order, from
// nextToken on. The token of the following page is nil at the end. A token is
// opaque to clients; it survives the deletion of what it points at.
func page(keys iter.Seq[string], nextToken *string, limit int) ([]string, *string, error) {
	from, err := pageStart(nextToken)
	if err != nil {
		return nil, nil, err
	}
	out, next := pageOf(func(yield func(string) bool) {
		for key := range keys {
			if key >= from && !yield(key) {
				return
			}
		}
	}, limit)
	return out, next, nil
}

// tokenMark tells a token of ours from any other text that happens to be base64.
const tokenMark = "next:"

// pageStart is the key that a token points at; empty for the first page, which an
// empty token means too: callers start their loops with one.
func pageStart(nextToken *string) (string, error) {
	if aws.ToString(nextToken) == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*nextToken)
	key, ours := strings.CutPrefix(string(b), tokenMark)
	if err != nil || !ours {
		return "", invalid("Invalid token.")
	}
	return key, nil
}

// pageOf takes the first keys, limit at most, and the token of the key after them.
func pageOf(keys iter.Seq[string], limit int) (page []string, next *string) {
	page = []string{}
	for key := range keys {
		if len(page) == limit {
			token := base64.RawURLEncoding.EncodeToString([]byte(tokenMark + key))
			return page, &token
		}
		page = append(page, key)
	}
	return page, nil
}

// pageSize checks maxResults; nil means most.
func pageSize(maxResults *int32, most int) (int, error) {
	if maxResults == nil {
		return most, nil
	}
	if *maxResults < 1 || int(*maxResults) > most {
		return 0, invalid(fmt.Sprintf("maxResults must be between 1 and %d.", most))
	}
	return int(*maxResults), nil
}
